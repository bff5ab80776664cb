//! The vaults: what they hold, and their HTTP interface.

mod backup;
mod bundle;
mod certificate;
mod door;
mod fault;
mod key;
mod material;
mod objects;
mod page;
mod pending;
mod pkcs12;
mod policy;
mod secret;
mod shelf;
mod store;
pub(crate) mod x509;

pub(crate) use door::serve;
pub(crate) use store::{Store, check_secret, new_version};
