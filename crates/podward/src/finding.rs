//! How one finding is shown, by every command that has any.

use podward_manifest::Lines;
use podward_policy::{Finding, Severity};
use serde::Serialize;

use crate::files::LIVE;
use crate::io::{Io, Tone, harmless};

/// What is told of a finding besides its place and its mend.
#[derive(Clone, Copy, Default)]
pub(crate) struct More<'a> {
    /// Why it matters.
    pub(crate) why: bool,
    /// What Kubernetes itself says of it.
    pub(crate) sentence: Option<&'a str>,
}

/// A finding for people: its place, rule and message, the line, why it matters and what mends it.
pub(crate) fn text(
    io: &Io,
    lines: Option<&Lines<'_>>,
    finding: &Finding,
    more: &More<'_>,
) -> String {
    let place = if finding.path.starts_with(LIVE) {
        // it has no lines but those that are shown here
        harmless(&finding.field).into_owned()
    } else {
        format!(
            "{}:{}:{}",
            harmless(&finding.path),
            finding.position.line,
            finding.position.column
        )
    };
    let tone = match finding.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
        Severity::Info => Tone::Faint,
    };
    let mut text = format!(
        "{} {} {}",
        io.tone(Tone::Strong, place),
        io.tone(
            tone,
            format_args!("{}[{}]", finding.severity.as_str(), finding.rule)
        ),
        harmless(&finding.message)
    );
    let excerpt = lines.map(|lines| match finding.secret {
        Some(secret) => lines.excerpt_without(finding.position, secret),
        None => lines.excerpt(finding.position),
    });
    let mut line = |line: &str| {
        text.push('\n');
        text.push_str(line);
    };
    for shown in excerpt.unwrap_or_default().lines() {
        line(&harmless(shown));
    }
    if more.why {
        line(&format!("  why:  {}", finding.why));
    }
    line(&format!("  mend: {}", harmless(&finding.mend)));
    if let Some(sentence) = more.sentence {
        line(&format!("  says: {}", harmless(sentence)));
    }
    text
}

/// A finding for programs. One struct: what is flattened into another is written by way of a map.
#[derive(Serialize)]
pub(crate) struct Json<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<&'static str>,
    rule: &'a str,
    severity: &'a str,
    file: &'a str,
    line: usize,
    column: usize,
    field: &'a str,
    message: &'a str,
    why: &'a str,
    mend: &'a str,
    /// What Kubernetes itself would say, where it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sentence: Option<Option<&'a str>>,
    /// Of the object, where that is told, as what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) doc: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<Option<&'a str>>,
}

impl<'a> From<&'a Finding> for Json<'a> {
    fn from(finding: &'a Finding) -> Self {
        Self {
            event: None,
            rule: finding.rule,
            severity: finding.severity.as_str(),
            file: &finding.path,
            line: finding.position.line,
            column: finding.position.column,
            field: &finding.field,
            message: &finding.message,
            why: finding.why,
            mend: &finding.mend,
            sentence: None,
            doc: None,
            kind: None,
            name: None,
            namespace: None,
        }
    }
}
