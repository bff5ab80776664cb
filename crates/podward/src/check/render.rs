//! A file's findings or verdicts, in each format.

use std::rc::Rc;

use podward_manifest::Source;
use podward_policy::{Decoded, Examined, ExaminedObject, Finding, Severity};
use serde::Serialize;
use serde_json::{Value, json};

use super::print::{Format, Printed};
use crate::files::File;
use crate::finding;
use crate::io::{Io, Tone};
use crate::report::Report;

/// Longest sentence that is repeated with every finding, bytes. It names all containers at fault.
const MAX_SENTENCE: usize = 500;

/// Writes a file out.
pub(super) fn file(
    io: &Io,
    format: Format,
    file: &File,
    source: &Source,
    judged: &Examined,
) -> Printed {
    let mut printed = Printed::default();
    let lines = source.lines();
    for error in &judged.errors {
        printed.errors.push(
            Report::new(&error.message)
                .at(&error.path, Some(error.position))
                .excerpt(lines.excerpt(error.position)),
        );
    }
    if format == Format::Podsecurity {
        verdicts(&mut printed, file, judged);
        return printed;
    }
    let all = findings(&mut printed, judged);
    if format == Format::Json {
        for shown in &all {
            printed.line(&event(shown).to_string());
        }
        for error in &judged.errors {
            printed.line(
                &json!({
                    "event": "error",
                    "file": error.path,
                    "line": error.position.line,
                    "column": error.position.column,
                    "message": error.message,
                })
                .to_string(),
            );
        }
        return printed;
    }
    let mut last = None;
    for shown in all {
        let heading = heading(&source.path, &shown);
        if last.as_ref() != Some(&heading) {
            printed.line(&io.tone(Tone::Strong, &heading));
            last = Some(heading);
        }
        let sentence = shown.sentence.as_deref();
        let text = finding::text(io, Some(&lines), shown.finding, sentence);
        for line in text.lines() {
            printed.line(&format!("  {line}"));
        }
        printed.line("");
    }
    printed
}

/// The file, and the object that a finding is in.
fn heading(path: &str, shown: &Shown<'_>) -> String {
    let Some(ExaminedObject { object, .. }) = shown.object else {
        return path.to_owned();
    };
    let name = match &object.namespace {
        Some(namespace) => format!("{namespace}/{}", object.name),
        None => object.name.clone(),
    };
    crate::io::harmless(&format!("{path}: {} {name}", object.kind))
}

/// A finding and where it belongs.
struct Shown<'a> {
    object: Option<&'a ExaminedObject>,
    finding: &'a Finding,
    /// What Kubernetes itself would say.
    sentence: Option<Rc<str>>,
}

/// Everything that was found, in the order of the file; counts it.
fn findings<'a>(printed: &mut Printed, judged: &'a Examined) -> Vec<Shown<'a>> {
    let mut all: Vec<Shown<'a>> = Vec::new();
    let mut add = |object, finding, sentence| {
        all.push(Shown {
            object,
            finding,
            sentence,
        });
    };
    judged.of_file.iter().for_each(|f| add(None, f, None));
    for object in &judged.objects {
        let fields = object.findings.iter();
        fields.for_each(|f| add(Some(object), f, None));
        for verdict in &object.verdicts {
            printed.workloads += 1;
            let Decoded::Verdict(verdict) = verdict else {
                printed.refused += 1;
                continue;
            };
            printed.refused += usize::from(!verdict.allowed());
            for violation in &verdict.violations {
                let sentence: Rc<str> = shortened(violation.sentence()).into();
                for finding in &violation.findings {
                    add(Some(object), finding, Some(Rc::clone(&sentence)));
                }
            }
        }
    }
    all.sort_by_key(|shown| shown.finding.position);
    for shown in &all {
        *printed.findings.entry(shown.finding.severity).or_default() += 1;
    }
    all
}

fn shortened(mut sentence: String) -> String {
    if sentence.len() > MAX_SENTENCE {
        sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE));
        sentence.push('…');
    }
    sentence
}

fn event(shown: &Shown<'_>) -> Value {
    let mut event = finding::json(shown.finding);
    if let Value::Object(fields) = &mut event {
        fields.insert("event".into(), json!("finding"));
        fields.insert("sentence".into(), json!(shown.sentence.as_deref()));
        if let Some(ExaminedObject { object, .. }) = shown.object {
            fields.insert("doc".into(), json!(object.doc));
            fields.insert("kind".into(), json!(object.kind));
            fields.insert("name".into(), json!(object.name));
            fields.insert("namespace".into(), json!(object.namespace));
        }
    }
    event
}

/// The versions whose workloads admission looks at; it never sees the older ones.
const JUDGED_BY_THE_LIBRARY: &[&str] = &["v1", "apps/v1", "batch/v1"];

/// A verdict as a line; the names and their order are those of the library's own test output.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    doc: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err: Option<&'a str>,
}

fn verdicts(printed: &mut Printed, file: &File, judged: &Examined) {
    (printed.workloads, printed.refused) = (0, 0);
    for ExaminedObject {
        object, verdicts, ..
    } in &judged.objects
    {
        let Some(verdict) = verdicts.first() else {
            continue;
        };
        if !JUDGED_BY_THE_LIBRARY.contains(&object.api_version.as_str()) {
            continue;
        }
        let mut line = Line {
            file: &file.relative,
            doc: object.doc,
            kind: None,
            name: None,
            level: None,
            allowed: false,
            detail: None,
            err: None,
        };
        match verdict {
            Decoded::Error(error) => line.err = Some(error),
            Decoded::Verdict(verdict) => {
                line.kind = Some(&object.kind);
                line.name = Some(object.name.as_str()).filter(|name| !name.is_empty());
                line.level = Some(format!("{}:{}", verdict.level, verdict.version));
                line.allowed = verdict.allowed();
                line.detail = (!verdict.allowed()).then(|| verdict.violates());
            }
        }
        printed.workloads += 1;
        printed.refused += usize::from(!line.allowed);
        printed.line(&serde_json::to_string(&line).unwrap_or_default());
    }
    if printed.refused > 0 {
        printed.findings.insert(Severity::Error, printed.refused);
    }
}
