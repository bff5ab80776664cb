//! One fault with its place.

use std::borrow::Cow;
use std::sync::Arc;

use podward_manifest::{Change, Position};
use serde_json::Value;

/// One fault: where it is, why it matters and what mends it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name of the rule.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Path of the file.
    pub path: Arc<str>,
    /// Where the field stands, or the deepest part of its path that is written.
    pub position: Position,
    /// Path of the field in the object.
    pub field: String,
    /// What is wrong.
    pub message: Cow<'static, str>,
    /// What an attacker gains.
    pub why: &'static str,
    /// What to write instead.
    pub mend: Cow<'static, str>,
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
    /// What changes in its object.
    pub edits: Vec<Edit>,
    /// What has to change with it in other objects.
    pub elsewhere: Vec<Elsewhere>,
    /// Whether a pod that works may stop working by it.
    pub safety: Safety,
}

/// Changes of another object than that of the finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// Path of its file.
    pub path: Arc<str>,
    /// Where the object begins.
    pub start: Position,
    /// What changes in it.
    pub edits: Vec<Edit>,
    /// Why it cannot be changed, and the fix not be made.
    pub blocked: Option<&'static str>,
}

/// A change, in as little as every finding can carry: most are never asked for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Path of what changes, from the object's root; none is the field of the finding.
    pub field: Option<String>,
    /// The value it gets; none takes it out.
    pub value: Option<Value>,
}

impl Edit {
    /// A field with another value.
    #[must_use]
    pub fn set(field: String, value: impl Into<Value>) -> Self {
        Self {
            field: Some(field),
            value: Some(value.into()),
        }
    }

    /// A field that is taken out.
    #[must_use]
    pub fn removal(field: String) -> Self {
        Self {
            field: Some(field),
            value: None,
        }
    }

    /// The change that it is for a finding on a field.
    #[must_use]
    pub fn change(&self, of: &str) -> Change {
        let field = self.field.as_deref().unwrap_or(of);
        match &self.value {
            Some(value) => Change::new(field, value.clone()),
            None => Change::removal(field),
        }
    }
}

impl Finding {
    /// What its fix changes in its object; nothing where it has none.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let edits = self.fix.iter().flat_map(|fix| &fix.edits);
        edits.map(|edit| edit.change(&self.field)).collect()
    }
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
