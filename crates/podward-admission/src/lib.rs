//! Admission: which pods may be made, and what the webhook adds to them. Pure; JSON in, JSON out.

mod bounds;
mod complete;
mod existing;
mod fill;
mod gate;
mod names;
mod pods;
mod prune;
mod review;
mod selector;
mod standards;
mod token_endpoint;
mod workload_identity;

pub use complete::complete;
pub use existing::{MOST as MOST_EXISTING_PODS, Survey};
pub use fill::DEFAULT_LABEL;
pub use gate::{Decision, Exemptions, Gate};
pub use review::{Answer, Kind, Request, Resource, Review, Reviewed, Status, UserInfo};
pub use standards::{Family, LabelFault, Labels, Mode, Standard, Standards};
pub use token_endpoint::{TokenEndpoint, TokenEndpointError, TokenEndpointSettings};
pub use workload_identity::{Environment, MutateError, NumberError, inject};
