//! Identity: which token a pod may have, where it comes from, and the doors that hand it out.

mod decide;
mod door;
mod federation;

pub use decide::{Asked, Refusal, RefusalKind, choose};
pub use door::{Door, ENDPOINT_PATH, IMDS_PATH};
pub use federation::{AccessToken, Federation, ServiceAccountTokens, TokenError, TokenKey};
