//! Formats, and what is printed and counted.

use std::collections::BTreeMap;

use podward_policy::Severity;
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
    /// How many findings there are of each severity.
    pub(super) findings: BTreeMap<Severity, usize>,
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
pub(super) fn file(io: &Io, printed: &Printed, fail_on: Severity, total: &mut Total) {
    for error in &printed.errors {
        io.report(error);
    }
    if let Some(text) = printed.text.strip_suffix('\n') {
        io.print(text);
    }
    total.files += 1;
    total.workloads += printed.workloads;
    total.refused += printed.refused;
    total.with_findings += usize::from(!printed.findings.is_empty());
    for (severity, count) in &printed.findings {
        total.findings += count;
        if *severity >= fail_on {
            total.failing += count;
        }
        match severity {
            Severity::Error => total.by_severity.0 += count,
            Severity::Warning => total.by_severity.1 += count,
            Severity::Info => total.by_severity.2 += count,
        }
    }
    total.errors += printed.errors.len();
}

/// Prints the sum.
pub(super) fn total(io: &Io, format: Format, total: &Total) {
    if format == Format::Podsecurity {
        return;
    }
    let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
    let (errors, warnings, hints) = total.by_severity;
    let kinds = [(errors, "error"), (warnings, "warning"), (hints, "hint")];
    let kinds = kinds.iter().filter(|(n, _)| *n > 0);
    let kinds: Vec<_> = kinds.map(|(n, one)| count(*n, one)).collect();
    let kinds = if kinds.is_empty() {
        String::new()
    } else {
        format!(" ({})", kinds.join(", "))
    };
    io.line(format_args!(
        "{}{kinds}: {} of {} refused, {} of {} with findings",
        io.tone(
            if total.failing == 0 {
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
            "bySeverity": {"error": errors, "warning": warnings, "info": hints},
            "workloads": total.workloads,
            "refused": total.refused,
            "files": total.files,
            "errors": total.errors,
        }),
    );
}
