//! From lines and columns to bytes.

use crate::Position;
use crate::near::Near;

/// A text and where its lines begin.
pub(super) struct Lines<'a> {
    pub(super) text: &'a str,
    starts: Vec<usize>,
    near: Near,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self {
            text,
            starts,
            near: Near::default(),
        }
    }

    /// The byte at a position; the columns are those of characters.
    pub(super) fn byte(&self, at: Position) -> Option<usize> {
        let start = *self.starts.get(at.line.checked_sub(1)?)?;
        let line = self.text.get(start..)?;
        let within = self.near.byte(at.line, line, at.column.saturating_sub(1))?;
        Some(start + within)
    }

    /// The text between two positions.
    pub(super) fn between(&self, from: Position, to: Position) -> Option<&'a str> {
        self.text.get(self.byte(from)?..self.byte(to)?)
    }

    /// Whether some line ends as none does today: where lines begin could not be told.
    pub(super) fn has_bare_returns(&self) -> bool {
        let next = |at: usize| self.text.as_bytes().get(at + 1);
        let mut returns = self.text.match_indices('\r');
        returns.any(|(at, _)| next(at) != Some(&b'\n'))
    }

    /// What stands before a position in its line, where that is only space; else as many spaces.
    pub(super) fn indent(&self, at: Position) -> String {
        let start = Position {
            line: at.line,
            column: 1,
        };
        let head = self.between(start, at).unwrap_or_default();
        if head.chars().all(|c| c == ' ' || c == '\t') {
            return head.to_owned();
        }
        " ".repeat(at.column.saturating_sub(1))
    }

    /// Where the line after this one begins; `None` on the last.
    pub(super) fn next_line(&self, line: usize) -> Option<usize> {
        self.starts.get(line).copied()
    }

    /// Where the line behind a value begins; `None` on the last. The end of a block of text is in that
    /// line already, before its first word.
    pub(super) fn behind(&self, end: Position) -> Option<usize> {
        let start = *self.starts.get(end.line.checked_sub(1)?)?;
        let before = self.text.get(start..self.byte(end)?)?;
        if end.line > 1 && before.chars().all(|c| c == ' ') {
            return Some(start);
        }
        self.next_line(end.line)
    }

    /// The same place, or the one behind the comments that follow and are moved in deeper than a column:
    /// they belong to what is before them.
    pub(super) fn behind_comments(&self, at: usize, column: usize) -> usize {
        let mut end = at;
        let mut here = at;
        for line in self
            .text
            .get(at..)
            .unwrap_or_default()
            .split_inclusive('\n')
        {
            here += line.len();
            let content = line.trim_start_matches(' ');
            if content.starts_with('#') && line.len() - content.len() >= column {
                end = here;
            } else if !content.trim().is_empty() {
                break;
            }
        }
        end
    }

    /// How lines end here.
    pub(super) fn line_end(&self) -> &'static str {
        let first = self.text.find('\n').and_then(|at| at.checked_sub(1));
        match first.and_then(|at| self.text.as_bytes().get(at)) {
            Some(b'\r') => "\r\n",
            _ => "\n",
        }
    }
}
