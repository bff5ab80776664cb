//! What is printed of a file, in each format.

use podward_manifest::Source;
use podward_policy::Finding;
use serde::Serialize;
use serde_json::{Value, json};

use super::Total;
use super::files::File;
use super::judge::{Decoded, Judged, JudgedObject};
use crate::finding;
use crate::io::{Io, Output, Tone};
use crate::report::Report;

/// What output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// To be read.
    Text,
    /// One JSON object a line.
    Json,
    /// One verdict a line, as the Kubernetes library gives it.
    Podsecurity,
}

impl Format {
    pub(super) const fn output(self) -> Output {
        match self {
            Self::Json => Output::Json,
            Self::Text | Self::Podsecurity => Output::Text,
        }
    }
}

/// A file as it is to be printed, and what counts of it.
#[derive(Default)]
pub(super) struct Printed {
    text: String,
    errors: Vec<Report>,
    workloads: usize,
    refused: usize,
    findings: usize,
}

impl Printed {
    /// A file that cannot be read.
    pub(super) fn failed(error: Report) -> Self {
        Self {
            errors: vec![error],
            ..Self::default()
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// Prints a file and adds it up.
pub(super) fn file(io: &Io, printed: &Printed, total: &mut Total) {
    for error in &printed.errors {
        io.report(error);
    }
    if let Some(text) = printed.text.strip_suffix('\n') {
        io.print(text);
    }
    total.files += 1;
    total.workloads += printed.workloads;
    total.refused += printed.refused;
    total.findings += printed.findings;
    total.with_findings += usize::from(printed.findings > 0);
    total.errors += printed.errors.len();
}

/// Prints the sum.
pub(super) fn total(io: &Io, format: Format, total: &Total) {
    if format == Format::Podsecurity {
        return;
    }
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    io.line(format_args!(
        "{}: {} of {} refused, {} of {} with findings",
        io.tone(
            if total.findings == 0 {
                Tone::Good
            } else {
                Tone::Bad
            },
            count(total.findings, "finding")
        ),
        total.refused,
        count(total.workloads, "workload"),
        total.with_findings,
        count(total.files, "file"),
    ));
    io.emit(
        "summary",
        json!({
            "findings": total.findings,
            "workloads": total.workloads,
            "refused": total.refused,
            "files": total.files,
            "errors": total.errors,
        }),
    );
}

/// Writes a file out.
pub(super) fn render(
    io: &Io,
    format: Format,
    file: &File,
    source: &Source,
    judged: &Judged,
) -> Printed {
    let mut printed = Printed::default();
    for error in &judged.errors {
        printed.errors.push(
            Report::new(&error.message)
                .at(&error.path, Some(error.position))
                .excerpt(source.excerpt(error.position)),
        );
    }
    let mut all: Vec<(Option<&JudgedObject>, &Finding, Option<String>)> = Vec::new();
    all.extend(judged.twice.iter().map(|finding| (None, finding, None)));
    for object in &judged.objects {
        let fields = object.fields.iter();
        all.extend(fields.map(|finding| (Some(object), finding, None)));
        for verdict in &object.verdicts {
            printed.workloads += 1;
            let Decoded::Verdict(verdict) = verdict else {
                printed.refused += 1;
                continue;
            };
            printed.refused += usize::from(!verdict.allowed());
            for violation in &verdict.violations {
                let sentence = violation.sentence();
                let findings = violation.findings.iter();
                all.extend(findings.map(|f| (Some(object), f, Some(sentence.clone()))));
            }
        }
    }
    if format == Format::Podsecurity {
        verdicts(&mut printed, file, judged);
        return printed;
    }
    all.sort_by_key(|(_, finding, _)| finding.position);
    printed.findings = all.len();
    if format == Format::Json {
        for (object, finding, sentence) in all {
            printed.line(&event(object, finding, sentence.as_deref()).to_string());
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
    if !all.is_empty() {
        printed.line(&io.tone(Tone::Strong, &source.path));
    }
    let lines = source.lines();
    for (_, finding, sentence) in all {
        let text = finding::text(io, Some(&lines), finding, sentence.as_deref());
        for line in text.lines() {
            printed.line(&format!("  {line}"));
        }
        printed.line("");
    }
    printed
}

fn event(object: Option<&JudgedObject>, finding: &Finding, sentence: Option<&str>) -> Value {
    let mut event = finding::json(finding);
    if let Value::Object(fields) = &mut event {
        fields.insert("event".into(), json!("finding"));
        fields.insert("sentence".into(), json!(sentence));
        if let Some(JudgedObject { object, .. }) = object {
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

fn verdicts(printed: &mut Printed, file: &File, judged: &Judged) {
    (printed.workloads, printed.refused) = (0, 0);
    for JudgedObject {
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
    printed.findings = printed.refused;
}
