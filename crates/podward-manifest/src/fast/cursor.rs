//! Where the reader is: the byte, the line, the column, and the steps from token to token.

use crate::Position;

/// Longest key that is read, bytes. YAML itself ends keys at 1024 characters.
const MAX_KEY: usize = 1000;

/// Where a line of plain text ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// At the end of the line.
    Line,
    /// At `:`, as a key does.
    Colon,
    /// At a comment.
    Comment,
    /// At a sign of a flow collection.
    Flow,
}

/// Whether plain text may hold a byte without another look at it.
const ORDINARY: [bool; 256] = ordinary();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated when compiled, over all values of a byte"
)]
const fn ordinary() -> [bool; 256] {
    let mut table = [true; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = !matches!(
            at as u8,
            b'\n' | b'\r' | b'\t' | 0 | b':' | b'#' | b',' | b'[' | b']' | b'{' | b'}'
        );
        at += 1;
    }
    table
}

pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    bytes: &'a [u8],
    /// The next byte to be read.
    pub(super) at: usize,
    /// The line it is in, from 1, and where that starts.
    line: usize,
    line_start: usize,
    /// Column of the token from 0 where one was found at the start of a line; -1 where the document
    /// has ended.
    column: isize,
    /// Whether a character may take several bytes.
    wide: bool,
    /// A place in the line, and its column.
    counted: (usize, usize),
}

impl<'a> Cursor<'a> {
    /// Before the first line. None of a text that holds what YAML does not allow or what ends lines
    /// in other ways.
    pub(super) fn new(text: &'a str, lines_before: usize) -> Option<Self> {
        let bytes = text.as_bytes();
        let wide = !text.is_ascii();
        let is_control = |b: u8| (b < b' ') & !matches!(b, b'\n' | b'\t' | b'\r') | (b == 0x7f);
        // without an early end this is done many bytes at once
        let controls = bytes
            .iter()
            .fold(0, |any, b| any | u8::from(is_control(*b)));
        if controls != 0 || (wide && !wide_is_printable(bytes)) || !returns_end_lines(text) {
            return None;
        }
        Some(Self {
            text,
            bytes,
            at: 0,
            line: lines_before + 1,
            line_start: 0,
            column: -1,
            wide,
            counted: (0, 0),
        })
    }

    /// The byte at a place; 0 behind the last.
    pub(super) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(super) fn here(&self) -> u8 {
        self.byte(self.at)
    }

    pub(super) const fn column(&self) -> isize {
        self.column
    }

    /// Column of the next byte where only spaces and signs stand before it.
    pub(super) fn inline_column(&self) -> Option<isize> {
        isize::try_from(self.at - self.line_start).ok()
    }

    /// The place of a byte of this line; asked for from left to right.
    pub(super) fn position(&mut self, at: usize) -> Position {
        let column = if self.wide {
            let (from, column) = self.counted;
            let between = self.bytes.get(from..at).unwrap_or_default();
            let starts = between.iter().filter(|b| (**b & 0xc0) != 0x80).count();
            self.counted = (at, column + starts);
            column + starts
        } else {
            at - self.line_start
        };
        Position {
            line: self.line,
            column: column + 1,
        }
    }

    pub(super) fn here_position(&mut self) -> Position {
        self.position(self.at)
    }

    pub(super) fn is_line_end(byte: u8) -> bool {
        matches!(byte, b'\n' | b'\r' | 0)
    }

    /// Whether a space, an end of a line or the end of the text stands there. No tab does.
    pub(super) fn is_separate(byte: u8) -> bool {
        matches!(byte, b' ' | b'\n' | b'\r' | 0)
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.here() == b' ' {
            self.at += 1;
        }
    }

    /// Where this line ends, without its end.
    pub(super) fn line_end(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |n| self.at + n);
        let returned = end > self.at && self.byte(end - 1) == b'\r' && end < self.bytes.len();
        end - usize::from(returned)
    }

    /// From the end of a line to the start of the next; false at the end of the text.
    pub(super) fn break_line(&mut self) -> bool {
        let length = match self.here() {
            b'\n' => 1,
            b'\r' => 2,
            _ => return false,
        };
        self.at += length;
        self.line += 1;
        self.line_start = self.at;
        self.counted = (self.at, 0);
        true
    }

    /// From the end of a line over empty lines to the first sign of another, which may be that of
    /// a comment. Tells how many lines were empty.
    pub(super) fn skip_empty_lines(&mut self) -> Option<usize> {
        let mut empty = 0;
        while self.break_line() {
            self.skip_spaces();
            match self.here() {
                b'\n' | b'\r' => empty += 1,
                b'\t' => return None,
                _ => break,
            }
        }
        self.see_token()?;
        Some(empty)
    }

    /// Takes what stands here, at the first sign of a line, for a token.
    fn see_token(&mut self) -> Option<()> {
        self.column = self.inline_column()?;
        if self.here() == 0 || (self.column == 0 && self.is_marker()) {
            self.column = -1;
        }
        Some(())
    }

    /// From the first sign of a line over comments to a token.
    pub(super) fn skip_comments(&mut self) -> Option<()> {
        while self.here() == b'#' {
            self.at = self.line_end();
            self.skip_empty_lines()?;
        }
        Some(())
    }

    /// From the end of a line to the first token of another.
    pub(super) fn next_line(&mut self) -> Option<()> {
        self.skip_empty_lines()?;
        self.skip_comments()
    }

    /// From behind a value to the token after it, which must be in another line.
    pub(super) fn end_line(&mut self) -> Option<()> {
        let from = self.at;
        self.skip_spaces();
        if self.here() == b'#' && self.at > from {
            self.at = self.line_end();
        }
        Self::is_line_end(self.here()).then_some(())?;
        self.next_line()
    }

    /// From behind a block of text, at the first sign of a line.
    pub(super) fn end_block(&mut self) -> Option<()> {
        if Self::is_line_end(self.here()) && self.here() != 0 || self.here() == b'\t' {
            return None;
        }
        self.see_token()?;
        self.skip_comments()
    }

    /// Whether `---` or `...` stands here.
    fn is_marker(&self) -> bool {
        let sign = self.here();
        matches!(sign, b'-' | b'.')
            && self.byte(self.at + 1) == sign
            && self.byte(self.at + 2) == sign
            && matches!(self.byte(self.at + 3), b' ' | b'\t' | b'\n' | b'\r' | 0)
    }

    /// Goes to the first token of the next document; false where there is none. Nothing but a
    /// comment may stand behind its `---`.
    pub(super) fn next_document(&mut self) -> Option<bool> {
        if self.at == 0 {
            self.skip_spaces();
            match self.here() {
                b'\n' | b'\r' => self.next_line()?,
                b'\t' => return None,
                _ => {
                    self.see_token()?;
                    self.skip_comments()?;
                }
            }
            if self.column >= 0 {
                return Some(true);
            }
        }
        match self.here() {
            0 => Some(false),
            b'-' => {
                self.at += 3;
                self.end_line()?;
                Some(true)
            }
            _ => None,
        }
    }

    /// Whether an item of a sequence starts here.
    pub(super) fn is_dash(&self) -> bool {
        self.here() == b'-' && Self::is_separate(self.byte(self.at + 1))
    }

    /// Whether plain text may start here.
    pub(super) fn may_be_plain(&self) -> bool {
        let next = self.byte(self.at + 1);
        match self.here() {
            b'-' | b'?' | b':' => !Self::is_separate(next) && next != b'\t',
            b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' | b',' | b'[' | b']' | b'{'
            | b'}' | b'#' | b'"' | b'\'' | b'\t' | b'\n' | b'\r' | b' ' | 0 => false,
            _ => true,
        }
    }

    /// Reads plain text up to its end in this line, and tells where that is and how it ended.
    pub(super) fn plain(&mut self, in_flow: bool) -> Option<(usize, Stop)> {
        let from = self.at;
        let stop = loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let ordinary = |b: &u8| ORDINARY.get(usize::from(*b)).copied().unwrap_or(false);
            self.at += rest.iter().take_while(|b| ordinary(b)).count();
            match self.here() {
                b'\t' => return None,
                b'\n' | b'\r' | 0 => break Stop::Line,
                b':' => {
                    let next = self.byte(self.at + 1);
                    if next == b'\t' {
                        return None;
                    }
                    let ends = in_flow && matches!(next, b',' | b'[' | b']' | b'{' | b'}');
                    if ends || Self::is_separate(next) {
                        break Stop::Colon;
                    }
                }
                b'#' => {
                    if self.at > from && self.byte(self.at - 1) == b' ' {
                        break Stop::Comment;
                    }
                }
                _ => {
                    if in_flow {
                        break Stop::Flow;
                    }
                }
            }
            self.at += 1;
        };
        let read = self.bytes.get(from..self.at).unwrap_or_default();
        let spaces = read.iter().rev().take_while(|b| **b == b' ').count();
        Some((self.at - spaces, stop))
    }

    /// Whether a key may start at one place and end at another.
    pub(super) fn may_be_key(from: usize, to: usize) -> Option<()> {
        (to - from < MAX_KEY).then_some(())
    }

    /// Goes to the next token of a flow collection, over spaces, lines and comments.
    pub(super) fn gap(&mut self) -> Option<()> {
        let mut separate = false;
        loop {
            match self.here() {
                b' ' => {
                    self.skip_spaces();
                    separate = true;
                }
                b'\n' | b'\r' => {
                    self.break_line();
                    separate = true;
                    if self.is_marker() {
                        return None;
                    }
                }
                b'#' if separate => self.at = self.line_end(),
                b'#' | b'\t' => return None,
                _ => return Some(()),
            }
        }
    }
}

/// Whether every character of several bytes is one that YAML prints, and none a byte order mark.
fn wide_is_printable(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| matches!(b, 0xc2 | 0xef)) {
        rest = rest.get(at..).unwrap_or_default();
        let bad = match rest {
            [0xc2, second, ..] => (0x80..=0x9f).contains(second) && *second != 0x85,
            [0xef, 0xbb, 0xbf, ..] | [0xef, 0xbf, 0xbe | 0xbf, ..] => true,
            _ => false,
        };
        if bad {
            return false;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    true
}

/// Whether every carriage return stands before a line feed.
fn returns_end_lines(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'\r', bytes).all(|at| bytes.get(at + 1) == Some(&b'\n'))
}
