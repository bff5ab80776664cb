//! The vaults: what they hold, and their HTTP interface.

mod backup;
mod bundle;
mod certificate;
mod data;
mod deleted;
mod door;
mod export;
mod extensions;
mod fault;
mod fill;
mod issuer;
mod key;
mod material;
mod objects;
mod operation;
mod page;
mod path;
mod pbes1;
mod pending;
mod pkcs12;
mod policy;
mod query;
mod quick;
mod rights;
mod rotation;
mod secret;
mod sent;
mod shelf;
mod step;
mod store;
mod subject;
mod tend;
#[cfg(test)]
pub(crate) mod trial;
mod wanted;
pub(crate) mod x509;

pub(crate) use data::Seal;
pub use data::{Data, DataError};
pub(crate) use door::serve;
pub use export::Export;
pub(crate) use fill::Filling;
pub(crate) use path::kind as kind_of;
pub(crate) use quick::is_quick;
pub(crate) use store::{Store, check_secret, new_version};
