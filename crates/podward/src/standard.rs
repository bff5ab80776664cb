//! The standard that manifests are held to, as the command line names it.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use podward_policy::{Level, Version};

/// `--profile` and `--kubernetes-version`.
#[derive(clap::Args)]
pub(crate) struct Standard {
    /// Pod Security level that counts
    #[arg(
        long,
        default_value = "restricted",
        env = "PODWARD_PROFILE",
        value_parser = PossibleValuesParser::new(["privileged", "baseline", "restricted"])
            .try_map(|level| level.parse::<Level>())
    )]
    pub(crate) profile: Level,
    /// Version of Kubernetes whose rules count: 1.0 and later, or latest
    #[arg(
        long,
        value_name = "VERSION",
        default_value = "latest",
        env = "PODWARD_KUBERNETES_VERSION"
    )]
    pub(crate) kubernetes_version: Version,
}
