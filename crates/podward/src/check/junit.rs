//! Findings as JUnit XML: a suite for each file, a case for each finding; a file without any is one case that
//! passed.

use std::fmt::Write;

use podward_policy::Severity;

use super::print::Printed;
use super::render::Shown;

pub(super) const BEGIN: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"podward\">";
pub(super) const END: &str = "</testsuites>";

/// The suite of a file.
pub(super) fn file(printed: &mut Printed, path: &str, all: &[Shown<'_>]) {
    let path = escaped(path);
    let failures = all
        .iter()
        .filter(|shown| shown.finding.severity > Severity::Info);
    let mut suite = format!(
        "<testsuite name=\"{path}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"0\">\n",
        all.len().max(1) + printed.errors.len(),
        failures.count(),
        printed.errors.len(),
    );
    for error in &printed.errors {
        let message = escaped(&error.brief());
        let _ = writeln!(
            suite,
            "  <testcase classname=\"{path}\" name=\"readable\"><error message=\"{message}\"/></testcase>"
        );
    }
    if all.is_empty() && printed.errors.is_empty() {
        let _ = writeln!(suite, "  <testcase classname=\"{path}\" name=\"podward\"/>");
    }
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
    suite.push_str("</testsuite>");
    printed.line(&suite);
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
