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

/// Changes that mend a finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What changes in its object, from the object's root.
    pub changes: Vec<Change>,
    /// What has to change with it in other objects.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether a pod that works may stop working by it.
    pub safety: Safety,
}

/// Changes of another object than that of the finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// Path of its file.
    pub path: String,
    /// Where the object begins.
    pub start: Position,
    /// What changes in it, from the object's root.
    pub changes: Vec<Change>,
}

/// Whether a fix may break a pod that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// It cannot.
    Safe,
    /// It may, and how that shows.
    MayBreak(&'static str),
    /// Its value is an example: a person has to say which is right, and where.
    Decision(&'static str),
}
