//! Where the documents of a file begin, and reading them one by one.

use crate::parse::{Builder, Document, ParseError};

/// The first line of each part of a file, as Kubernetes cuts it (apimachinery `YAMLReader`).
pub(crate) fn parts(text: &str) -> Vec<usize> {
    let mut parts = vec![1];
    let mut empty = true;
    for (index, line) in text.lines().enumerate() {
        let separates = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.trim().is_empty() || rest.trim().starts_with('#'));
        // a separator before which there is nothing belongs to the part itself
        let ends = separates && !empty;
        if ends {
            parts.push(index + 2);
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
    let mut lines = text.split_inclusive('\n');
    let mut rest = text;
    for (index, start) in parts.iter().enumerate() {
        let end = parts.get(index + 1).copied().unwrap_or(usize::MAX);
        let length = lines.by_ref().take(end - start).map(str::len).sum();
        let Some((part, after)) = rest.split_at_checked(length) else {
            break;
        };
        rest = after;
        if let Err(fault) = builder.read(part, start - 1) {
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
    fn what_has_too_many_values_is_told_once() {
        let many = format!("a: [{}]\n---\n", "1,".repeat(900_000)).repeat(3);
        let (documents, faults) = parse_each("f", &format!("{many}b: 1\n---\nc: 1\n"));
        let lines: Vec<_> = faults.iter().map(|f| f.position.line).collect();
        assert_eq!((documents.len(), lines), (2, vec![5]));
    }
}
