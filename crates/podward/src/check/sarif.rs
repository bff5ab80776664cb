//! Findings as SARIF 2.1.0 (OASIS), with the text of the rules and the fixes.

use std::fmt::Write;

use podward_manifest::{Position, Source, edit};
use podward_policy::{Finding, Remedy, Rule, Severity, rules};
use serde_json::{Value, json};

use super::print::Printed;
use super::render::Shown;
use crate::files::{LIVE, RENDERED};
use crate::report::Report;

/// Most fixes of a file that are tried, and most bytes that are read for them: each reads its file.
const MAX_FIXES: usize = 200;
const MAX_READ: usize = 8 << 20;

/// All that stands behind the results: whether all could be read, and what could not.
pub(super) fn end(unread: &[Value]) -> String {
    let invocation = json!({
        "executionSuccessful": unread.is_empty(),
        "toolExecutionNotifications": unread,
    });
    format!("],\"invocations\":[{invocation}]}}]}}")
}

/// What could not be read, as a notification.
pub(super) fn unread(error: &Report) -> Value {
    let mut told = json!({"level": "error", "message": text(error.brief())});
    let file = error.place().filter(|place| !place.starts_with(LIVE));
    if let (Some(file), Some(fields)) = (file, told.as_object_mut()) {
        let mut place = json!({ "artifactLocation": artifact(file) });
        if let (Some(at), Some(place)) = (error.position(), place.as_object_mut()) {
            let region = json!({"startLine": at.line, "startColumn": at.column});
            place.insert("region".into(), region);
        }
        fields.insert("locations".into(), json!([{ "physicalLocation": place }]));
    }
    told
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn text(text: impl Into<String>) -> Value {
    json!({ "text": text.into() })
}

fn descriptor(rule: &Rule) -> Value {
    let mut help = format!(
        "{}.\n\n**Mend**: {}\n\n**Source**: {}\n",
        rule.why, rule.mend, rule.source
    );
    for (heading, examples) in [("breaks", rule.fails), ("keeps", rule.passes)] {
        if let Some(example) = examples.first() {
            let _ = write!(help, "\nThis {heading} it:\n\n```yaml\n{example}```\n");
        }
    }
    json!({
        "id": rule.id,
        "name": rule.id,
        "shortDescription": text(rule.title),
        "fullDescription": text(format!("{}: {}", rule.title, rule.why)),
        "help": {"text": format!("{}. Mend: {}", rule.why, rule.mend), "markdown": help},
        "defaultConfiguration": {"level": level(rule.severity)},
        "properties": {
            "tags": ["security", "kubernetes"],
            "profile": rule.profile.as_str(),
            "fix": rule.remedy.as_str(),
            "precision": if rule.remedy == Remedy::ByHand { "high" } else { "very-high" },
        },
    })
}

/// All that stands before the results, which a reader may begin to parse at once.
pub(super) fn begin() -> String {
    let head = json!({
        "driver": {
            "name": "podward",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": rules().iter().copied().map(descriptor).collect::<Vec<_>>(),
        }
    });
    format!(
        "{{\"$schema\":\"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{head},\"columnKind\":\"unicodeCodePoints\",\"results\":["
    )
}

/// How many fixes of a file were tried.
#[derive(Default)]
pub(super) struct Fixes {
    tried: usize,
}

impl Fixes {
    /// Results of a file, each behind a comma.
    pub(super) fn file(&mut self, printed: &mut Printed, source: &Source, all: &[Shown<'_>]) {
        let hidden: Vec<_> = all.iter().filter_map(|one| one.finding.secret).collect();
        for shown in all {
            let mut result = result(shown);
            let most = MAX_FIXES.min(MAX_READ / source.text.len().max(1));
            if self.tried < most && shown.finding.fix.is_some() {
                self.tried += 1;
                if let (Some(fix), Value::Object(fields)) =
                    (fix(source, shown, &hidden), &mut result)
                {
                    fields.insert("fixes".into(), json!([fix]));
                }
            }
            printed.line(&format!(",{result}"));
        }
    }
}

/// A finding as a result, without its fix.
fn result(shown: &Shown<'_>) -> Value {
    let finding = shown.finding;
    let index = rules().iter().position(|rule| rule.id == finding.rule);
    let mut message = format!("{}. Mend: {}", finding.message, finding.mend);
    if let Some(sentence) = &shown.sentence {
        let _ = write!(message, ". Pod Security says: {sentence}");
    }
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": text(message),
        "locations": [location(finding, shown)],
        "partialFingerprints": {"podward/v1": fingerprint(finding, shown)},
    })
}

fn artifact(path: &str) -> Value {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            byte => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    if path.starts_with('/') {
        return json!({ "uri": format!("file://{uri}") });
    }
    json!({ "uri": uri })
}

fn location(finding: &Finding, shown: &Shown<'_>) -> Value {
    let at = finding.position;
    // the lines of what was rendered are not those of its source, and an object of a cluster has none
    let source = finding.path.strip_prefix(RENDERED);
    let live = finding.path.starts_with(LIVE).then_some(&*finding.path);
    let place = match source.or(live) {
        Some(source) => json!({"artifactLocation": artifact(source)}),
        None => json!({
            "artifactLocation": artifact(&finding.path),
            "region": {"startLine": at.line, "startColumn": at.column},
        }),
    };
    let mut location = json!({ "physicalLocation": place });
    if let (Some(one), Value::Object(fields)) = (shown.object, &mut location) {
        let object = &one.object;
        let name = [
            object.kind.as_str(),
            object.namespace.as_deref().unwrap_or_default(),
            &object.name,
        ];
        let name: Vec<_> = name.into_iter().filter(|part| !part.is_empty()).collect();
        let logical =
            json!([{"fullyQualifiedName": format!("{}:{}", name.join("/"), finding.field)}]);
        fields.insert("logicalLocations".into(), logical);
    }
    location
}

/// What stays the same where lines move (FNV-1a of file, object, rule and field).
fn fingerprint(finding: &Finding, shown: &Shown<'_>) -> String {
    let object = shown.object.map(|one| &one.object);
    let name = object.map_or("", |object| object.name.as_str());
    let kind = object.map_or("", |object| object.kind.as_str());
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in [&*finding.path, kind, name, finding.rule, &finding.field] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// The fix of a finding as the lines that it replaces; none where it cannot be made by itself, or
/// changes other objects too. Of lines that hold secrets it is what changes in them alone, and none
/// where other text stands between two changes.
fn fix(source: &Source, shown: &Shown<'_>, hidden: &[(Position, Position)]) -> Option<Value> {
    let finding = shown.finding;
    let fix = finding.fix.as_ref()?;
    if finding.path.starts_with(RENDERED) || finding.path.starts_with(LIVE) {
        return None;
    }
    if !fix.elsewhere.is_empty() || matches!(fix.safety, podward_policy::Safety::Decision(_)) {
        return None;
    }
    let changes = finding.changes();
    let start = shown.object?.object.node.start;
    let edited = edit(&source.text, start, &changes).ok()?;
    let before: Vec<&str> = source.text.split_inclusive('\n').collect();
    let after: Vec<&str> = edited.split_inclusive('\n').collect();
    let (head, tail) = common(&before, &after);
    let mut region = json!({
        "startLine": head + 1,
        "startColumn": 1,
        "endLine": before.len() - tail + 1,
        "endColumn": 1,
    });
    let mut inserted = after.get(head..after.len() - tail)?.concat();
    let replaced = head + 1..=before.len() - tail;
    let is_hidden = |(from, to): &(Position, Position)| {
        from.line <= *replaced.end() && to.line >= *replaced.start()
    };
    if hidden.iter().any(is_hidden) {
        if changes.len() > 1 {
            return None;
        }
        let old: Vec<char> = source.text.chars().collect();
        let new: Vec<char> = edited.chars().collect();
        let (head, tail) = common(&old, &new);
        let (from, to) = (place(old.get(..head)?), place(old.get(..old.len() - tail)?));
        region = json!({
            "startLine": from.line,
            "startColumn": from.column,
            "endLine": to.line,
            "endColumn": to.column,
        });
        inserted = new.get(head..new.len() - tail)?.iter().collect();
    }
    let mut how = "mends it".to_owned();
    if let podward_policy::Safety::MayBreak(why) = fix.safety {
        how = format!("mends it, and may break a pod that works: {why}");
    }
    Some(json!({
        "description": text(how),
        "artifactChanges": [{
            "artifactLocation": artifact(&finding.path),
            "replacements": [{
                "deletedRegion": region,
                "insertedContent": text(inserted),
            }],
        }],
    }))
}

/// How much two texts have in common at their beginning, and behind that at their end.
fn common<T: PartialEq>(before: &[T], after: &[T]) -> (usize, usize) {
    let same = |(a, b): &(&T, &T)| a == b;
    let head = before.iter().zip(after).take_while(same).count();
    let rest = before.len().min(after.len()) - head;
    let tail = before.iter().rev().zip(after.iter().rev());
    (head, tail.take_while(same).count().min(rest))
}

/// The place behind a text.
fn place(text: &[char]) -> Position {
    let line = text.iter().filter(|c| **c == '\n').count() + 1;
    let column = text.iter().rev().take_while(|c| **c != '\n').count() + 1;
    Position { line, column }
}
