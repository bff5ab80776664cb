//! Key Vault: the provider's parameters, the client, and what an object looks like as a file.

mod client;
mod format;
mod parameters;

pub use client::{Fetched, KeyVault, TokenSource, VaultError};
pub use parameters::{Encoding, Mode, ObjectKind, ParameterError, Parameters, VaultObject};
