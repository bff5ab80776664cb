//! Formats, and what is printed and counted.

use serde_json::json;

use super::Total;
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
    pub(super) text: String,
    pub(super) errors: Vec<Report>,
    pub(super) workloads: usize,
    pub(super) refused: usize,
    pub(super) findings: usize,
}

impl Printed {
    /// A file that cannot be read.
    pub(super) fn failed(error: Report) -> Self {
        Self {
            errors: vec![error],
            ..Self::default()
        }
    }

    pub(super) fn line(&mut self, line: &str) {
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
