//! One fault with its place.

use podward_manifest::{Change, Position};

/// One fault: where it is, why it matters and what mends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name of the rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Path of the file.
    pub path: String,
    /// Where the field stands, or the deepest part of its path that is written.
    pub position: Position,
    /// Path of the field in the object.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What an attacker gains.
    pub why: &'static str,
    /// What to write instead.
    pub mend: String,
    /// What mends it, where there is one right answer.
    pub fix: Option<Fix>,
    /// From where to where the source holds a secret that output must not repeat.
    pub secret: Option<(Position, Position)>,
}

/// How bad a finding is, from the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A hint: there is a better way.
    Info,
    /// A fault in most cases, or one with little to gain.
    Warning,
    /// A fault.
    Error,
}

impl Severity {
    /// The word for it: `info`, `warning` or `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A change of the object that mends a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What changes, from the object's root.
    pub change: Change,
    /// Whether a pod that works may stop working by it.
    pub safety: Safety,
}

/// Whether a fix may break a pod that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// It cannot.
    Safe,
    /// It may, and how that shows.
    MayBreak(&'static str),
}
