//! The keys of a mapping, each of which may be there once.

use std::collections::{BTreeMap, HashSet};

use crate::{Node, ParseError, Value};

/// Most keys that are compared one with another.
const FEW: usize = 12;

/// The mapping of these entries. A key that is there twice is noted, and its last value holds. None
/// where a key is a merge key, or none that a mapping may have.
pub(super) fn mapping(
    path: &str,
    entries: Vec<(Node, Node)>,
    duplicates: &mut Vec<ParseError>,
) -> Option<Value> {
    let mut all_text = true;
    for (key, _) in &entries {
        match &key.value {
            Value::String(text) if text == "<<" => return None,
            Value::String(_) => {}
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => return None,
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Number(_) => all_text = false,
        }
    }
    if all_text && are_different(&entries) {
        return Some(Value::Mapping(entries));
    }
    Some(Value::Mapping(last_ones(path, entries, duplicates)))
}

fn are_different(entries: &[(Node, Node)]) -> bool {
    let mut keys = entries.iter().filter_map(|(key, _)| key.as_str());
    if entries.len() > FEW {
        let mut seen = HashSet::with_capacity(entries.len());
        return keys.all(|key| seen.insert(key));
    }
    while let Some(key) = keys.next() {
        if keys.clone().any(|other| other == key) {
            return false;
        }
    }
    true
}

/// The entries without those whose key comes again.
fn last_ones(
    path: &str,
    entries: Vec<(Node, Node)>,
    duplicates: &mut Vec<ParseError>,
) -> Vec<(Node, Node)> {
    let mut kept: Vec<Option<(Node, Node)>> = Vec::with_capacity(entries.len());
    let mut seen = BTreeMap::new();
    for (key, value) in entries {
        let name = key.key_text().into_owned();
        if let Some((index, first)) = seen.get(&name) {
            duplicates.push(ParseError {
                path: path.to_owned(),
                position: key.start,
                message: format!("duplicate key {name:?}, first at {first}"),
            });
            if let Some(entry) = kept.get_mut(*index) {
                *entry = None;
            }
        }
        seen.insert(name, (kept.len(), key.start));
        kept.push(Some((key, value)));
    }
    kept.into_iter().flatten().collect()
}
