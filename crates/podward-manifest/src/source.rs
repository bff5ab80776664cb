//! Files and places in them.

use std::fmt;

use crate::near::Near;

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as the user wrote it.
    pub path: String,
    /// The whole text.
    pub text: String,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Longest excerpt of a line, characters.
const MAX_EXCERPT: usize = 160;
/// Where a longer line is cut.
const CUT: &str = "…";

/// The lines of a file, to show many of them.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    lines: Vec<&'a str>,
    near: Near,
}

impl Source {
    /// Its lines, found once.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines {
            lines: self.text.lines().collect(),
            near: Near::default(),
        }
    }

    /// The line with its number, and a caret under the place.
    #[must_use]
    pub fn excerpt(&self, position: Position) -> String {
        self.lines().excerpt(position)
    }
}

impl Lines<'_> {
    /// A line without its end; empty where there is none.
    fn text(&self, line: usize) -> &str {
        let index = line.checked_sub(1);
        index.and_then(|i| self.lines.get(i)).copied().unwrap_or("")
    }

    /// What stands in a line from a column on, which counts from 0.
    fn from(&self, line: usize, column: usize) -> &str {
        let text = self.text(line);
        let byte = self.near.byte(line, text, column);
        byte.and_then(|byte| text.get(byte..)).unwrap_or_default()
    }

    /// The line with its number, and a caret under the place.
    #[must_use]
    pub fn excerpt(&self, position: Position) -> String {
        let Position { line, column } = position;
        let is_whole = self.text(line).chars().nth(MAX_EXCERPT).is_none();
        caret(line, column, is_whole, |from, many| {
            self.from(line, from).chars().take(many).collect()
        })
    }

    /// The same with `***` where a secret stands, from its first character to behind its last.
    #[must_use]
    pub fn excerpt_without(&self, position: Position, secret: (Position, Position)) -> String {
        let (from, to) = secret;
        let line = position.line;
        let column = |place: Position, other: usize| {
            if place.line == line {
                place.column - 1
            } else {
                other
            }
        };
        let (from, to) = (column(from, 0), column(to, usize::MAX));
        let hidden = from..from + HIDDEN.len();
        let part = |start: usize, many: usize| -> String {
            let before = hidden.start.saturating_sub(start);
            let before = self.from(line, start).chars().take(before);
            let mark = start.saturating_sub(hidden.start).min(HIDDEN.len());
            let mark = HIDDEN.chars().skip(mark);
            let behind = to.saturating_add(start.saturating_sub(hidden.end));
            let behind = self.from(line, behind).chars();
            before.chain(mark).chain(behind).take(many).collect()
        };
        let shown = match position.column.saturating_sub(1) {
            at if at < from => at,
            at if at < to => from,
            at => at - to + from + HIDDEN.len(),
        };
        let is_whole = part(0, MAX_EXCERPT + 1).chars().count() <= MAX_EXCERPT;
        caret(line, shown + 1, is_whole, part)
    }
}

/// What is shown in the place of a secret.
const HIDDEN: &str = "***";

/// A line with its number, and a caret under a column; of a long line the part around that. `part` gives so many
/// characters of it from a column on, which counts from 0.
fn caret(
    number: usize,
    column: usize,
    is_whole: bool,
    part: impl Fn(usize, usize) -> String,
) -> String {
    let number = number.to_string();
    let gutter = " ".repeat(number.len());
    // what a file says must not steer the terminal that shows it
    let seen = |c: char| {
        if c.is_control() && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    let at = column.saturating_sub(1);
    let from = if is_whole {
        0
    } else {
        at.saturating_sub(MAX_EXCERPT / 2)
    };
    let part = part(from, MAX_EXCERPT + 1);
    let mut part = part.chars().map(seen);
    let mut line = String::from(if from > 0 { CUT } else { "" });
    line.extend(part.by_ref().take(MAX_EXCERPT));
    if part.next().is_some() {
        line.push_str(CUT);
    }
    let before = at - from + usize::from(from > 0);
    let indent: String = line
        .chars()
        .chain(std::iter::repeat(' '))
        .take(before.min(MAX_EXCERPT))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    format!("{number} | {line}\n{gutter} | {indent}^")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_place() {
        let source = Source {
            path: "a".into(),
            text: "x: 1\r\n  key: value\n".into(),
        };
        assert_eq!(
            source.excerpt(Position { line: 2, column: 8 }),
            "2 |   key: value\n  |        ^"
        );
        assert_eq!(
            source.excerpt(Position { line: 9, column: 1 }),
            "9 | \n  | ^"
        );
    }

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_sent() {
        let source = Source {
            path: "a".into(),
            text: "a: \u{1b}[2J\u{9b}1m".into(),
        };
        let shown = source.excerpt(Position { line: 1, column: 1 });
        assert_eq!(shown, "1 | a: \u{fffd}[2J\u{fffd}1m\n  | ^");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let shown = |length: usize, column| {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let source = Source {
                path: "a".into(),
                text: format!("{text}\n"),
            };
            let excerpt = source.excerpt(Position { line: 1, column });
            let (line, caret) = excerpt.split_once('\n').unwrap();
            let under = line.chars().nth(caret.chars().count() - 1);
            (line.chars().count(), under.unwrap_or(' '))
        };
        // of lines that are shown as a whole, and at both ends of longer ones
        assert_eq!(shown(160, 160), (164, 'd'));
        assert_eq!(shown(161, 1), (165, 'a'));
        assert_eq!(shown(10_000, 81), (165, 'c'));
        assert_eq!(shown(10_000, 82), (166, 'd'));
        assert_eq!(shown(10_000, 5001), (166, 'i'));
        assert_eq!(shown(10_000, 10_000), (86, 'p'));
        assert_eq!(shown(10_000, 10_001), (85, ' '));
    }

    #[test]
    fn the_caret_of_what_follows_a_secret_stands_under_it() {
        let source = Source {
            path: "a".into(),
            text: "a: {value: hunter2, b: 1}".into(),
        };
        let at = |column| Position { line: 1, column };
        let shown = |column| source.lines().excerpt_without(at(column), (at(12), at(19)));
        assert!(
            shown(21).ends_with("b: 1}\n  |                 ^"),
            "{}",
            shown(21)
        );
        assert!(shown(15).ends_with("\n  |            ^"), "{}", shown(15));
    }

    #[test]
    fn secrets_are_not_repeated() {
        let source = Source {
            path: "a".into(),
            text: "a: {value: hunter2, b: 1}".into(),
        };
        let at = |column| Position { line: 1, column };
        assert_eq!(
            source.lines().excerpt_without(at(12), (at(12), at(19))),
            "1 | a: {value: ***, b: 1}\n  |            ^"
        );
    }
}
