//! What excerpts of the source must not show.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use podward_manifest::{Node, Object, Position, Value};

use crate::Finding;

/// Widens what is masked, so that the excerpt of one finding does not show the secret of another
/// that stands in the same line.
pub fn mask(findings: &mut [Finding]) {
    mask_all(&mut [findings], &[]);
}

/// The same for several lists at once, and for the values of Secrets in their file, which no finding
/// needs to tell.
pub(crate) fn mask_all(lists: &mut [&mut [Finding]], values: &[(Position, Position)]) {
    let mut lines: BTreeMap<(Arc<str>, usize), (Position, Position)> = BTreeMap::new();
    for finding in lists.iter().flat_map(|list| list.iter()) {
        let Some((from, to)) = finding.secret else {
            continue;
        };
        let mut hide = |line: usize, from: Position, to: Position| {
            let all = lines
                .entry((Arc::clone(&finding.path), line))
                .or_insert((from, to));
            *all = (all.0.min(from), all.1.max(to));
        };
        let behind = |line: usize| Position {
            line: line + 1,
            column: 1,
        };
        hide(from.line, from, to.min(behind(from.line)));
        if to.line > from.line {
            let line = to.line;
            hide(line, Position { line, column: 1 }, to);
        }
    }
    add_values(lists, values, &mut lines);
    if lines.is_empty() {
        return;
    }
    for finding in lists.iter_mut().flat_map(|list| list.iter_mut()) {
        let line = finding.position.line;
        if let Some((from, to)) = lines.get(&(Arc::clone(&finding.path), line)) {
            let own = finding.secret.unwrap_or((*from, *to));
            finding.secret = Some((own.0.min(*from), own.1.max(*to)));
        }
    }
}

/// Adds the values of Secrets in the lines that are shown.
fn add_values(
    lists: &[&mut [Finding]],
    values: &[(Position, Position)],
    lines: &mut BTreeMap<(Arc<str>, usize), (Position, Position)>,
) {
    if values.is_empty() {
        return;
    }
    let all = lists.iter().flat_map(|list| list.iter());
    let shown: BTreeSet<_> = all.map(|f| (f.position.line, &f.path)).collect();
    for (from, to) in values {
        let Some((_, path)) = shown.first() else {
            return;
        };
        for (line, path) in shown.range((from.line, *path)..) {
            // behind a block its end is the beginning of the next line
            if (to.line, to.column) <= (*line, 1) {
                break;
            }
            let at = |column| Position {
                line: *line,
                column,
            };
            let part = ((*from).max(at(1)), (*to).min(at(usize::MAX)));
            let entry = lines.entry((Arc::clone(path), *line)).or_insert(part);
            *entry = (entry.0.min(part.0), entry.1.max(part.1));
        }
    }
}

/// Keys of a Secret whose values say what it is.
const OPEN: &[&str] = &["apiVersion", "kind", "metadata", "type", "immutable"];

/// What kubectl keeps of the manifest that it applied, values and all.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The places of the values of a Secret, whatever fields they stand in: a misspelt one holds them too.
pub(crate) fn values_of(object: &Object, values: &mut Vec<(Position, Position)>) {
    if object.kind != "Secret" {
        return;
    }
    for (key, value) in object.node.entries() {
        if !key.as_str().is_some_and(|key| OPEN.contains(&key)) {
            scalars(value, values);
        }
    }
    if let Some(applied) = object.node.at(&["metadata", "annotations", APPLIED]) {
        scalars(applied, values);
    }
}

/// How deep it goes is bounded by the parser.
fn scalars(node: &Node, values: &mut Vec<(Position, Position)>) {
    match &node.value {
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| scalars(value, values)),
        Value::Sequence(items) => items.iter().for_each(|item| scalars(item, values)),
        Value::Null => {}
        _ => values.push((node.start, node.end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    fn finding(line: usize, secret: Option<(Position, Position)>) -> Finding {
        Finding {
            rule: "r",
            severity: Severity::Error,
            path: "f".into(),
            position: Position { line, column: 1 },
            field: String::new(),
            message: "".into(),
            why: "",
            mend: "".into(),
            fix: None,
            secret,
        }
    }

    #[test]
    fn findings_of_one_line_hide_the_same() {
        let at = |line, column| Position { line, column };
        let mut all = [
            finding(1, Some((at(1, 5), at(1, 9)))),
            finding(1, Some((at(1, 20), at(1, 24)))),
            finding(1, None),
            finding(2, Some((at(2, 3), at(4, 7)))),
            finding(4, Some((at(4, 20), at(4, 22)))),
            finding(9, None),
        ];
        mask(&mut all);
        let secrets = all.map(|finding| finding.secret);
        let line = Some((at(1, 5), at(1, 24)));
        assert_eq!(secrets[..3], [line, line, line]);
        assert_eq!(secrets[3], Some((at(2, 3), at(4, 7))));
        assert_eq!(secrets[4], Some((at(4, 1), at(4, 22))));
        assert_eq!(secrets[5], None);
    }

    /// The first lines of what is shown of a file.
    fn shown(text: &str) -> Vec<String> {
        let settings = crate::Settings {
            profile: crate::Profile::Podward,
            version: crate::Version::Latest,
            ids: crate::Ids::default(),
            exceptions: Arc::default(),
        };
        let around = crate::surroundings(crate::Neighbours::default);
        let examined = crate::examine("f", text, &settings, &around);
        let source = podward_manifest::Source {
            path: "f".into(),
            text: text.into(),
        };
        let lines = source.lines();
        let of_objects = examined.objects.iter().flat_map(|one| &one.findings);
        let excerpts = examined.of_file.iter().chain(of_objects).map(|finding| {
            let excerpt = match finding.secret {
                Some(secret) => lines.excerpt_without(finding.position, secret),
                None => lines.excerpt(finding.position),
            };
            excerpt.lines().next().unwrap_or_default().to_owned()
        });
        excerpts.collect()
    }

    #[test]
    fn no_value_of_a_secret_is_shown_wherever_it_stands() {
        for (fields, wanted) in [
            (
                "stringdata: {password: hunter2}",
                "4 | stringdata: {password: ***}",
            ),
            ("spec: {x: hunter2}", "4 | spec: {x: ***}"),
            ("password: hunter2", "4 | password: ***"),
            (
                "Data: {a: [hunter2, 'hunter2'], b: {c: 12345}}",
                "4 | Data: {a: [***}}",
            ),
            ("Type: Opaque\ntype: Opaque", "4 | Type: ***"),
        ] {
            let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{fields}\n");
            let shown = shown(&text);
            assert!(shown.iter().any(|line| line == wanted), "{shown:?}");
            assert!(!shown.iter().any(|l| l.contains("hunter2")), "{shown:?}");
        }
        // in a list, and among the values that kubectl keeps
        let list = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: s, annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter2}}, x: hunter2}]}\n";
        let shown = shown(list);
        assert!(!shown.is_empty());
        assert!(!shown.iter().any(|l| l.contains("hunter2")), "{shown:?}");
    }
}
