//! Patches of kustomize: parts of objects, of which only what is written can be judged.

use podward_manifest::{Node, Object};

use crate::{Decoded, ExaminedObject, Finding};

/// What only a strategic merge patch has.
const DIRECTIVE: &str = "$patch";
/// How its other directives begin.
const OTHERS: &[&str] = &[
    "$retainKeys",
    "$setElementOrder/",
    "$deleteFromPrimitiveList/",
];

/// Whether a text may hold the directive; others need not be gone through.
pub(crate) fn may_be_in(text: &str) -> bool {
    crate::exceptions::holds(text, DIRECTIVE)
}

/// Whether an object has the directive somewhere.
pub(crate) fn is_one(object: &Object) -> bool {
    has_directive(&object.node)
}

fn has_directive(node: &Node) -> bool {
    node.get(DIRECTIVE).is_some()
        || node.entries().iter().any(|(_, value)| has_directive(value))
        || node.items().iter().any(has_directive)
}

/// Leaves of the findings of a patch those on what is written in it, and nothing to be mended: what
/// else holds is said by what it patches. The verdicts stay.
pub(crate) fn narrow(one: &mut ExaminedObject) {
    one.is_patch = true;
    let node = &one.object.node;
    let verdicts = one.verdicts.iter_mut().filter_map(Decoded::verdict_mut);
    let violations = verdicts.flat_map(|verdict| &mut verdict.violations);
    let lists = violations.map(|violation| &mut violation.findings);
    for list in std::iter::once(&mut one.findings).chain(lists) {
        list.retain_mut(|finding| {
            finding.fix = None;
            is_written(node, &finding.field) && !is_about_directive(finding)
        });
    }
}

fn is_about_directive(finding: &Finding) -> bool {
    let name = finding.field.rsplit_once('.');
    let name = name.map_or(finding.field.as_str(), |(_, name)| name);
    name == DIRECTIVE || OTHERS.iter().any(|other| name.starts_with(other))
}

/// Whether there is a value at a path, whose keys may have dots in them.
fn is_written(node: &Node, path: &str) -> bool {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return !node.is_null();
    }
    if let Some((index, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']'))
        && let Some(item) = index
            .parse()
            .ok()
            .and_then(|at: usize| node.items().get(at))
    {
        return is_written(item, rest);
    }
    node.entries().iter().any(|(key, value)| {
        let Some(key) = key.as_str() else {
            return false;
        };
        let rest = path.strip_prefix(key).or_else(|| {
            let key_in_brackets = path.strip_prefix('[')?.strip_prefix(key)?;
            key_in_brackets.strip_prefix(']')
        });
        rest.is_some_and(|rest| {
            (rest.is_empty() || rest.starts_with(['.', '['])) && is_written(value, rest)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use podward_manifest::parse;

    #[test]
    fn what_is_written_is_found_whatever_its_keys_are() {
        let text = "a: {b.c/d: 1, e: [x, {f: null, g: 2}], h: }\n";
        let root = parse("f", text).unwrap().remove(0).root;
        for path in ["a.b.c/d", "a[b.c/d]", "a.e[1].g", "a.e[0]", "a.e", ""] {
            assert!(is_written(&root, path), "{path}");
        }
        for path in [
            "a.b",
            "a.b.c",
            "a.e[2]",
            "a.e[1].f",
            "a.h",
            "a.h.i",
            "a.e[1].gg",
        ] {
            assert!(!is_written(&root, path), "{path}");
        }
    }
}
