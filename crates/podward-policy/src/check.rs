//! What a check is, and what it says.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use crate::finding::Edit;
use crate::pod::Pod;
use crate::{Finding, Fix, Level, Rule, Safety, Severity};

/// One control of the Pod Security Standards.
#[derive(Debug)]
pub struct Check {
    /// The rule, whose name is that of the control in the Kubernetes library.
    pub rule: &'static Rule,
    /// The minor version of Kubernetes 1 that brought it.
    pub since: u32,
    /// The control that it takes the place of at its own level.
    pub replaces: Option<&'static str>,
    pub(crate) run: fn(&Pod<'_>) -> Option<Breach>,
}

impl Check {
    /// The lowest level that asks for it.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.rule.profile.level()
    }
}

/// A control that does not hold.
#[derive(Debug)]
pub(crate) struct Breach {
    /// First half of the server's sentence.
    pub(crate) reason: Cow<'static, str>,
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
    pub(crate) message: Cow<'static, str>,
    pub(crate) mend: Cow<'static, str>,
    pub(crate) fix: Option<Fix>,
    /// How bad this breach is, where that is not what the rule says.
    pub(crate) severity: Option<Severity>,
}

impl Spot {
    /// The finding of it.
    pub(crate) fn finding(self, rule: &Rule, path: &Arc<str>) -> Finding {
        Finding {
            rule: rule.id,
            severity: self.severity.unwrap_or(rule.severity),
            path: Arc::clone(path),
            position: self.position,
            field: self.field,
            message: self.message,
            why: rule.why,
            mend: self.mend,
            fix: self.fix,
            secret: None,
        }
    }

    /// Only a hint.
    pub(crate) const fn hint(mut self) -> Self {
        self.severity = Some(Severity::Info);
        self
    }

    /// Mended by another value of its own field.
    pub(crate) fn fixed_to(self, value: impl Into<Value>, safety: Safety) -> Self {
        let edit = Edit {
            field: None,
            value: Some(value.into()),
        };
        self.fixed_by(vec![edit], safety)
    }

    /// Mended by the value of a field, whose path begins at the object's root.
    pub(crate) fn fixed_at(self, field: String, value: impl Into<Value>, safety: Safety) -> Self {
        self.fixed_by(vec![Edit::set(field, value)], safety)
    }

    /// Mended by taking its own field out.
    pub(crate) fn taken_out(self, safety: Safety) -> Self {
        let edit = Edit {
            field: None,
            value: None,
        };
        self.fixed_by(vec![edit], safety)
    }

    /// Mended by an id that a person chooses: where none is chosen, an example.
    pub(crate) fn fixed_to_id(
        self,
        field: String,
        chosen: Option<u32>,
        example: u32,
        breaks: &'static str,
    ) -> Self {
        let safety = match chosen {
            Some(_) => Safety::MayBreak(breaks),
            None => Safety::Decision(breaks),
        };
        self.fixed_at(field, chosen.unwrap_or(example), safety)
    }

    /// Mended by nobody but a person, who is told how.
    pub(crate) fn mended_by_hand(self, mend: impl Into<Cow<'static, str>>) -> Self {
        Self {
            mend: mend.into(),
            fix: None,
            ..self
        }
    }

    /// Mended by changes of its object.
    pub(crate) fn fixed_by(mut self, edits: Vec<Edit>, safety: Safety) -> Self {
        self.fix = Some(Fix {
            edits,
            elsewhere: Vec::new(),
            safety,
        });
        self
    }
}

impl Breach {
    /// A breach, unless no place breaks the control.
    pub(crate) fn unless_none(
        spots: Vec<Spot>,
        reason: impl Into<Cow<'static, str>>,
        detail: impl FnOnce() -> String,
    ) -> Option<Self> {
        (!spots.is_empty()).then(|| Self {
            reason: reason.into(),
            detail: detail(),
            spots,
        })
    }
}
