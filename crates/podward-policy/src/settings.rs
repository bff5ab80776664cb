//! What manifests are held to.

use std::sync::Arc;

use crate::{Exceptions, Profile, Version};

/// What manifests are held to, and what is known of the programs in them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is asked of them.
    pub profile: Profile,
    /// The version of Kubernetes whose rules count.
    pub version: Version,
    /// User and groups that fixes may write.
    pub ids: Ids,
    /// What is left of it.
    pub exceptions: Arc<Exceptions>,
}

/// The user and the groups that a person has chosen; fixes write none of their own choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// `runAsUser`.
    pub run_as_user: Option<u32>,
    /// `runAsGroup`.
    pub run_as_group: Option<u32>,
    /// `fsGroup`.
    pub fs_group: Option<u32>,
}
