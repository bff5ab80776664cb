//! What guidance asks for beyond the Pod Security Standards, each rule with its reason and its mend.

mod read_only_root_filesystem;

use crate::practice::Practice;

/// Every practice.
pub(crate) const PRACTICES: &[&Practice] = &[&read_only_root_filesystem::PRACTICE];
