//! How one finding is shown, by every command that has any.

use podward_manifest::Lines;
use podward_policy::Finding;
use serde_json::{Value, json};

use crate::io::{Io, Tone};

/// A finding for people: its place and message, the line, why it matters and what mends it.
/// `sentence` is what Kubernetes itself would say.
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
    let mut text = format!(
        "{} {}",
        io.tone(Tone::Strong, place),
        io.tone(Tone::Bad, plain(&finding.message))
    );
    let excerpt = lines.map(|lines| match finding.secret {
        Some(secret) => lines.excerpt_without(finding.position, secret),
        None => lines.excerpt(finding.position),
    });
    let mut line = |line: &str| {
        text.push('\n');
        text.push_str(line);
    };
    excerpt.unwrap_or_default().lines().for_each(&mut line);
    line(&format!("  why:  {}", finding.why));
    line(&format!("  mend: {}", plain(&finding.mend)));
    if let Some(sentence) = sentence {
        line(&format!("  rule: {}", plain(sentence)));
    }
    text
}

/// A text from a manifest without what steers a terminal.
pub(crate) fn plain(text: &str) -> String {
    let seen = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(seen).collect()
}

/// A finding for programs.
pub(crate) fn json(finding: &Finding) -> Value {
    json!({
        "rule": finding.rule,
        "file": finding.path,
        "line": finding.position.line,
        "column": finding.position.column,
        "field": finding.field,
        "message": finding.message,
        "why": finding.why,
        "mend": finding.mend,
    })
}
