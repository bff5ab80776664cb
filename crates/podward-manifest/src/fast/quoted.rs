//! Scalars in quotation marks.

use super::Reader;
use super::cursor::Cursor;
use crate::{Node, Value};

/// A scalar, and how many lines it has.
pub(super) struct Quoted {
    pub(super) node: Node,
    pub(super) lines: usize,
}

impl<'a> Reader<'a> {
    /// Reads a scalar from its first quotation mark to behind its last.
    pub(super) fn quoted(&mut self) -> Option<Quoted> {
        let mark = self.cursor.here();
        let start = self.cursor.here_position();
        self.cursor.at += 1;
        if let Some(text) = self.rest_of_simple(mark) {
            self.cursor.at += text.len() + 1;
            let end = self.cursor.here_position();
            let node = self.node(Value::String(text.into()), start, end)?;
            return Some(Quoted { node, lines: 1 });
        }
        let mut text = String::new();
        // what is behind is space that a line's end would take away
        let mut kept = 0;
        let mut lines = 1;
        loop {
            let from = self.cursor.at;
            let run = ordinary_run(&self.cursor, mark);
            self.cursor.at += run;
            let read = self.cursor.text.get(from..from + run)?;
            text.push_str(read);
            let blanks = read.bytes().rev();
            let blanks = blanks.take_while(|b| matches!(b, b' ' | b'\t')).count();
            if blanks < run {
                kept = text.len() - blanks;
            }
            match self.cursor.here() {
                b'\'' if mark == b'\'' && self.cursor.byte(self.cursor.at + 1) == b'\'' => {
                    text.push('\'');
                    self.cursor.at += 2;
                }
                byte if byte == mark => break,
                b'\\' => {
                    if Cursor::is_line_end(self.cursor.byte(self.cursor.at + 1)) {
                        self.cursor.at += 1;
                        self.continued_line()?;
                        lines += 1;
                    } else {
                        text.push(self.escape()?);
                    }
                }
                b'\n' | b'\r' => {
                    text.truncate(kept);
                    let empty = self.cursor.skip_empty_lines()?;
                    // what looks like the end of the document is, or is an error
                    (self.cursor.column() >= 0).then_some(())?;
                    match empty {
                        0 => text.push(' '),
                        _ => text.extend(std::iter::repeat_n('\n', empty)),
                    }
                    lines += empty + 1;
                }
                _ => return None,
            }
            kept = text.len();
        }
        self.cursor.at += 1;
        let end = self.cursor.here_position();
        let node = self.node(Value::String(text.into()), start, end)?;
        Some(Quoted { node, lines })
    }

    /// What stands here up to the mark, where it means what it is: no escape, no end of the line.
    fn rest_of_simple(&self, mark: u8) -> Option<&'a str> {
        let from = self.cursor.at;
        let end = from + ordinary_run(&self.cursor, mark);
        let is_end =
            self.cursor.byte(end) == mark && (mark != b'\'' || self.cursor.byte(end + 1) != b'\'');
        is_end.then(|| self.cursor.text.get(from..end)).flatten()
    }

    /// From a line's end that is escaped to the text of the next line.
    fn continued_line(&mut self) -> Option<()> {
        let empty = self.cursor.skip_empty_lines()?;
        (empty == 0 && self.cursor.column() >= 0).then_some(())
    }

    /// Reads an escape.
    fn escape(&mut self) -> Option<char> {
        let sign = self.cursor.byte(self.cursor.at + 1);
        self.cursor.at += 2;
        Some(match sign {
            b'0' => '\0',
            b'a' => '\u{7}',
            b'b' => '\u{8}',
            b't' => '\t',
            b'n' => '\n',
            b'v' => '\u{b}',
            b'f' => '\u{c}',
            b'r' => '\r',
            b'e' => '\u{1b}',
            b' ' => ' ',
            b'"' => '"',
            b'/' => '/',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            b'x' => self.hexadecimal(2)?,
            b'u' => self.hexadecimal(4)?,
            b'U' => self.hexadecimal(8)?,
            _ => return None,
        })
    }

    /// A character by its number, which is no half of a pair.
    fn hexadecimal(&mut self, digits: usize) -> Option<char> {
        let from = self.cursor.at;
        let text = self.cursor.text.get(from..from + digits)?;
        if !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.cursor.at += digits;
        char::from_u32(u32::from_str_radix(text, 16).ok()?)
    }
}

/// How many bytes of text stand here before a mark, an escape or the end of the line.
fn ordinary_run(cursor: &Cursor<'_>, mark: u8) -> usize {
    let rest = cursor.text.as_bytes().get(cursor.at..).unwrap_or_default();
    rest.iter()
        .take_while(|byte| match **byte {
            b'\n' | b'\r' => false,
            b'\\' => mark != b'"',
            byte => byte != mark,
        })
        .count()
}
