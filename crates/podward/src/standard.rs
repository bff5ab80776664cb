//! The standard that manifests are held to, as the command line names it.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use podward_policy::{Ids, Profile, Settings, Version};

/// `--profile` and `--kubernetes-version`.
#[derive(clap::Args)]
pub(crate) struct Standard {
    /// What manifests are held to: a level of the Pod Security Standards, or podward, which is restricted and what
    /// guidance asks for beyond it
    #[arg(
        long,
        default_value = "podward",
        env = "PODWARD_PROFILE",
        value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::as_str))
            .try_map(|profile| profile.parse::<Profile>())
    )]
    pub(crate) profile: Profile,
    /// Version of Kubernetes whose rules count: 1.0 and later, or latest
    #[arg(
        long,
        value_name = "VERSION",
        default_value = "latest",
        env = "PODWARD_KUBERNETES_VERSION"
    )]
    pub(crate) kubernetes_version: Version,
}

impl Standard {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            profile: self.profile,
            version: self.kubernetes_version,
            ids: Ids {
                run_as_user: None,
                run_as_group: None,
                fs_group: None,
            },
            exceptions: std::sync::Arc::default(),
        }
    }
}
