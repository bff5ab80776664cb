//! The standard that manifests are held to, as the command line and podward.yaml name it.

use std::path::PathBuf;
use std::sync::Arc;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use podward_policy::{Profile, Settings, Severity, Version};

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
    /// Version of Kubernetes whose rules count: 1.0 and later, or latest (the default; of a cluster, its own)
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
    version: Option<Version>,
}

/// What an object is held to by the place it has in a cluster, where nothing else is said.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// By the labels of its namespace.
    pub(crate) profile: Option<Profile>,
    pub(crate) version: Option<Version>,
    /// The version of the API server.
    pub(crate) server: Version,
    /// Rules that are left out.
    pub(crate) without: Vec<&'static str>,
}

impl Standard {
    /// Reads the configuration, and says what is newer than this program.
    pub(crate) fn asked(&self, io: &Io, paths: &[PathBuf]) -> Result<Asked, Report> {
        let config = Config::find(self.config.as_deref(), paths)?;
        if let Some(version) = self.kubernetes_version.or(config.version) {
            note_newer(io, version);
        }
        Ok(Asked {
            profile: self.profile,
            version: self.kubernetes_version,
            config,
        })
    }
}

/// Says whose rules count where a version is newer than this program.
pub(crate) fn note_newer(io: &Io, version: Version) {
    if let Some(newest) = version.clamped() {
        io.note(format_args!(
            "note: {version} is newer than this program; the rules are those of {newest}"
        ));
    }
}

impl Asked {
    /// What a file is held to.
    pub(crate) fn settings(&self, file: &File) -> Settings {
        let path = file.path();
        let held = file.held.as_ref();
        let by_place = || held.and_then(|held| held.profile);
        let by_config = || self.config.profile_of(path).or(self.config.profile);
        let profile = self.profile.or_else(by_place).or_else(by_config);
        let version = self.version.or_else(|| held.and_then(|held| held.version));
        let version = version.or(self.config.version);
        let version = version.or_else(|| held.map(|held| held.server));
        let mut exceptions = self.config.exceptions(path);
        exceptions.is_patch = file.is_patch;
        for rule in held.iter().flat_map(|held| &held.without) {
            exceptions.severities.insert((*rule).to_owned(), None);
        }
        Settings {
            profile: profile.unwrap_or(Profile::Podward),
            version: version.unwrap_or(Version::Latest),
            ids: self.config.ids,
            exceptions: Arc::new(exceptions),
        }
    }

    /// Whether the profile is named on the command line, whatever a namespace asks for.
    pub(crate) const fn names_profile(&self) -> bool {
        self.profile.is_some()
    }

    /// The least severity that counts as found.
    pub(crate) fn fail_on(&self, flag: Option<Severity>) -> Severity {
        flag.or(self.config.fail_on).unwrap_or(Severity::Warning)
    }
}
