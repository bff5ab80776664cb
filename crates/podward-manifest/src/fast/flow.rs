//! Flow collections, JSON among them.

use super::cursor::{Cursor, Stop};
use super::{Reader, may_open};
use crate::{Node, Value};

impl Reader<'_> {
    /// Reads a collection from its first brace or bracket to behind its last.
    pub(super) fn flow(&mut self, depth: usize) -> Option<Node> {
        may_open(depth)?;
        let start = self.cursor.here_position();
        let is_mapping = self.cursor.here() == b'{';
        let close = if is_mapping { b'}' } else { b']' };
        let (pairs, items) = (self.pairs.len(), self.items.len());
        self.cursor.at += 1;
        loop {
            self.cursor.gap()?;
            if self.cursor.here() == close {
                break;
            }
            if is_mapping {
                let pair = self.pair(depth + 1)?;
                self.pairs.push(pair);
            } else {
                let item = self.flow_node(depth + 1)?;
                self.items.push(item);
            }
            self.cursor.gap()?;
            match self.cursor.here() {
                b',' => self.cursor.at += 1,
                byte if byte == close => break,
                _ => return None,
            }
        }
        self.cursor.at += 1;
        let end = self.cursor.here_position();
        if is_mapping {
            self.mapping_from(pairs, start, end)
        } else {
            self.sequence_from(items, start, end)
        }
    }

    /// A key and its value.
    fn pair(&mut self, depth: usize) -> Option<(Node, Node)> {
        let from = self.cursor.at;
        let key = if matches!(self.cursor.here(), b'"' | b'\'') {
            let read = self.quoted()?;
            self.cursor.skip_spaces();
            (read.lines == 1 && self.cursor.here() == b':').then_some(read.node)?
        } else {
            let may_start =
                self.cursor.may_be_plain() && !matches!(self.cursor.here(), b'-' | b'?' | b':');
            may_start.then_some(())?;
            let start = self.cursor.here_position();
            let (end, stop) = self.cursor.plain(true)?;
            let next = self.cursor.byte(self.cursor.at + 1);
            (stop == Stop::Colon && Cursor::is_separate(next)).then_some(())?;
            self.plain_node(from, end, start)?
        };
        Cursor::may_be_key(from, self.cursor.at)?;
        let colon = self.cursor.here_position();
        self.cursor.at += 1;
        self.cursor.gap()?;
        let value = if matches!(self.cursor.here(), b',' | b'}') {
            self.node(Value::Null, colon, colon)?
        } else {
            self.flow_node(depth)?
        };
        Some((key, value))
    }

    fn flow_node(&mut self, depth: usize) -> Option<Node> {
        match self.cursor.here() {
            b'{' | b'[' => self.flow(depth),
            b'"' | b'\'' => Some(self.quoted()?.node),
            b'-' if is_flow(self.cursor.byte(self.cursor.at + 1)) => None,
            b'?' | b':' => None,
            _ if self.cursor.may_be_plain() => {
                let (from, start) = (self.cursor.at, self.cursor.here_position());
                let (end, stop) = self.cursor.plain(true)?;
                (stop != Stop::Colon).then_some(())?;
                self.plain_node(from, end, start)
            }
            _ => None,
        }
    }
}

const fn is_flow(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}
