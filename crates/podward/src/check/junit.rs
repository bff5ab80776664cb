//! Findings as JUnit XML: a suite for each file, a case for each finding; a file without any is one case that
//! passed.

use std::fmt::Write;

use podward_policy::Severity;

use super::print::Printed;
use super::render::Shown;
use crate::report::Report;

pub(super) const BEGIN: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"podward\">";
pub(super) const END: &str = "</testsuites>";

/// How many cases a suite has: what its first line says.
#[derive(Default)]
pub(super) struct Counts {
    findings: usize,
    failures: usize,
    errors: usize,
}

impl Counts {
    /// Adds what a part of the file is found to hold.
    pub(super) fn add(&mut self, all: &[Shown<'_>], errors: usize) {
        self.findings += all.len();
        let failures = all
            .iter()
            .filter(|shown| shown.finding.severity > Severity::Info);
        self.failures += failures.count();
        self.errors += errors;
    }
}

/// The suite of a file that is known as a whole.
pub(super) fn file(printed: &mut Printed, path: &str, all: &[Shown<'_>]) {
    let mut counts = Counts::default();
    counts.add(all, printed.errors.len());
    begin(printed, path, &counts);
    errors(printed, path, 0);
    cases(printed, path, all);
    end(printed);
}

/// The suite of what could not be read at all.
pub(super) fn unread(error: &Report) -> String {
    let path = escaped(error.place().unwrap_or("podward"));
    let message = escaped(&error.brief());
    format!(
        "<testsuite name=\"{path}\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">\n  <testcase classname=\"{path}\" name=\"readable\"><error message=\"{message}\"/></testcase>\n</testsuite>"
    )
}

/// The beginning of a suite, and the case that passed where there is no other.
pub(super) fn begin(printed: &mut Printed, path: &str, counts: &Counts) {
    let path = escaped(path);
    let all = counts.findings + counts.errors;
    let _ = writeln!(
        printed.text,
        "<testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\">",
        all.max(1),
        counts.failures,
        counts.errors,
    );
    if all == 0 {
        let _ = writeln!(
            printed.text,
            "  <testcase classname=\"{path}\" name=\"podward\"/>"
        );
    }
}

/// The end of a suite.
pub(super) fn end(printed: &mut Printed) {
    printed.line("</testsuite>");
}

/// The cases of what could not be read, from the first that was not told yet.
pub(super) fn errors(printed: &mut Printed, path: &str, from: usize) {
    let path = escaped(path);
    for error in printed.errors.get(from..).unwrap_or_default() {
        let message = escaped(&error.brief());
        let _ = writeln!(
            printed.text,
            "  <testcase classname=\"{path}\" name=\"readable\"><error message=\"{message}\"/></testcase>"
        );
    }
}

/// The cases of findings.
pub(super) fn cases(printed: &mut Printed, path: &str, all: &[Shown<'_>]) {
    let path = escaped(path);
    let suite = &mut printed.text;
    for Shown {
        finding, sentence, ..
    } in all
    {
        let at = finding.position;
        let name = escaped(&format!(
            "{} {}:{} {}",
            finding.rule, at.line, at.column, finding.field
        ));
        let _ = write!(suite, "  <testcase classname=\"{path}\" name=\"{name}\">");
        let message = escaped(&finding.message);
        let mut text = format!(
            "{}:{}:{}\nwhy: {}\nmend: {}",
            finding.path, at.line, at.column, finding.why, finding.mend
        );
        if let Some(sentence) = sentence {
            let _ = write!(text, "\nsays: {sentence}");
        }
        let text = escaped(&text);
        let _ = match finding.severity {
            Severity::Info => write!(suite, "<system-out>{message}\n{text}</system-out>"),
            severity => write!(
                suite,
                "<failure type=\"{}\" message=\"{message}\">{text}</failure>",
                severity.as_str()
            ),
        };
        suite.push_str("</testcase>\n");
    }
}

/// Text as XML 1.0 may hold it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
