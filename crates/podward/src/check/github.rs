//! Findings as workflow commands of GitHub Actions, which show them at their lines.

use podward_policy::Severity;

use super::print::Printed;
use super::render::Shown;
use crate::files::{LIVE, RENDERED};
use crate::report::Report;

/// One command a finding.
pub(super) fn file(printed: &mut Printed, all: &[Shown<'_>]) {
    for Shown {
        finding, sentence, ..
    } in all
    {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        // an object of a cluster is no file, so the message names it
        let is_live = finding.path.starts_with(LIVE);
        // the lines of what was rendered are not those of its source
        let place = match finding.path.strip_prefix(RENDERED) {
            Some(source) => format!("file={},", property(source)),
            None if is_live => String::new(),
            None => format!(
                "file={},line={},col={},",
                property(&finding.path),
                finding.position.line,
                finding.position.column
            ),
        };
        let mut message = format!("{}. Mend: {}", finding.message, finding.mend);
        if is_live {
            message = format!("{}: {}: {message}", finding.path, finding.field);
        }
        if let Some(sentence) = sentence {
            message.push_str(&format!(". Pod Security says: {sentence}"));
        }
        let line = format!(
            "::{level} {place}title={}::{}",
            property(finding.rule),
            data(&message)
        );
        printed.line(&line);
    }
}

/// What could not be read, as a command.
pub(super) fn error(error: &Report) -> String {
    let mut place = String::new();
    if let Some(file) = error.place().filter(|place| !place.starts_with(LIVE)) {
        place = format!("file={},", property(file));
        if let Some(at) = error.position() {
            place.push_str(&format!("line={},col={},", at.line, at.column));
        }
    }
    format!("::error {place}title=podward::{}", data(&error.brief()))
}

/// A message, escaped as the runner reads it.
fn data(text: &str) -> String {
    let moves = |c: char| c.is_control() && !matches!(c, '\r' | '\n' | '\t');
    text.replace(moves, "\u{fffd}")
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A value among others.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_the_command() {
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }
}
