//! From a place in a value to a place in the file, and from a credential to a finding.

use std::borrow::Cow;
use std::ops::Range;

use podward_manifest::{Node, Object, Position, Value};

use super::found::Credential;
use crate::{Finding, Rule, Severity};

/// Fewest characters of a value of which the first are shown.
const SHOWN_FROM: usize = 16;
/// Most characters that are shown.
const SHOWN: usize = 4;

/// Most findings of one value: who mends a hundred in one file looks at all of it, and each costs
/// the time to find its line.
pub(super) const MOST: usize = 100;

/// Where the rules on credentials come from.
pub(super) const SOURCE: &str = "NSA/CISA Kubernetes Hardening Guide; CIS Kubernetes Benchmark 5.4.1 and 5.4.2; docs/credentials.md";

/// A value of an object, and what it is called.
#[derive(Clone, Copy)]
pub(super) struct Spot<'a> {
    pub(super) object: &'a Object,
    pub(super) rule: &'static Rule,
    pub(super) node: &'a Node,
}

impl Spot<'_> {
    /// Adds the findings of the credentials in the value's text, up to a bound.
    pub(super) fn tell(
        &self,
        field: &str,
        subject: &str,
        text: &str,
        all: &[Credential],
        found: &mut Vec<Finding>,
    ) {
        for one in all.iter().take(MOST) {
            let value = text.get(one.span.clone()).unwrap_or_default();
            let (position, secret) = place(self.node, text, &one.span);
            let message = format!("{subject} holds {}{}", one.kind, shown(value));
            found.push(self.made(field.to_owned(), message, one.severity, position, secret));
        }
    }

    /// The finding of a credential that is encoded, so that only the whole value has a place.
    pub(super) fn whole(
        &self,
        field: String,
        subject: &str,
        value: &str,
        one: &Credential,
    ) -> Finding {
        let secret = (self.node.start, self.node.end);
        let message = format!("{subject} holds {}{}", one.kind, shown(value));
        self.made(field, message, one.severity, self.node.start, secret)
    }

    pub(super) fn made(
        &self,
        field: String,
        message: String,
        severity: Severity,
        position: Position,
        secret: (Position, Position),
    ) -> Finding {
        Finding {
            rule: self.rule.id,
            severity,
            path: self.object.path.clone(),
            position,
            field,
            message: message.into(),
            why: self.rule.why,
            mend: self.rule.mend.into(),
            fix: None,
            secret: Some(secret),
        }
    }
}

/// The first characters of a long value: at most four, and a quarter of it.
pub(super) fn shown(value: &str) -> String {
    let length = value.chars().count();
    if length < SHOWN_FROM || value.starts_with("-----") {
        return String::new();
    }
    let start: String = value.chars().take(SHOWN.min(length / 4)).collect();
    format!(" (\"{start}…\")")
}

/// The text of a value that is text or a number.
pub(super) fn text_of(node: &Node) -> Option<Cow<'_, str>> {
    match &node.value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// Where a part of a value stands, and what is to be masked. Where the file writes the value in
/// another way than it reads (escapes, folded lines), that is all of it.
pub(super) fn place(
    node: &Node,
    text: &str,
    span: &Range<usize>,
) -> (Position, (Position, Position)) {
    let (start, end) = (node.start, node.end);
    let before = text.get(..span.start).unwrap_or_default();
    let value = text.get(span.clone()).unwrap_or_default();
    if start.line == end.line {
        let width = end.column.saturating_sub(start.column);
        let quotes = width.saturating_sub(text.chars().count());
        let exact = (quotes == 0 || quotes == 2) && !text.contains('\n');
        if !exact {
            return (start, (start, end));
        }
        let column = start.column + quotes / 2 + before.chars().count();
        let from = Position {
            line: start.line,
            column,
        };
        let to = Position {
            line: start.line,
            column: column + value.chars().count(),
        };
        return (from, (from, to));
    }
    let lines = before.matches('\n').count();
    let last = before.rsplit('\n').next().unwrap_or(before);
    let from = Position {
        line: (start.line + lines).min(end.line),
        column: start.column + last.chars().count(),
    };
    let is_literal = text.contains('\n') && text.lines().count() == end.line - start.line;
    if !is_literal {
        // a block whose last lines are blank, or lines that are folded: which of them it is can
        // only be guessed, so all of them are masked
        let guess = Position {
            column: start.column,
            ..from
        };
        let first = Position {
            line: start.line,
            column: 1,
        };
        return (guess, (first, after(end)));
    }
    let more = value.matches('\n').count();
    let tail = value.rsplit('\n').next().unwrap_or(value).chars().count();
    let to = Position {
        line: from.line + more,
        column: if more == 0 { from.column } else { start.column } + tail,
    };
    (from, (from, to))
}

/// Behind a line.
fn after(end: Position) -> Position {
    Position {
        line: end.line + 1,
        column: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of `SECRET` in the value `v` of a document.
    fn at(yaml: &str) -> (String, String) {
        let root = podward_manifest::parse("f", yaml).unwrap().remove(0).root;
        let node = root.get("v").unwrap();
        let text = node.as_str().unwrap();
        let start = text.find("SECRET").unwrap();
        let (position, secret) = place(node, text, &(start..start + 6));
        let source = podward_manifest::Source {
            path: "f".into(),
            text: yaml.into(),
        };
        let excerpt = source.lines().excerpt_without(position, secret);
        assert!(!excerpt.contains("SECRET"), "{excerpt}");
        (
            position.to_string(),
            excerpt.lines().next().unwrap_or_default().to_owned(),
        )
    }

    #[test]
    fn places_are_those_of_the_file() {
        let cases = [
            ("v: SECRET\n", "1:4", "1 | v: ***"),
            ("v: é-SECRET-x\n", "1:6", "1 | v: é-***-x"),
            ("v: 'a SECRET'\n", "1:7", "1 | v: 'a ***'"),
            (
                "{v: \"a SECRET\", b: 1}\n",
                "1:8",
                "1 | {v: \"a ***\", b: 1}",
            ),
            (
                "v: |\n  one\n  two SECRET x\nb: 1\n",
                "3:7",
                "3 |   two *** x",
            ),
            (
                "a: 1\nv: |-\n      SECRET\n      b\n",
                "3:7",
                "3 |       ***",
            ),
            // what cannot be told exactly is masked as a whole
            ("v: \"a\\tSECRET\"\n", "1:4", "1 | v: ***"),
            ("v: >\n  one\n  SECRET\n", "2:3", "2 | ***"),
            ("v: one\n  SECRET\n", "1:4", "1 | ***"),
            ("v: |-\n  SECRET\n\n\nb: 1\n", "2:3", "2 | ***"),
        ];
        for (yaml, position, line) in cases {
            assert_eq!(at(yaml), (position.to_owned(), line.to_owned()), "{yaml}");
        }
    }

    #[test]
    fn a_quarter_of_a_long_value_is_shown_at_most() {
        assert_eq!(shown("hunter2"), "");
        assert_eq!(shown("0123456789abcde"), "");
        assert_eq!(shown("0123456789abcdef"), " (\"0123…\")");
        assert_eq!(shown("-----BEGIN PRIVATE KEY-----"), "");
    }
}
