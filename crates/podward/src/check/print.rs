//! Formats, and what is printed and counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use podward_policy::Severity;
use serde::Serialize;
use serde_json::{Value, json};

use super::baseline::Key;
use super::{Total, github, junit, sarif};
use crate::io::{Io, Output, Tone};
use crate::report::Report;

/// What output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// To be read
    Text,
    /// One JSON object a line
    Json,
    /// SARIF 2.1.0, as code hosts show it
    Sarif,
    /// JUnit XML, as build servers show it
    Junit,
    /// Workflow commands of GitHub Actions
    Github,
    /// One verdict a line, as the Kubernetes library gives it
    Podsecurity,
}

impl Format {
    pub(super) const fn output(self) -> Output {
        match self {
            Self::Text => Output::Text,
            Self::Json => Output::Json,
            Self::Sarif | Self::Junit | Self::Github | Self::Podsecurity => Output::Other,
        }
    }
}

/// A file, or a piece of one, as it is to be printed, and what counts of it.
#[derive(Default)]
pub(super) struct Printed {
    /// Whether this is the last piece of its file.
    pub(super) ends: bool,
    pub(super) text: String,
    pub(super) errors: Vec<Report>,
    pub(super) workloads: usize,
    pub(super) refused: usize,
    /// How many findings there are of each severity.
    pub(super) by_severity: BTreeMap<Severity, usize>,
    pub(super) by_rule: BTreeMap<&'static str, usize>,
    /// How many were left by suppressions, and by the baseline.
    pub(super) suppressed: usize,
    pub(super) known: usize,
    pub(super) keys: Vec<Key>,
    /// Where a line is made, so that its memory serves the next one too.
    line: Vec<u8>,
}

impl Printed {
    /// A file of which nothing is told.
    pub(super) fn whole() -> Self {
        Self {
            ends: true,
            ..Self::default()
        }
    }

    /// A file that cannot be read.
    pub(super) fn failed(error: Report) -> Self {
        Self {
            ends: true,
            errors: vec![error],
            ..Self::default()
        }
    }

    /// What cannot be read, and is no file.
    pub(super) fn unread(error: Report) -> Self {
        Self {
            errors: vec![error],
            ..Self::default()
        }
    }

    /// A line of JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) {
        self.line.clear();
        if serde_json::to_writer(&mut self.line, value).is_ok()
            && let Ok(line) = std::str::from_utf8(&self.line)
        {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// What stands before all files.
pub(super) fn begin(io: &Io, format: Format) {
    match format {
        Format::Sarif => {
            io.print(sarif::begin());
        }
        Format::Junit => {
            io.print(junit::BEGIN);
        }
        _ => {}
    }
}

/// What could not be read, for the forms that tell of it.
pub(super) struct Unread {
    /// As SARIF tells it.
    errors: Vec<Value>,
    /// Whether documents are not written.
    is_quiet: bool,
}

/// Most errors that one document tells of.
const MAX_UNREAD: usize = 1000;

impl Unread {
    pub(super) fn new(is_quiet: bool) -> Self {
        Self {
            errors: Vec::new(),
            is_quiet,
        }
    }

    /// Tells errors where they are met, and keeps them for the end of a document.
    pub(super) fn add(&mut self, io: &Io, format: Format, errors: &[Report]) {
        for error in errors {
            io.report(error);
            // those of texts are told with the findings of their file
            let is_of_text = error.is_of_text();
            match format {
                Format::Github => {
                    io.print(github::error(error));
                }
                Format::Json if !is_of_text => {
                    let position = error.position();
                    let mut event = json!({
                        "file": error.place().unwrap_or_default(), "message": error.message(),
                    });
                    if let (Some(at), Some(fields)) = (position, event.as_object_mut()) {
                        fields.insert("line".into(), json!(at.line));
                        fields.insert("column".into(), json!(at.column));
                    }
                    io.emit("error", event);
                }
                Format::Junit if !is_of_text && !self.is_quiet => {
                    io.print(junit::unread(error));
                }
                Format::Sarif if self.errors.len() < MAX_UNREAD => {
                    self.errors.push(sarif::unread(error));
                }
                _ => {}
            }
        }
    }
}

/// What stands behind all files.
pub(super) fn end(io: &Io, format: Format, unread: &Unread) {
    match format {
        Format::Sarif => {
            io.print(sarif::end(&unread.errors));
        }
        Format::Junit => {
            io.print(junit::END);
        }
        _ => {}
    }
}

/// Prints what was found in a file; `began` says whether another file came before it.
pub(super) fn findings(io: &Io, format: Format, printed: &Printed, began: &mut bool) {
    let Some(mut text) = printed.text.strip_suffix('\n') else {
        return;
    };
    if format == Format::Sarif && !*began {
        text = text.strip_prefix(',').unwrap_or(text);
    }
    *began = true;
    io.print(text);
}

/// Adds a file up.
pub(super) fn add(mut printed: Printed, fail_on: Severity, total: &mut Total) {
    total.files += usize::from(printed.ends);
    total.workloads += printed.workloads;
    total.refused += printed.refused;
    total.suppressed += printed.suppressed;
    total.known += printed.known;
    total.errors += printed.errors.len();
    total.in_file += printed.by_severity.values().sum::<usize>();
    if printed.ends {
        total.with_findings += usize::from(std::mem::take(&mut total.in_file) > 0);
    }
    for (severity, count) in printed.by_severity {
        total.findings += count;
        *total.by_severity.entry(severity).or_default() += count;
        if severity >= fail_on {
            total.failing += count;
        }
    }
    for (rule, count) in printed.by_rule {
        *total.by_rule.entry(rule).or_default() += count;
    }
    total.keys.append(&mut printed.keys);
}

/// A number of things, in the singular for one.
pub(crate) fn count(n: usize, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// Prints how often each rule was broken, the most broken first.
pub(super) fn summary(io: &Io, format: Format, total: &Total) {
    let mut rules: Vec<_> = total.by_rule.iter().collect();
    rules.sort_by_key(|(rule, count)| (Reverse(**count), **rule));
    for (rule, count) in rules {
        let title = podward_policy::rule(rule).map_or("", |rule| rule.title);
        match format {
            Format::Json => io.emit("rule", json!({"rule": rule, "findings": count})),
            _ => {
                io.print(format_args!("{count:>7}  {rule:<28}  {title}"));
            }
        }
    }
}

/// Prints the sum.
pub(super) fn total(io: &Io, format: Format, total: &Total) {
    let of = |severity| {
        total
            .by_severity
            .get(&severity)
            .copied()
            .unwrap_or_default()
    };
    let (errors, warnings, hints) = (
        of(Severity::Error),
        of(Severity::Warning),
        of(Severity::Info),
    );
    if format == Format::Json {
        io.emit(
            "summary",
            json!({
                "findings": total.findings,
                "bySeverity": {"error": errors, "warning": warnings, "info": hints},
                "suppressed": total.suppressed,
                "known": total.known,
                "workloads": total.workloads,
                "refused": total.refused,
                "files": total.files,
                "errors": total.errors,
            }),
        );
    }
    if format != Format::Text {
        return;
    }
    let listed = |kinds: &[(usize, &str)]| {
        let some = kinds.iter().filter(|(n, _)| *n > 0);
        some.map(|(n, one)| count(*n, one))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let kinds = listed(&[(errors, "error"), (warnings, "warning"), (hints, "hint")]);
    let mut line = io.tone(
        if total.failing == 0 {
            Tone::Good
        } else {
            Tone::Bad
        },
        count(total.findings, "finding"),
    );
    if !kinds.is_empty() {
        line.push_str(&format!(" ({kinds})"));
    }
    line.push_str(&format!(
        ": {} of {} refused, {} of {} with findings",
        total.refused,
        count(total.workloads, "workload"),
        total.with_findings,
        count(total.files, if total.is_live { "object" } else { "file" }),
    ));
    if total.suppressed > 0 {
        line.push_str(&format!("; {} suppressed", total.suppressed));
    }
    if total.known > 0 {
        line.push_str(&format!("; {} in the baseline", total.known));
    }
    io.line(line);
}
