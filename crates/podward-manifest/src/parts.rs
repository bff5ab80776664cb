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
    let bytes = text.as_bytes();
    // lines are counted up to here
    let (mut line, mut counted) = (1, 0);
    // a separator before which there is nothing belongs to the part itself
    let mut nothing_before = 0;
    let mut at = 0;
    // of three bytes in a row one is looked at: it tells where three dashes cannot be
    while let Some(third) = bytes.get(at + 2) {
        if *third != b'-' {
            at += 3;
            continue;
        }
        let starts_line = at == 0 || bytes.get(at - 1) == Some(&b'\n');
        let rest = bytes.get(at..).unwrap_or_default();
        if !starts_line || !rest.starts_with(b"---") {
            at += 1;
            continue;
        }
        let rest = text.get(at..).unwrap_or_default();
        let length = rest.find('\n').map_or(rest.len(), |end| end + 1);
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

/// How many lines end in a text.
fn breaks(text: &str) -> usize {
    let feeds = text.bytes().filter(|byte| *byte == b'\n').count();
    if !text.contains('\r') {
        return feeds;
    }
    let pairs = text.matches("\r\n").count();
    feeds + text.bytes().filter(|byte| *byte == b'\r').count() - pairs
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
