//! Where the documents of a file begin, and reading them one by one.

use std::collections::VecDeque;

use memchr::{memchr, memchr_iter, memmem};
use serde::de::IgnoredAny;

use crate::parse::{Builder, Document, ParseError};

/// Where a part of a file begins.
pub(crate) struct Part {
    /// Its first line, as YAML counts, for which a lone carriage return ends a line too.
    pub(crate) line: usize,
    /// Its first byte.
    at: usize,
}

/// The parts of a file, as Kubernetes cuts it (apimachinery `YAMLReader`); of a file of several JSON
/// values one behind the other, each is a part.
pub(crate) fn parts(text: &str) -> Vec<Part> {
    if text.trim_start().starts_with('{')
        && let Some(parts) = json_parts(text)
    {
        return parts;
    }
    let mut parts = vec![Part { line: 1, at: 0 }];
    let bytes = text.as_bytes();
    // lines are counted up to here
    let (mut line, mut counted) = (1, 0);
    // a separator before which there is nothing belongs to the part itself
    let mut nothing_before = 0;
    let mut at = 0;
    let dashes = memmem::Finder::new("---");
    let behind = |at: usize| bytes.get(at..).unwrap_or_default();
    while let Some(before) = dashes.find(behind(at)) {
        at += before;
        let starts_line = at == 0 || bytes.get(at - 1) == Some(&b'\n');
        if !starts_line {
            // none of a run of dashes starts a line
            at += behind(at).iter().take_while(|byte| **byte == b'-').count();
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let length = memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |end| end + 1);
        let behind = rest.get(3..length).unwrap_or_default().trim();
        let end = at + length;
        if at != nothing_before && (behind.is_empty() || behind.starts_with('#')) {
            line += breaks(text.get(counted..end).unwrap_or_default());
            counted = end;
            nothing_before = end;
            // the last line may have no end
            let line = line + usize::from(!rest.contains('\n'));
            parts.push(Part { line, at: end });
        }
        at = end;
    }
    parts
}

/// The values of a file that holds several in JSON, each of which begins on a line of its own.
fn json_parts(text: &str) -> Option<Vec<Part>> {
    // what the API server writes is one line
    memchr(b'\n', text.trim_end().as_bytes())?;
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let mut parts = vec![Part { line: 1, at: 0 }];
    // lines are counted up to here
    let (mut line, mut counted) = (1, 0);
    loop {
        let end = values.byte_offset();
        let rest = text.get(end..)?;
        let gap = rest.len() - rest.trim_start().len();
        if end > 0 && gap < rest.len() {
            let before = rest.get(..gap)?;
            let at = end + before.rfind('\n')? + 1;
            line += breaks(text.get(counted..at)?);
            counted = at;
            parts.push(Part { line, at });
        }
        match values.next() {
            Some(Ok(_)) => {}
            Some(Err(_)) => return None,
            None => break,
        }
    }
    (parts.len() > 1).then_some(parts)
}

/// How many lines end in a text.
fn breaks(text: &str) -> usize {
    let count = |byte| memchr_iter(byte, text.as_bytes()).count();
    let (feeds, returns) = (count(b'\n'), count(b'\r'));
    if returns == 0 {
        return feeds;
    }
    feeds + returns - text.matches("\r\n").count()
}

/// Parses a file of which some documents may be broken: all that can be read, and the first fault
/// of each that cannot.
#[must_use]
pub fn parse_each(path: &str, text: &str) -> (Vec<Document>, Vec<ParseError>) {
    let (mut documents, mut faults) = (Vec::new(), Vec::new());
    for read in Documents::of(path, text) {
        match read {
            Ok(document) => documents.push(document),
            Err(fault) => faults.push(fault),
        }
    }
    (documents, faults)
}

/// The documents of a file, each read when it is asked for, and the first fault of each that cannot
/// be read. A part of the file that stands for itself is read alone; from the first that does not
/// on, the rest is read at once.
pub struct Documents<'a> {
    text: &'a str,
    builder: Builder,
    /// The part that comes next.
    next: usize,
    wanted: fn(&str) -> bool,
    ready: VecDeque<Result<Document, ParseError>>,
}

impl<'a> Documents<'a> {
    /// Those of a text.
    #[must_use]
    pub fn of(path: &str, text: &'a str) -> Self {
        Self {
            text,
            builder: Builder::new(path, parts(text)),
            next: 0,
            wanted: |_| true,
            ready: VecDeque::new(),
        }
    }

    /// Leaves out parts by their text, where it can: who asks looks at the documents all the same.
    #[must_use]
    pub fn only(self, wanted: fn(&str) -> bool) -> Self {
        Self { wanted, ..self }
    }

    /// A part of the file with its end.
    fn part(&self, index: usize) -> Option<(&'a str, usize)> {
        let part = self.builder.parts.get(index)?;
        let end = self.builder.parts.get(index + 1);
        let end = end.map_or(self.text.len(), |next| next.at);
        Some((self.text.get(part.at..end)?, part.line - 1))
    }

    /// Reads a part with the general reader, if it stands for itself: a directive also concerns
    /// what follows, and quotation marks and brackets may end behind it.
    fn is_read_alone(&mut self, text: &str, lines_before: usize) -> bool {
        let before = self.builder.made;
        let is_read = !text.lines().any(|line| line.starts_with('%'))
            && self.builder.read_generally(text, lines_before).is_ok();
        if !is_read {
            self.builder.forget(before);
        }
        is_read
    }

    /// Reads all that is left.
    fn read_rest(&mut self, from: usize) {
        self.next = self.builder.parts.len();
        let Some(part) = self.builder.parts.get(from) else {
            return;
        };
        let (rest, lines_before) = (self.text.get(part.at..), part.line - 1);
        let before = self.builder.made;
        let Err(first) = self
            .builder
            .read_generally(rest.unwrap_or_default(), lines_before)
        else {
            return self.take();
        };
        if self.next - from == 1 {
            self.take();
            return self.ready.push_back(Err(first));
        }
        // part by part, so that a fault takes no other part with it
        self.builder.forget(before);
        for index in from..self.next {
            let Some((text, lines_before)) = self.part(index) else {
                return;
            };
            let read = self.builder.read(text, lines_before);
            self.take();
            if let Err(fault) = read {
                self.ready.push_back(Err(fault));
                // the same would be said of every document from here on
                if self.builder.is_full() {
                    return;
                }
            }
        }
    }

    /// Takes what was read.
    fn take(&mut self) {
        let read = self.builder.documents.drain(..);
        self.ready.extend(read.map(Ok));
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(ready) = self.ready.pop_front() {
                return Some(ready);
            }
            let index = self.next;
            let (text, lines_before) = self.part(index)?;
            self.next += 1;
            if !(self.wanted)(text) {
                continue;
            }
            if self.builder.read_fast(text, lines_before) || self.is_read_alone(text, lines_before)
            {
                self.take();
            } else {
                self.read_rest(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn documents_are_counted_as_kubernetes_does() {
        let index = |text: &str| parse("f", text).unwrap().pop().unwrap().index;
        assert_eq!(index("---\na: 1\n"), 0);
        assert_eq!(index("# licence\n---\na: 1\n"), 1);
        assert_eq!(index("a: 1\n---\n---\nb: 1\n"), 1);
        assert_eq!(index("---\n---\na: 1\n"), 1);
        assert_eq!(index("a: 1\n--- # two\nb: 1\n"), 1);
        assert_eq!(index("a:\n ---: 1\n----: 2\n--- \r\nb: 1\n"), 1);
        let lines = |text: &str| parts(text).iter().map(|p| p.line).collect::<Vec<_>>();
        assert_eq!(lines("a\n---\n---\nb\n---\r\nc\rd\n---"), [1, 3, 6, 9]);
    }

    #[test]
    fn a_broken_document_does_not_take_the_others_with_it() {
        let text = "a: 1\n---\n# two\nb: [\n---\nc: 3\n---\nd: }\n";
        let (documents, faults) = parse_each("f", text);
        let found: Vec<_> = documents
            .iter()
            .map(|d| (d.index, d.root.start.line))
            .collect();
        assert_eq!(found, [(0, 1), (2, 6)]);
        let lines: Vec<_> = faults.iter().map(|f| f.position.line).collect();
        assert_eq!(lines, [4, 8]);
        assert_eq!(parse_each("f", "a: [").1.len(), 1);
    }

    #[test]
    fn parts_are_read_as_the_whole_is() {
        for text in [
            "a: 1\n---\nb: &x [1]\nc: *x\n---\nd: 4\n",
            "a: 1\n...\n%TAG !e! tag:yaml.org,2002:\n---\nb: !e!str 2\n---\nc: 3\n",
            "%YAML 1.2\n---\na: 1\n---\nb: 2\n",
            "a: |\n  b\n---\nc: d\n  e\n--- {f: g}\n---\n# nothing\n",
        ] {
            let whole = parse("f", text).unwrap();
            let (parts, faults) = parse_each("f", text);
            let roots = |all: &[Document]| {
                let all = all.iter().map(|d| (d.index, d.root.clone()));
                all.collect::<Vec<_>>()
            };
            assert_eq!((roots(&parts), faults), (roots(&whole), vec![]), "{text}");
        }
        let quoted = "a: 1\n---\nb: \"\n---\nc\"\n";
        let (documents, faults) = parse_each("f", quoted);
        assert_eq!((documents.len(), faults.len()), (2, 1), "{faults:?}");
    }

    #[test]
    fn values_of_json_one_behind_the_other_are_parts() {
        let text = "{\"a\": 1}\n\n{\n  \"b\": \"}\"\n}\n {\"c\": 3}\n";
        let (documents, faults) = parse_each("f", text);
        let found: Vec<_> = documents
            .iter()
            .map(|d| (d.index, d.root.start.line, d.root.start.column))
            .collect();
        assert_eq!(
            (found, faults),
            (vec![(0, 1, 1), (1, 3, 1), (2, 6, 2)], vec![])
        );
        assert_eq!(parse_each("f", "{\"a\": 1} {\"b\": 2}\n").1.len(), 1);
        assert_eq!(parse_each("f", "{\"a\": 1}\n").0.len(), 1);
    }

    #[test]
    fn a_part_that_is_not_wanted_is_left() {
        let text = "a: 1\n---\nb: [\n---\nc: 3\n";
        let only: Vec<_> = Documents::of("f", text)
            .only(|part| !part.contains('['))
            .map(|read| read.unwrap().root.start.line)
            .collect();
        assert_eq!(only, [1, 5]);
    }

    #[test]
    fn lone_carriage_returns_end_lines_as_in_yaml() {
        let (documents, faults) = parse_each("f", "a: \"b\rc\"\n---\nd: 1\n---\ne: [\n");
        let found: Vec<_> = documents
            .iter()
            .map(|d| (d.index, d.root.start.line))
            .collect();
        assert_eq!((found, faults[0].position.line), (vec![(0, 1), (1, 4)], 6));
    }

    #[test]
    fn what_has_too_many_values_is_told_once() {
        let many = format!("a: [{}]\n---\n", "1,".repeat(900_000)).repeat(3);
        let (documents, faults) = parse_each("f", &format!("{many}b: 1\n---\nc: 1\n"));
        let lines: Vec<_> = faults.iter().map(|f| f.position.line).collect();
        assert_eq!((documents.len(), lines), (2, vec![5]));
    }
}
