//! What became of the findings of a file.

use podward_policy::{Finding, Mended, Safety};
use serde_json::json;

use crate::io::{Io, Tone};

/// Says what is left, to who sits at the terminal: standard output carries the patch.
pub(super) fn tell(io: &Io, shown: &str, mended: &Mended, written: bool) {
    if mended.patches > 0 {
        let why = "a patch of kustomize is left as it is: mend what it patches";
        io.emit("skipped", json!({"file": shown, "reason": why}));
        if !io.is_json() {
            io.note(format_args!("{}: {why}", io.tone(Tone::Strong, shown)));
        }
    }
    let event = |finding: &Finding, outcome: &str, why: &str| {
        io.emit(
            "fix",
            json!({
                "outcome": outcome, "rule": finding.rule, "file": &*finding.path,
                "line": finding.position.line, "column": finding.position.column,
                "field": finding.field, "message": finding.message, "reason": why,
            }),
        );
    };
    let note = |finding: &Finding, why: &str| {
        if io.is_json() {
            return;
        }
        let at = finding.position;
        let place = format_args!("{}:{}:{}", finding.path, at.line, at.column);
        let place = io.tone(Tone::Strong, place);
        io.note(format_args!("{place} {}: {why}", finding.message));
    };
    for finding in &mended.done {
        event(
            finding,
            if written { "mended" } else { "wouldBeMended" },
            "",
        );
    }
    for finding in &mended.unsafe_left {
        let why = match finding.fix.as_ref().map(|fix| fix.safety) {
            Some(Safety::MayBreak(why)) => why,
            _ => "",
        };
        event(finding, "mayBreak", why);
        note(finding, &format!("the fix needs --unsafe-fixes, for {why}"));
    }
    for (finding, why) in &mended.failed {
        event(finding, "failed", why);
        note(finding, &format!("not mended: {why}"));
    }
    for finding in &mended.by_hand {
        event(finding, "byHand", &finding.mend);
    }
}
