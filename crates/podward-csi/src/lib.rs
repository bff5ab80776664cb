//! The CSI driver `secrets-store.csi.k8s.io` with the Azure Key Vault provider built in.

mod atomic_writer;
mod node;
mod publish;
mod service;

/// Messages and services of the Container Storage Interface, generated from `proto/csi.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::use_self,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod proto;

pub use atomic_writer::{Payload, WriteError, write};
pub use node::{Driver, Rotated, Volumes};
pub use publish::PublishError;
pub use service::{connect, serve};
