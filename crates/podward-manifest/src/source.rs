//! Files and places in them.

use std::fmt;

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

/// The lines of a file, to show many of them.
#[derive(Clone, Debug)]
pub struct Lines<'a>(Vec<&'a str>);

impl Source {
    /// Its lines, found once.
    #[must_use]
    pub fn lines(&self) -> Lines<'_> {
        Lines(self.text.lines().collect())
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
        index.and_then(|i| self.0.get(i)).copied().unwrap_or("")
    }

    /// The line with its number, and a caret under the place.
    #[must_use]
    pub fn excerpt(&self, position: Position) -> String {
        caret(position, self.text(position.line).chars())
    }

    /// The same with `***` where a secret stands, from its first character to behind its last.
    #[must_use]
    pub fn excerpt_without(&self, position: Position, secret: (Position, Position)) -> String {
        let (from, to) = secret;
        let line = self.text(position.line);
        let column = |place: Position, other: usize| {
            if place.line == position.line {
                place.column - 1
            } else {
                other
            }
        };
        let (from, to) = (column(from, 0), column(to, usize::MAX));
        let hidden = line.chars().take(from).chain("***".chars());
        caret(position, hidden.chain(line.chars().skip(to)))
    }
}

/// A line with its number, and a caret under the place.
fn caret(position: Position, line: impl Iterator<Item = char>) -> String {
    let number = position.line.to_string();
    let gutter = " ".repeat(number.len());
    // what a file says must not steer the terminal that shows it
    let seen = |c: char| {
        if c.is_control() && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    let line: String = line.take(MAX_EXCERPT).map(seen).collect();
    let indent: String = line
        .chars()
        .chain(std::iter::repeat(' '))
        .take(position.column.saturating_sub(1).min(MAX_EXCERPT))
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
