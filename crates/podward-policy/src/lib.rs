//! Rules and verdicts on pods: the Pod Security Standards of every version of Kubernetes, with the
//! place of every fault, and credentials in manifests and other texts. Pure: a workload in, a verdict out.

mod capabilities;
mod check;
mod checks;
mod credentials;
mod examine;
mod exceptions;
mod finding;
mod level;
mod mask;
mod mend;
mod neighbours;
mod os;
mod patch;
mod pod;
mod practice;
mod practices;
mod profiles;
mod rule;
mod rules;
mod settings;
mod verdict;
mod version;
mod words;

pub use check::Check;
pub use checks::{
    ALL as CHECKS, DEFAULT_CAPABILITIES, RESTRICTED_VOLUMES, SAFE_SYSCTLS, SE_LINUX_TYPES,
};
pub use credentials::{
    Credential, FileKind, Reading, credentials, credentials_in, credentials_of,
    credentials_of_file, file_kind, findings_of_image,
};
pub use examine::{Decoded, Examined, ExaminedObject, LONG, examine, examine_each, findings_of};
pub use exceptions::{Exceptions, Ignore, IsKnown, Known};
pub use finding::{Edit, Elsewhere, Finding, Fix, Safety, Severity};
pub use level::{Level, LevelError};
pub use mask::mask;
pub use mend::{Fixed, Mended, Mending, mend, mend_across};
pub use neighbours::{Neighbours, Surroundings, surroundings};
pub use rule::{Profile, Remedy, Rule};
pub use rules::{nearest as nearest_rule, rule, rules};
pub use settings::{Ids, Settings};
pub use verdict::{Verdict, Violation, judge};
pub use version::{Version, VersionError};
