//! Admission: what the webhook adds to a pod. Pure; JSON in, JSON out.

mod workload_identity;

pub use workload_identity::{Environment, MutateError, inject};
