//! Blocks of text: literal and folded scalars.

use super::Reader;
use super::cursor::Cursor;
use crate::{Node, Value};

/// What becomes of the line ends behind the last line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

/// Room for a line, so that short texts are written without another look for room.
const LINE: usize = 128;

impl Reader<'_> {
    /// Reads a block of text from its sign, inside a collection at a column, and goes to the token
    /// behind it.
    pub(super) fn text(&mut self, parent: isize) -> Option<Node> {
        let parent = usize::try_from(parent).ok()?;
        let is_literal = self.cursor.here() == b'|';
        self.cursor.at += 1;
        let chomping = match self.cursor.here() {
            b'-' => Chomping::Strip,
            b'+' => Chomping::Keep,
            _ => Chomping::Clip,
        };
        if chomping != Chomping::Clip {
            self.cursor.at += 1;
        }
        self.header_end()?;
        // the first line that is not empty says how far the text is moved in
        let (mut breaks, mut indent) = (0, parent + 1);
        let first = loop {
            let spaces = self.spaces(usize::MAX);
            indent = indent.max(spaces);
            match self.cursor.here() {
                0 | b'\t' => return None,
                b'\n' | b'\r' => {
                    self.cursor.break_line();
                    breaks += 1;
                }
                _ => break spaces,
            }
        };
        let start = self.cursor.here_position();
        let mut text = String::with_capacity(LINE);
        if first < indent {
            // an empty block; text that is moved in too little is an error
            (first <= parent).then_some(())?;
        } else {
            self.lines(&mut text, indent, is_literal, &mut breaks);
            if chomping != Chomping::Strip {
                text.push('\n');
            }
        }
        if chomping == Chomping::Keep {
            text.extend(std::iter::repeat_n('\n', breaks));
        }
        let end = self.cursor.here_position();
        self.cursor.end_block()?;
        self.node(Value::String(text.into()), start, end)
    }

    /// The rest of the line that starts the block.
    fn header_end(&mut self) -> Option<()> {
        let from = self.cursor.at;
        self.cursor.skip_spaces();
        if self.cursor.here() == b'#' && self.cursor.at > from {
            self.cursor.at = self.cursor.line_end();
        }
        self.cursor.break_line().then_some(())
    }

    /// Goes over spaces, at most so many, and counts them.
    fn spaces(&mut self, most: usize) -> usize {
        let mut count = 0;
        while count < most && self.cursor.here() == b' ' {
            self.cursor.at += 1;
            count += 1;
        }
        count
    }

    /// Reads lines that are moved in so far, and leaves `breaks` with the number of empty lines
    /// behind the last.
    fn lines(&mut self, text: &mut String, indent: usize, is_literal: bool, breaks: &mut usize) {
        let (mut broken, mut was_blank) = (false, false);
        loop {
            let is_blank = matches!(self.cursor.here(), b' ' | b'\t');
            if is_literal || !broken || was_blank || is_blank {
                text.extend(std::iter::repeat_n('\n', *breaks + usize::from(broken)));
            } else if *breaks == 0 {
                text.push(' ');
            } else {
                text.extend(std::iter::repeat_n('\n', *breaks));
            }
            *breaks = 0;
            was_blank = is_blank;
            let (from, to) = (self.cursor.at, self.cursor.line_end());
            text.push_str(self.cursor.text.get(from..to).unwrap_or_default());
            self.cursor.at = to;
            if !self.cursor.break_line() {
                return;
            }
            broken = true;
            while self.spaces(indent) == indent || Cursor::is_line_end(self.cursor.here()) {
                match self.cursor.here() {
                    0 => return,
                    b'\n' | b'\r' => {
                        self.cursor.break_line();
                        *breaks += 1;
                    }
                    _ => break,
                }
            }
            if self.cursor.inline_column() != isize::try_from(indent).ok() {
                return;
            }
        }
    }
}
