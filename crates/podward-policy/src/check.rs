//! What a check is, and what it says.

use podward_manifest::Change;
use serde_json::Value;

use crate::pod::Pod;
use crate::{Fix, Level, Safety};

/// One control of the Pod Security Standards.
#[derive(Debug)]
pub struct Check {
    /// Name of the control, as the Kubernetes library has it.
    pub id: &'static str,
    /// The lowest level that asks for it.
    pub level: Level,
    /// The minor version of Kubernetes 1 that brought it.
    pub since: u32,
    /// The control that it takes the place of at its own level.
    pub replaces: Option<&'static str>,
    /// What an attacker gains where it does not hold.
    pub why: &'static str,
    pub(crate) run: fn(&Pod<'_>) -> Option<Breach>,
}

/// A control that does not hold.
#[derive(Debug)]
pub(crate) struct Breach {
    /// First half of the server's sentence.
    pub(crate) reason: String,
    /// The half in parentheses.
    pub(crate) detail: String,
    /// Every place that breaks it.
    pub(crate) spots: Vec<Spot>,
}

/// One place that breaks a control.
#[derive(Debug)]
pub(crate) struct Spot {
    pub(crate) field: String,
    pub(crate) position: podward_manifest::Position,
    pub(crate) message: String,
    pub(crate) mend: String,
    pub(crate) fix: Option<Fix>,
}

impl Spot {
    /// Mended by another value of its own field.
    pub(crate) fn fixed_to(self, value: impl Into<Value>, safety: Safety) -> Self {
        let field = self.field.clone();
        self.fixed_at(&field, value, safety)
    }

    /// Mended by the value of a field, whose path begins at the object's root.
    pub(crate) fn fixed_at(mut self, field: &str, value: impl Into<Value>, safety: Safety) -> Self {
        let change = Change::new(field, value.into());
        self.fix = Some(Fix { change, safety });
        self
    }
}

impl Breach {
    /// A breach, unless no place breaks the control.
    pub(crate) fn unless_none(
        spots: Vec<Spot>,
        reason: &str,
        detail: impl FnOnce() -> String,
    ) -> Option<Self> {
        (!spots.is_empty()).then(|| Self {
            reason: reason.to_owned(),
            detail: detail(),
            spots,
        })
    }
}
