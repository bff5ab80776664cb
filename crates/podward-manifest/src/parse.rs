//! Text to documents: anchors and merge keys resolved, depth and expansion bounded, duplicate keys
//! noted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::de::IgnoredAny;

use granit_parser::{
    ErrorKind, Event, Marker, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle,
};

use crate::parts::{Part, parts};
use crate::{Node, Position, Value, fast, scalar};

/// Deepest nesting; Kubernetes objects stay far below.
pub(crate) const MAX_DEPTH: usize = 100;
/// Most values of one file with every alias written out: twenty for each of 100,000 documents. A
/// bomb of aliases ends here, at some 250 MB.
const MAX_NODES: usize = 2_000_000;

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// Path of the file.
    pub path: Arc<str>,
    /// Which document of the file, from 0, as Kubernetes counts: by the lines `---`, a part of
    /// nothing but comments included.
    pub index: usize,
    /// Its root.
    pub root: Node,
    /// Whether it is JSON, which decoders read as it is; YAML is made JSON first.
    pub is_json: bool,
    /// Keys written twice. The last one holds, as in a request to the API server; kubectl refuses
    /// them.
    pub duplicates: Vec<ParseError>,
}

/// Text that is not YAML, or too much of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{position}: {message}")]
pub struct ParseError {
    /// Path of the file.
    pub path: String,
    /// Where.
    pub position: Position,
    /// What is wrong.
    pub message: String,
}

/// A collection whose end has not come yet.
struct Open {
    start: Position,
    anchor: usize,
    /// Nodes of a sequence, or keys and values of a mapping in turn.
    nodes: Vec<Node>,
    /// Where the last of them ends in the text; what an alias means stands elsewhere.
    end: Position,
    /// In braces or brackets.
    is_flow: bool,
    is_mapping: bool,
}

pub(crate) struct Builder {
    path: Arc<str>,
    pub(crate) documents: Vec<Document>,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: BTreeMap<usize, (Node, usize)>,
    pub(crate) made: usize,
    duplicates: Vec<ParseError>,
    pub(crate) parts: Vec<Part>,
    /// Lines before the text.
    lines_before: usize,
    /// Whether the text is JSON.
    is_json: bool,
}

/// The entries of a mapping. The last of a name holds, and a merge key has its place among them, as
/// where Kubernetes' clients read YAML.
#[derive(Default)]
struct Entries {
    /// A key that comes again leaves a gap where it was.
    all: Vec<Option<(Node, Node)>>,
    /// Where the entry of a name is, where its key stands, and whether that is in the mapping itself.
    seen: BTreeMap<String, (usize, Position, bool)>,
}

impl Entries {
    /// Puts an entry; where the key stood before if the mapping itself has it twice.
    fn put(&mut self, key: Node, value: Node, own: bool) -> Option<Position> {
        let place = (self.all.len(), key.start, own);
        let before = self.seen.insert(key.key_text().into_owned(), place);
        if let Some(entry) = before.and_then(|(index, ..)| self.all.get_mut(index)) {
            *entry = None;
        }
        self.all.push(Some((key, value)));
        let (_, first, was_own) = before?;
        (own && was_own).then_some(first)
    }

    fn merge(&mut self, other: &Node) {
        for (key, value) in other.entries() {
            self.put(key.clone(), value.clone(), false);
        }
    }
}

/// Parses a file of YAML or JSON.
///
/// # Errors
/// At the first thing that is not YAML, or a bound that is passed.
pub fn parse(path: &str, text: &str) -> Result<Vec<Document>, ParseError> {
    let mut builder = Builder::new(path, parts(text));
    builder.read(text, 0)?;
    Ok(builder.documents)
}

/// The same as [`parse`] without its fast reader, which is compared with this.
///
/// # Errors
/// As those of [`parse`].
pub fn parse_generally(path: &str, text: &str) -> Result<Vec<Document>, ParseError> {
    let mut builder = Builder::new(path, parts(text));
    builder.read_generally(text, 0)?;
    Ok(builder.documents)
}

impl Builder {
    pub(crate) fn new(path: &str, parts: Vec<Part>) -> Self {
        Self {
            path: path.into(),
            documents: Vec::new(),
            open: Vec::new(),
            root: None,
            anchors: BTreeMap::new(),
            made: 0,
            duplicates: Vec::new(),
            parts,
            lines_before: 0,
            is_json: false,
        }
    }

    /// Reads a text that stands behind so many lines of the file.
    pub(crate) fn read(&mut self, text: &str, lines_before: usize) -> Result<(), ParseError> {
        if self.read_fast(text, lines_before) {
            return Ok(());
        }
        self.read_generally(text, lines_before)
    }

    /// Reads it with the fast reader, if that takes it.
    pub(crate) fn read_fast(&mut self, text: &str, lines_before: usize) -> bool {
        let most = MAX_NODES.saturating_sub(self.made);
        self.is_json = is_json(text);
        let read = fast::read(&self.path, text, lines_before, most, self.is_json);
        let Some((roots, made)) = read else {
            return false;
        };
        self.made += made;
        for (root, duplicates) in roots {
            self.end(root, duplicates);
        }
        true
    }

    /// The same without the fast reader.
    pub(crate) fn read_generally(
        &mut self,
        text: &str,
        lines_before: usize,
    ) -> Result<(), ParseError> {
        self.lines_before = lines_before;
        self.is_json = is_json(text);
        self.open.clear();
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.flow_nesting_limit = MAX_DEPTH;
        // where the document begins
        let mut begun = 0;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) =
                event.or_else(|e| self.fault(self.position(e.marker()), words(&e)))?;
            let starts_root = matches!(
                event,
                Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..)
            );
            match span.start.byte_offset() {
                Some(start) if starts_root && self.open.is_empty() => {
                    self.refuse_tabs(text, begun, start)?;
                }
                Some(_) if matches!(event, Event::DocumentStart(true, ..) | Event::DocumentEnd) => {
                    begun = span.end.byte_offset().unwrap_or(begun);
                }
                _ => {}
            }
            self.take(event, &span)?;
        }
        Ok(())
    }

    /// Refuses a tab that a line before a root, or its own, begins with: no token may begin there.
    fn refuse_tabs(&self, text: &str, from: usize, to: usize) -> Result<(), ParseError> {
        let tab = tab_before(text, from, to).filter(|_| !self.is_json);
        let Some(tab) = tab else { return Ok(()) };
        let before = text.get(..tab).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let position = Position {
            line: self.lines_before + before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        };
        self.fault(position, "a line may not begin with a tab: write spaces")
    }

    /// Forgets the documents that were not taken, before which so many values were made.
    pub(crate) fn forget(&mut self, made: usize) {
        self.documents.clear();
        self.made = made;
    }

    /// Whether the file has more values than are read.
    pub(crate) const fn is_full(&self) -> bool {
        self.made > MAX_NODES
    }

    /// Takes a document.
    fn end(&mut self, root: Node, duplicates: Vec<ParseError>) {
        let line = root.start.line;
        let index = self.parts.partition_point(|part| part.line <= line);
        self.documents.push(Document {
            path: Arc::clone(&self.path),
            index: index.saturating_sub(1),
            root,
            is_json: self.is_json,
            duplicates,
        });
    }

    fn position(&self, marker: &Marker) -> Position {
        Position {
            line: marker.line().max(1) + self.lines_before,
            column: marker.col() + 1,
        }
    }

    fn fault<T>(&self, position: Position, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError {
            path: self.path.to_string(),
            position,
            message: message.into(),
        })
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), ParseError> {
        let (start, end) = (self.position(&span.start), self.position(&span.end));
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.duplicates.clear();
                self.root = None;
            }
            Event::DocumentEnd => {
                if let Some(root) = self.root.take().filter(|root| !root.is_null()) {
                    let duplicates = std::mem::take(&mut self.duplicates);
                    self.end(root, duplicates);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let value = match tag {
                    Some(tag) => self.tagged(&tag.to_string(), &text, start)?,
                    None if style == ScalarStyle::Plain && self.is_json => {
                        scalar::resolve_json(&text)
                    }
                    None if style == ScalarStyle::Plain => scalar::resolve(&text),
                    None => Value::String(text.into()),
                };
                self.add(Node { value, start, end }, anchor, 1, end)?;
            }
            Event::SequenceStart(style, anchor, _) => self.begin(start, anchor, style, false)?,
            Event::MappingStart(style, anchor, _) => self.begin(start, anchor, style, true)?,
            Event::SequenceEnd | Event::MappingEnd => self.finish(end)?,
            Event::Alias(id) => {
                let Some((node, size)) = self.anchors.get(&id).cloned() else {
                    return self.fault(start, "this alias names no anchor");
                };
                self.add(node, 0, size, end)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// A scalar with a tag: what the tag says, and text where it says nothing that YAML knows.
    fn tagged(&self, tag: &str, text: &str, start: Position) -> Result<Value, ParseError> {
        let value = scalar::resolve(text);
        let fits = match tag.strip_prefix("tag:yaml.org,2002:") {
            Some("int") => matches!(value, Value::Int(_)),
            Some("float") => {
                matches!(value, Value::Int(_) | Value::Float(_) | Value::Number(_))
            }
            Some("bool") => matches!(value, Value::Bool(_)),
            Some("null") => matches!(value, Value::Null),
            _ => return Ok(Value::String(text.into())),
        };
        if fits {
            return Ok(value);
        }
        self.fault(start, "this is not of the type that its tag names")
    }

    fn begin(
        &mut self,
        start: Position,
        anchor: usize,
        style: StructureStyle,
        is_mapping: bool,
    ) -> Result<(), ParseError> {
        if self.open.len() >= MAX_DEPTH {
            return self.fault(start, too_deep());
        }
        self.open.push(Open {
            start,
            anchor,
            nodes: Vec::new(),
            end: start,
            is_flow: style == StructureStyle::Flow,
            is_mapping,
        });
        Ok(())
    }

    fn finish(&mut self, end: Position) -> Result<(), ParseError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        // a block collection ends where the next thing begins; its last child tells better
        let end = if open.is_flow { end } else { open.end };
        let value = if open.is_mapping {
            self.mapping(open.nodes)?
        } else {
            Value::Sequence(open.nodes)
        };
        self.add(
            Node {
                value,
                start: open.start,
                end,
            },
            open.anchor,
            1,
            end,
        )
    }

    fn mapping(&mut self, nodes: Vec<Node>) -> Result<Value, ParseError> {
        let mut entries = Entries::default();
        let mut nodes = nodes.into_iter();
        while let (Some(key), Some(value)) = (nodes.next(), nodes.next()) {
            if key.as_str() == Some("<<") {
                match &value.value {
                    Value::Mapping(_) => entries.merge(&value),
                    // of several the first holds
                    Value::Sequence(items) => items.iter().rev().for_each(|one| entries.merge(one)),
                    _ => return self.fault(value.start, "a merge key takes a mapping"),
                }
                continue;
            }
            if matches!(
                key.value,
                Value::Null | Value::Sequence(_) | Value::Mapping(_)
            ) {
                return self.fault(key.start, "a key must be text, a number or a boolean");
            }
            let (name, position) = (key.key_text().into_owned(), key.start);
            if let Some(first) = entries.put(key, value, true) {
                self.duplicates.push(ParseError {
                    path: self.path.to_string(),
                    position,
                    message: format!("duplicate key {name:?}, first at {first}"),
                });
            }
        }
        Ok(Value::Mapping(entries.all.into_iter().flatten().collect()))
    }

    fn add(
        &mut self,
        node: Node,
        anchor: usize,
        size: usize,
        end: Position,
    ) -> Result<(), ParseError> {
        self.made += size;
        if self.made > MAX_NODES {
            return self.fault(
                node.start,
                format!("more than {MAX_NODES} values in one file, with all aliases written out"),
            );
        }
        if anchor != 0 {
            let size = count(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut() {
            Some(parent) => {
                parent.nodes.push(node);
                parent.end = end;
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

/// Whether a text is JSON, as Kubernetes tells it from YAML, but for what only begins as JSON does.
fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Where a line before a place has a tab among the blanks that it begins with; the first that is looked
/// at may have begun before.
fn tab_before(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    let between = text.get(from..to)?;
    for (number, line) in between.split_inclusive('\n').enumerate() {
        let blanks = line.bytes().take_while(|b| matches!(b, b' ' | b'\t'));
        let tab = blanks.take_while(|byte| *byte == b' ').count();
        if line.as_bytes().get(tab) == Some(&b'\t') && (number > 0 || from == 0) {
            return Some(at + tab);
        }
        at += line.len();
    }
    None
}

/// What the parser says, in words of ours where its own do not say what is allowed.
fn words(error: &ScanError) -> String {
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(),
        _ => error.info().to_owned(),
    }
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH}")
}

fn count(node: &Node) -> usize {
    1 + node.items().iter().map(count).sum::<usize>()
        + node
            .entries()
            .iter()
            .map(|(key, value)| count(key) + count(value))
            .sum::<usize>()
}

#[cfg(test)]
mod tests;
