//! The standard that manifests are held to, as the command line and podward.yaml name it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use podward_policy::{Exceptions, Profile, Settings, Severity, Version};

use crate::config::Config;
use crate::files::File;
use crate::io::Io;
use crate::report::Report;

/// `--profile`, `--kubernetes-version` and `--config`.
#[derive(clap::Args)]
pub(crate) struct Standard {
    /// What manifests are held to: a level of the Pod Security Standards, or podward (the default), which is
    /// restricted and what guidance asks for beyond it
    #[arg(
        long,
        env = "PODWARD_PROFILE",
        value_parser = PossibleValuesParser::new(Profile::ALL.map(Profile::as_str))
            .try_map(|profile| profile.parse::<Profile>())
    )]
    profile: Option<Profile>,
    /// Version of Kubernetes whose rules count: 1.0 and later, or latest (the default)
    #[arg(long, value_name = "VERSION", env = "PODWARD_KUBERNETES_VERSION")]
    kubernetes_version: Option<Version>,
    /// Configuration; else the podward.yaml beside the first PATH or above it, up to the top of the repository
    #[arg(long, value_name = "FILE", env = "PODWARD_CONFIG")]
    config: Option<PathBuf>,
}

/// What counts in this run.
pub(crate) struct Asked {
    pub(crate) config: Config,
    profile: Option<Profile>,
    version: Version,
}

impl Standard {
    /// Reads the configuration, and says what is newer than this program.
    pub(crate) fn asked(&self, io: &Io, paths: &[PathBuf]) -> Result<Asked, Report> {
        let config = Config::find(self.config.as_deref(), paths)?;
        let version = self.kubernetes_version.or(config.version);
        let version = version.unwrap_or(Version::Latest);
        if let Some(newest) = version.clamped() {
            io.note(format_args!(
                "note: {version} is newer than this program; the rules are those of {newest}"
            ));
        }
        Ok(Asked {
            profile: self.profile,
            version,
            config,
        })
    }
}

impl Asked {
    /// What a file is held to.
    pub(crate) fn settings(&self, file: &File) -> Settings {
        let path = file.path();
        let by_config = || self.config.profile_of(path).or(self.config.profile);
        Settings {
            profile: self.profile.or_else(by_config).unwrap_or(Profile::Podward),
            version: self.version,
            ids: self.config.ids,
            exceptions: Arc::new(Exceptions {
                is_patch: file.is_patch,
                ..self.config.exceptions(path)
            }),
        }
    }

    /// The least severity that counts as found.
    pub(crate) fn fail_on(&self, flag: Option<Severity>) -> Severity {
        flag.or(self.config.fail_on).unwrap_or(Severity::Warning)
    }
}
