//! A fast reader of the YAML that manifests are written in: block mappings and sequences, scalars
//! of every style, flow collections and JSON, comments.
//!
//! It builds the tree that the general reader would build, with the same places, or declines, and
//! the general reader then reads the whole text. It declines at whatever it is not sure of:
//! anchors, aliases, tags, merge keys, directives, tabs outside of text, keys of several lines, and
//! every error, so that errors are told by one reader alone. It takes time in proportion to the
//! text, and descends no deeper than the tree may be.

mod block;
mod cursor;
mod flow;
mod keys;
mod quoted;
mod text;

use crate::parse::MAX_DEPTH;
use crate::{Node, ParseError, Position, Value, scalar};
use cursor::Cursor;

/// Room for as many entries as are open at once in most documents.
const FEW: usize = 64;

/// A document: its root, which is never null, and keys that are there twice.
pub(crate) type Root = (Node, Vec<ParseError>);

/// What stands below `lines_before` lines of a file, if the fast reader is sure of it: its
/// documents, and how many values they have. It makes no more than `most` values. What `is_json` has its numbers.
pub(crate) fn read(
    path: &str,
    text: &str,
    lines_before: usize,
    most: usize,
    is_json: bool,
) -> Option<(Vec<Root>, usize)> {
    let mut reader = Reader {
        path,
        is_json,
        cursor: Cursor::new(text, lines_before)?,
        pairs: Vec::with_capacity(FEW),
        items: Vec::with_capacity(FEW),
        duplicates: Vec::new(),
        made: 0,
        most,
    };
    let mut roots = Vec::new();
    while reader.cursor.next_document()? {
        if reader.cursor.column() < 0 {
            continue;
        }
        let root = reader.block(-1, 0)?;
        // what follows the root is the next document, or nothing
        let is_collection = matches!(root.value, Value::Mapping(_) | Value::Sequence(_));
        if reader.cursor.column() >= 0 || !is_collection {
            return None;
        }
        roots.push((root, std::mem::take(&mut reader.duplicates)));
    }
    Some((roots, reader.made))
}

struct Reader<'a> {
    path: &'a str,
    is_json: bool,
    cursor: Cursor<'a>,
    /// Entries of the mappings that are open, those of the innermost last.
    pairs: Vec<(Node, Node)>,
    /// The same of sequences.
    items: Vec<Node>,
    duplicates: Vec<ParseError>,
    made: usize,
    most: usize,
}

impl Reader<'_> {
    /// The value of a plain scalar.
    fn resolve(&self, text: &str) -> Value {
        if self.is_json {
            return scalar::resolve_json(text);
        }
        scalar::resolve(text)
    }

    /// Counts a value.
    fn node(&mut self, value: Value, start: Position, end: Position) -> Option<Node> {
        self.made += 1;
        (self.made <= self.most).then_some(Node { value, start, end })
    }

    /// A mapping of the entries from `first` on.
    fn mapping_from(&mut self, first: usize, start: Position, end: Position) -> Option<Node> {
        let entries: Vec<_> = self.pairs.drain(first..).collect();
        let value = keys::mapping(self.path, entries, &mut self.duplicates)?;
        self.node(value, start, end)
    }

    /// A sequence of the items from `first` on.
    fn sequence_from(&mut self, first: usize, start: Position, end: Position) -> Option<Node> {
        let items = self.items.drain(first..).collect();
        self.node(Value::Sequence(items), start, end)
    }
}

/// Whether another collection may be opened inside so many.
fn may_open(depth: usize) -> Option<()> {
    (depth < MAX_DEPTH).then_some(())
}

#[cfg(test)]
mod tests {
    fn is_read(text: &str) -> bool {
        super::read("f", text, 0, 1000, false).is_some()
    }

    #[test]
    fn what_manifests_are_written_in_is_read() {
        for text in [
            "",
            "# a\n---\n# b\n",
            "a: b # c\nd:\n- e\n-   f: 'g''h'\n    i: \"j\\n\"\n",
            "a: {b: [c, 1, \"d\"], e: } # f\n",
            "{\"a\": [1, {\"b\":2}],\n \"c\": null}\n",
            "a: |\n  b\n\n   c\nd: >-\n  e\n",
            "a: b\n  c\nd: 'e\n\n  f'\n",
            "é: 'ü'\r\nx:\r\n  - y\r\n",
        ] {
            assert!(is_read(text), "{text:?}");
        }
    }

    #[test]
    fn what_it_is_not_sure_of_is_left_to_the_general_reader() {
        for text in [
            "a: &x b\n",
            "a: *x\n",
            "a: !!str b\n",
            "<<: {a: b}\n",
            "? a\n: b\n",
            "%YAML 1.2\n---\na: b\n",
            "a:\tb\n",
            "a: b\n...\n",
            "a\n",
            "a: b: c\n",
            "a: [b\n",
            "a:\n   b: c\n  d: e\n",
            "\u{feff}a: b\n",
            "~: a\n",
        ] {
            assert!(!is_read(text), "{text:?}");
        }
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(is_read(&deep(100)) && !is_read(&deep(101)));
        let long = |n: usize| format!("[{}]", "a,".repeat(n));
        assert!(is_read(&long(999)) && !is_read(&long(1000)));
    }
}
