//! Where the documents of a file begin, and reading them one by one.

use crate::parse::{Builder, Document, ParseError};

/// Where a part of a file begins.
pub(crate) struct Part {
    /// Its first line, as YAML counts, for which a lone carriage return ends a line too.
    pub(crate) line: usize,
    /// Its first byte.
    at: usize,
}

/// The parts of a file, as Kubernetes cuts it (apimachinery `YAMLReader`).
pub(crate) fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![Part { line: 1, at: 0 }];
    let (mut number, mut at) = (1, 0);
    let mut empty = true;
    for whole in text.split_inclusive('\n') {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        number += 1 + line.matches('\r').count();
        at += whole.len();
        let separates = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.trim().is_empty() || rest.trim().starts_with('#'));
        // a separator before which there is nothing belongs to the part itself
        let ends = separates && !empty;
        if ends {
            parts.push(Part { line: number, at });
        }
        empty = ends;
    }
    parts
}

/// Parses a file of which some documents may be broken: all that can be read, and the first fault
/// of each that cannot.
#[must_use]
pub fn parse_each(path: &str, text: &str) -> (Vec<Document>, Vec<ParseError>) {
    let parts = parts(text);
    let mut builder = Builder::new(path, &parts);
    let Err(first) = builder.read(text, 0) else {
        return (builder.documents, Vec::new());
    };
    if parts.len() == 1 {
        return (builder.documents, vec![first]);
    }
    let mut builder = Builder::new(path, &parts);
    let mut faults = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let end = parts.get(index + 1).map_or(text.len(), |next| next.at);
        let Some(own) = text.get(part.at..end) else {
            break;
        };
        if let Err(fault) = builder.read(own, part.line - 1) {
            faults.push(fault);
            // the same would be said of every document from here on
            if builder.is_full() {
                break;
            }
        }
    }
    (builder.documents, faults)
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
