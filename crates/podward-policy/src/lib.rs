//! Rules and verdicts on pods: the Pod Security Standards at their latest version, with the
//! place of every fault. Pure: a workload in, a verdict out.

mod check;
mod checks;
mod credentials;
mod finding;
mod level;
mod pod;
mod verdict;
mod words;

pub use check::Check;
pub use checks::{ALL as CHECKS, SAFE_SYSCTLS};
pub use credentials::credentials;
pub use finding::Finding;
pub use level::{Level, LevelError};
pub use verdict::{Verdict, Violation, judge};
