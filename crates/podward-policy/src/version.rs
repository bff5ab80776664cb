//! Versions of the standards, which are those of Kubernetes.

use std::fmt;
use std::str::FromStr;

/// The last version of Kubernetes 1 that changed a control.
const NEWEST: u32 = 37;

/// A version of Kubernetes whose standards are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// The newest there is.
    Latest,
    /// Kubernetes 1 with this minor version. One that is newer than this program counts as the
    /// newest it knows, as in the API server.
    V1(u32),
}

impl Version {
    /// The minor version of Kubernetes 1 whose controls hold.
    #[must_use]
    pub const fn minor(self) -> u32 {
        match self {
            Self::V1(minor) if minor < NEWEST => minor,
            _ => NEWEST,
        }
    }

    /// The newest version that is known, where this one is newer still.
    #[must_use]
    pub fn clamped(self) -> Option<Self> {
        (self != Self::Latest && self != Self::V1(self.minor())).then_some(Self::V1(NEWEST))
    }
}

/// As the namespace label writes it.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::V1(minor) => write!(f, "v1.{minor}"),
        }
    }
}

/// A text that names no version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no version of Kubernetes: use latest, or 1.0 to 1.{NEWEST}")]
pub struct VersionError(String);

impl FromStr for Version {
    type Err = VersionError;

    /// Reads `latest`, `v1.36` or `1.36`.
    fn from_str(text: &str) -> Result<Self, VersionError> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.");
        let digits = |minor: &&str| minor.bytes().all(|b| b.is_ascii_digit());
        minor
            .filter(digits)
            .and_then(|minor| minor.parse().ok())
            .map(Self::V1)
            .ok_or_else(|| VersionError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_written_as_in_labels() {
        for text in ["latest", "v1.0", "v1.37", "v1.99"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        assert_eq!("1.36".parse(), Ok(Version::V1(36)));
        for text in [
            "", "1", "v1", "1.", "0.9", "2.0", "1.36.2", "1.-1", "1.+1", "Latest",
        ] {
            let error = text.parse::<Version>().unwrap_err();
            assert!(error.to_string().contains("use latest"), "{text}");
        }
    }

    #[test]
    fn what_is_newer_counts_as_the_newest() {
        assert_eq!(Version::V1(99).minor(), Version::Latest.minor());
        assert_eq!(Version::V1(99).clamped(), Some(Version::V1(NEWEST)));
        assert_eq!(Version::V1(NEWEST).clamped(), None);
        assert_eq!(Version::Latest.clamped(), None);
    }
}
