//! How one finding is shown, by every command that has any.

use podward_manifest::Lines;
use podward_policy::{Finding, Severity};
use serde_json::{Value, json};

use crate::io::{Io, Tone, harmless};

/// A finding for people: its place, rule and message, the line, why it matters and what mends it.
/// `sentence` is what Kubernetes itself says of it.
pub(crate) fn text(
    io: &Io,
    lines: Option<&Lines<'_>>,
    finding: &Finding,
    sentence: Option<&str>,
) -> String {
    let place = format!(
        "{}:{}:{}",
        finding.path, finding.position.line, finding.position.column
    );
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
    line(&format!("  why:  {}", finding.why));
    line(&format!("  mend: {}", harmless(&finding.mend)));
    if let Some(sentence) = sentence {
        line(&format!("  says: {}", harmless(sentence)));
    }
    text
}

/// A finding for programs.
pub(crate) fn json(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule,
        "severity": finding.severity.as_str(),
        "file": finding.path,
        "line": finding.position.line,
        "column": finding.position.column,
        "field": finding.field,
        "message": finding.message,
        "why": finding.why,
        "mend": finding.mend,
    })
}
