//! What end-to-end tests have in common: the cluster that `cargo xtask e2e` started, and the podward that was built.

mod cluster;
mod installed;
mod load;
mod namespace;
mod podward;
mod tls;

pub use cluster::{Cluster, Fault, Said, run};
pub use installed::{Alone, Installed, SYSTEM, helm, manifests, rendered};
pub use load::under_load;
pub use namespace::Namespace;
pub use podward::{Verdict, check};
pub use tls::signed_by;

/// The name of an image that the node has.
#[must_use]
pub fn image(name: &str) -> String {
    format!("podward.dev/{name}:e2e")
}
