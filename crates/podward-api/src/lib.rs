//! The wire types of the APIs podward serves and the few types every crate shares.

pub mod aad_pod_identity;
pub mod access;
mod guid;
mod pem;
pub mod pod;
mod secret;
pub mod secrets_store;
pub mod workload_identity;

pub use guid::{Guid, GuidError};
pub use pem::pem;
pub use secret::SecretString;

/// Resource that Microsoft Entra issues Key Vault tokens for, in the public cloud.
pub const KEY_VAULT_RESOURCE: &str = "https://vault.azure.net";
