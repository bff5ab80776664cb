//! podward: least privilege, identity and secrets for Kubernetes pods.
fn main() {}
