//! Block mappings and sequences, and plain scalars in them.

use super::cursor::{Cursor, Stop};
use super::{Reader, may_open};
use crate::{Node, Position, Value};

impl Reader<'_> {
    /// What starts at the token, inside a collection at a column.
    pub(super) fn block(&mut self, parent: isize, depth: usize) -> Option<Node> {
        let column = self.cursor.inline_column()?;
        match self.cursor.here() {
            b'-' if self.cursor.is_dash() => self.block_sequence(column, false, depth),
            b'{' | b'[' => self.flow_value(depth),
            b'"' | b'\'' => {
                let from = self.cursor.at;
                let one_line = self.quoted()?;
                if one_line.lines == 1 && self.is_key_end(from) {
                    return self.block_mapping(column, one_line.node, depth);
                }
                self.cursor.end_line()?;
                Some(one_line.node)
            }
            _ if self.cursor.may_be_plain() => {
                let (from, start) = (self.cursor.at, self.cursor.here_position());
                let (end, stop) = self.cursor.plain(false)?;
                if stop == Stop::Colon {
                    let key = self.plain_node(from, end, start)?;
                    Cursor::may_be_key(from, self.cursor.at)?;
                    return self.block_mapping(column, key, depth);
                }
                self.plain_value(parent, (from, end), start, stop)
            }
            _ => None,
        }
    }

    /// Goes to the colon of a key that started at a place and is read, if there is one.
    fn is_key_end(&mut self, from: usize) -> bool {
        let at = self.cursor.at;
        self.cursor.skip_spaces();
        let is_key = self.cursor.here() == b':'
            && Cursor::is_separate(self.cursor.byte(self.cursor.at + 1))
            && Cursor::may_be_key(from, self.cursor.at).is_some();
        if !is_key {
            self.cursor.at = at;
        }
        is_key
    }

    /// A mapping of which the first key is read: the cursor is at its colon.
    fn block_mapping(&mut self, column: isize, first: Node, depth: usize) -> Option<Node> {
        may_open(depth)?;
        let (base, start) = (self.pairs.len(), first.start);
        let mut key = first;
        let end = loop {
            let colon = self.cursor.here_position();
            self.cursor.at += 1;
            let value = self.value(column, colon, depth + 1)?;
            let end = value.end;
            self.pairs.push((key, value));
            if self.cursor.column() < column {
                break end;
            }
            if self.cursor.column() > column {
                return None;
            }
            key = self.key()?;
        };
        self.mapping_from(base, start, end)
    }

    /// A key, up to its colon.
    fn key(&mut self) -> Option<Node> {
        let from = self.cursor.at;
        if matches!(self.cursor.here(), b'"' | b'\'') {
            let read = self.quoted()?;
            return (read.lines == 1 && self.is_key_end(from)).then_some(read.node);
        }
        self.cursor.may_be_plain().then_some(())?;
        let start = self.cursor.here_position();
        let (end, stop) = self.cursor.plain(false)?;
        (stop == Stop::Colon).then_some(())?;
        Cursor::may_be_key(from, self.cursor.at)?;
        self.plain_node(from, end, start)
    }

    /// The value behind a colon, in a mapping at a column.
    fn value(&mut self, column: isize, colon: Position, depth: usize) -> Option<Node> {
        self.cursor.skip_spaces();
        match self.cursor.here() {
            b'\n' | b'\r' | b'#' | 0 => {
                self.cursor.at = self.cursor.line_end();
                self.cursor.next_line()?;
                let next = self.cursor.column();
                if next > column {
                    self.block(column, depth)
                } else if next == column && self.cursor.is_dash() {
                    self.block_sequence(column, true, depth)
                } else {
                    self.node(Value::Null, colon, colon)
                }
            }
            b'|' | b'>' => self.text(column),
            b'"' | b'\'' => {
                let node = self.quoted()?.node;
                self.cursor.end_line()?;
                Some(node)
            }
            b'{' | b'[' => self.flow_value(depth),
            _ if self.cursor.may_be_plain() => {
                let (from, start) = (self.cursor.at, self.cursor.here_position());
                let (end, stop) = self.cursor.plain(false)?;
                (stop != Stop::Colon).then_some(())?;
                self.plain_value(column, (from, end), start, stop)
            }
            _ => None,
        }
    }

    /// A sequence, from its first dash. One that is not moved in stands at the column of the
    /// mapping it is a value of.
    fn block_sequence(&mut self, column: isize, same: bool, depth: usize) -> Option<Node> {
        may_open(depth)?;
        let base = self.items.len();
        let mut start = None;
        let end = loop {
            let dash = self.cursor.here_position();
            self.cursor.at += 1;
            self.cursor.skip_spaces();
            let is_empty = matches!(self.cursor.here(), b'\n' | b'\r' | b'#' | 0);
            if is_empty {
                self.cursor.at = self.cursor.line_end();
            }
            let place = self.cursor.here_position();
            start.get_or_insert(if same { place } else { dash });
            let item = if is_empty {
                self.cursor.next_line()?;
                if self.cursor.column() > column {
                    self.block(column, depth + 1)?
                } else {
                    self.node(Value::Null, place, place)?
                }
            } else if matches!(self.cursor.here(), b'|' | b'>') {
                self.text(column)?
            } else {
                self.block(column, depth + 1)?
            };
            let end = item.end;
            self.items.push(item);
            let next = self.cursor.column();
            if next > column {
                return None;
            }
            if next < column {
                break end;
            }
            if !self.cursor.is_dash() {
                if same {
                    break end;
                }
                return None;
            }
        };
        self.sequence_from(base, start?, end)
    }

    /// A flow collection that is a whole value.
    fn flow_value(&mut self, depth: usize) -> Option<Node> {
        let node = self.flow(depth)?;
        self.cursor.end_line()?;
        Some(node)
    }

    /// Plain text as a node.
    pub(super) fn plain_node(&mut self, from: usize, to: usize, start: Position) -> Option<Node> {
        let end = self.cursor.position(to);
        let value = self.resolve(self.cursor.text.get(from..to)?);
        self.node(value, start, end)
    }

    /// A plain value of which the first line is read, inside a collection at a column, and the way
    /// to the token behind it.
    fn plain_value(
        &mut self,
        parent: isize,
        (from, to): (usize, usize),
        start: Position,
        stop: Stop,
    ) -> Option<Node> {
        let mut end = self.cursor.position(to);
        let first = self.cursor.text.get(from..to)?;
        if stop == Stop::Comment {
            self.cursor.at = self.cursor.line_end();
            self.cursor.next_line()?;
            return self.node(self.resolve(first), start, end);
        }
        let mut folded: Option<String> = None;
        loop {
            let empty = self.cursor.skip_empty_lines()?;
            if self.cursor.column() <= parent || self.cursor.here() == b'#' {
                break;
            }
            // another line of the same text
            let text = folded.get_or_insert_with(|| first.to_owned());
            match empty {
                0 => text.push(' '),
                _ => text.extend(std::iter::repeat_n('\n', empty)),
            }
            let from = self.cursor.at;
            let (to, stop) = self.cursor.plain(false)?;
            text.push_str(self.cursor.text.get(from..to)?);
            end = self.cursor.position(to);
            match stop {
                Stop::Line => {}
                Stop::Comment => {
                    self.cursor.at = self.cursor.line_end();
                    self.cursor.next_line()?;
                    break;
                }
                Stop::Colon | Stop::Flow => return None,
            }
        }
        self.cursor.skip_comments()?;
        let value = match &folded {
            Some(text) => self.resolve(text),
            None => self.resolve(first),
        };
        self.node(value, start, end)
    }
}
