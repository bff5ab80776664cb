//! A file's findings or verdicts, in each format.

use std::collections::BTreeSet;
use std::rc::Rc;

use podward_manifest::Source;
use podward_policy::{Decoded, Examined, ExaminedObject, Finding};
use serde::Serialize;
use serde_json::json;

use super::baseline::Key;
use super::print::{Format, Printed};
use super::{Run, github, junit, podsecurity, sarif};
use crate::files::File;
use crate::finding;
use crate::io::{Io, Tone};
use crate::report::Report;

/// Longest sentence that is repeated with every finding, bytes. It names all containers at fault.
const MAX_SENTENCE: usize = 500;

/// Writes a file out.
pub(super) fn file(run: &Run<'_>, file: &File, source: &Source, judged: &Examined) -> Printed {
    let mut printed = Printed::default();
    let lines = source.lines();
    for error in &judged.errors {
        printed.errors.push(
            Report::new(&error.message)
                .at(&error.path, Some(error.position))
                .excerpt(lines.excerpt(error.position)),
        );
    }
    if run.format == Format::Podsecurity {
        podsecurity::file(&mut printed, file, judged);
        return printed;
    }
    let mut all = findings(&mut printed, judged);
    if let Some(baseline) = run.baseline {
        printed.known = baseline.leave(&file.shown, &mut all);
    }
    for shown in &all {
        *printed
            .by_severity
            .entry(shown.finding.severity)
            .or_default() += 1;
        *printed.by_rule.entry(shown.finding.rule).or_default() += 1;
    }
    if run.keeps_keys {
        printed.keys = all.iter().map(|one| Key::of(&file.shown, one)).collect();
    }
    match run.format {
        Format::Podsecurity => {}
        Format::Text => text(run.io, &mut printed, source, &all),
        Format::Json => json_lines(&mut printed, judged, &all),
        Format::Sarif => sarif::file(&mut printed, source, &all),
        Format::Junit => junit::file(&mut printed, &file.shown, &all),
        Format::Github => github::file(&mut printed, &all),
    }
    printed
}

fn text(io: &Io, printed: &mut Printed, source: &Source, all: &[Shown<'_>]) {
    let lines = source.lines();
    let mut last = None;
    // why a rule is there is told once
    let mut told = BTreeSet::new();
    for shown in all {
        let heading = heading(&source.path, shown);
        if last.as_ref() != Some(&heading) {
            printed.line(&io.tone(Tone::Strong, &heading));
            last = Some(heading);
        }
        let more = finding::More {
            why: told.insert(shown.finding.rule),
            sentence: shown.sentence.as_deref(),
        };
        let text = finding::text(io, Some(&lines), shown.finding, &more);
        for line in text.lines() {
            printed.line(&format!("  {line}"));
        }
        printed.line("");
    }
}

fn json_lines(printed: &mut Printed, judged: &Examined, all: &[Shown<'_>]) {
    for shown in all {
        printed.line(&serde_json::to_string(&Event::from(shown)).unwrap_or_default());
    }
    for error in &judged.errors {
        let event = json!({
            "event": "error",
            "file": error.path,
            "line": error.position.line,
            "column": error.position.column,
            "message": error.message,
        });
        printed.line(&event.to_string());
    }
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
pub(super) struct Shown<'a> {
    pub(super) object: Option<&'a ExaminedObject>,
    pub(super) finding: &'a Finding,
    /// What Kubernetes itself would say.
    pub(super) sentence: Option<Rc<str>>,
}

/// Everything that was found, in the order of the file.
fn findings<'a>(printed: &mut Printed, judged: &'a Examined) -> Vec<Shown<'a>> {
    let mut all: Vec<Shown<'a>> = Vec::new();
    let mut add = |object, finding, sentence| {
        all.push(Shown {
            object,
            finding,
            sentence,
        });
    };
    printed.suppressed = judged.suppressed;
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
    all
}

fn shortened(mut sentence: String) -> String {
    if sentence.len() > MAX_SENTENCE {
        sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE));
        sentence.push('…');
    }
    sentence
}

/// A finding as a line of JSON.
#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(flatten)]
    finding: finding::Json<'a>,
    sentence: Option<&'a str>,
    #[serde(flatten)]
    object: Option<Named<'a>>,
}

/// The object that a finding is in.
#[derive(Serialize)]
struct Named<'a> {
    doc: usize,
    kind: &'a str,
    name: &'a str,
    namespace: Option<&'a str>,
}

impl<'a> From<&'a Shown<'_>> for Event<'a> {
    fn from(shown: &'a Shown<'_>) -> Self {
        let object = shown.object.map(|one| &one.object);
        Self {
            event: "finding",
            finding: shown.finding.into(),
            sentence: shown.sentence.as_deref(),
            object: object.map(|object| Named {
                doc: object.doc,
                kind: &object.kind,
                name: &object.name,
                namespace: object.namespace.as_deref(),
            }),
        }
    }
}
