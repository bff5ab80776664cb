//! What a rule is: its text, of which help, documents and findings are made.

use std::fmt;
use std::str::FromStr;

use crate::{Level, LevelError, Severity, Version};

/// A rule: what it asks for, why, and what mends a breach of it.
#[derive(Debug)]
pub struct Rule {
    /// Its name, as findings, suppressions and configuration have it.
    pub id: &'static str,
    /// How bad a breach is, at its worst.
    pub severity: Severity,
    /// The least profile that asks for it.
    pub profile: Profile,
    /// What holds where it is kept, as a sentence.
    pub title: &'static str,
    /// What an attacker gains, or what fails, where it is not kept.
    pub why: &'static str,
    /// How a breach is mended.
    pub mend: &'static str,
    /// Where the rule comes from: the field of Kubernetes, the standard, the document.
    pub source: &'static str,
    /// What `podward fix` does about it.
    pub remedy: Remedy,
    /// The version of Kubernetes that the examples are judged by.
    pub as_of: Version,
    /// The name of the file that the examples stand in.
    pub file: &'static str,
    /// Manifests, or other files, that break it.
    pub fails: &'static [&'static str],
    /// Those that keep it.
    pub passes: &'static [&'static str],
}

/// What `podward fix` does about a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// It mends it.
    Safe,
    /// It mends it with `--unsafe-fixes`.
    MayBreak,
    /// It mends it with `--unsafe-fixes` where podward.yaml says which value is right.
    Decision,
    /// A person has to.
    ByHand,
}

impl Remedy {
    /// The word for it in documents: `safe`, `unsafe`, `decision` or `none`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::MayBreak => "unsafe",
            Self::Decision => "decision",
            Self::ByHand => "none",
        }
    }
}

/// What manifests are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// A level of the Pod Security Standards.
    Level(Level),
    /// Restricted, and what guidance asks for beyond it.
    Podward,
}

impl Profile {
    /// The profile of all that is asked for always, such as no credentials.
    pub const ALWAYS: Self = Self::Level(Level::Privileged);
    /// Every profile, from the least.
    pub const ALL: [Self; 4] = [
        Self::ALWAYS,
        Self::Level(Level::Baseline),
        Self::Level(Level::Restricted),
        Self::Podward,
    ];

    /// The level of the Pod Security Standards that it asks for.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::Level(level) => level,
            Self::Podward => Level::Restricted,
        }
    }

    /// As the command line writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Level(level) => level.as_str(),
            Self::Podward => "podward",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, LevelError> {
        if text == "podward" {
            return Ok(Self::Podward);
        }
        text.parse().map(Self::Level)
    }
}

/// An example's Pod with these lines of its spec, which are indented by two.
macro_rules! pod {
    ($spec:literal) => {
        concat!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n",
            $spec
        )
    };
}
pub(crate) use pod;

/// An example's Pod that says nothing but what it runs.
pub(crate) const PLAIN: &str = pod!("  containers:\n  - name: web\n    image: example.com/web:1\n");
