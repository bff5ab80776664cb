//! Lossless edits: a value is set, and every line that is not about it stays as it is, byte for
//! byte. Each edit is verified: the result parses, and means what was meant and nothing else.

mod place;
mod remove;
mod render;
mod splice;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::{Node, Position, parse};
use place::Lines;
use render::{Style, is_json};

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The value of a key of a mapping.
    Key(String),
    /// An item of a sequence, from 0.
    Index(usize),
}

/// A value to be set, at a path from the object's root. Mappings on the way are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where.
    pub path: Vec<Step>,
    /// What: a scalar, or a sequence or mapping of scalars and such. None takes it out.
    pub value: Option<Json>,
}

impl Change {
    /// A change at a path such as `spec.containers[0].securityContext.privileged`.
    #[must_use]
    pub fn new(path: &str, value: Json) -> Self {
        Self {
            path: steps(path),
            value: Some(value),
        }
    }

    /// What is at a path taken out.
    #[must_use]
    pub fn removal(path: &str) -> Self {
        Self {
            path: steps(path),
            value: None,
        }
    }
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let mut pieces = part.split('[');
        if let Some(key) = pieces.next().filter(|key| !key.is_empty()) {
            steps.push(Step::Key(key.to_owned()));
        }
        let indices = pieces.filter_map(|piece| piece.strip_suffix(']')?.parse().ok());
        steps.extend(indices.map(Step::Index));
    }
    steps
}

/// Why a text is not edited. It is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The value comes in by an alias or a merge key, so the text is shared with other places.
    #[error(
        "{0} comes in by an alias or a merge key: an edit would change other places too; edit it by hand"
    )]
    Shared(String),
    /// The value has a form that is not edited.
    #[error("{0} is written in a form that is not edited: {1}")]
    Form(String, &'static str),
    /// There is nothing at the path that could be changed.
    #[error("{0} is not there")]
    Missing(String),
    /// The text could not be read, before or after the edit, or would mean something else.
    #[error("the edit would not mean what was meant ({0}): edit it by hand")]
    Unverified(String),
}

/// The text with the changes made in the object that starts at `object`, all at once.
///
/// # Errors
/// When a change cannot be made without touching something else.
pub fn edit(text: &str, object: Position, changes: &[Change]) -> Result<String, EditError> {
    edit_all(text, &[(object, changes.to_vec())])
}

/// The text with the changes made in several objects, each of which starts at its position, all at once.
///
/// # Errors
/// When a change cannot be made without touching something else.
pub fn edit_all(text: &str, edits: &[(Position, Vec<Change>)]) -> Result<String, EditError> {
    let documents = parse("", text).map_err(unverified)?;
    let lines = Lines::new(text);
    if lines.has_bare_returns() {
        let why = "its lines end with a carriage return alone";
        return Err(EditError::Form("the text".into(), why));
    }
    // by document, with the place of each object in it
    let mut edited: BTreeMap<usize, Edited> = BTreeMap::new();
    let mut splices = Vec::new();
    for (object, changes) in edits {
        let found = documents.iter().enumerate().find_map(|(index, document)| {
            let place = place_of(&document.root, *object)?;
            Some((index, &document.root, place))
        });
        let Some((index, document, (root, place))) = found else {
            return Err(EditError::Missing("the object".into()));
        };
        let edited = edited.entry(index).or_insert_with(|| Edited {
            style: Style::of(&lines, document),
            changes: Vec::new(),
        });
        let changes = remove::with_emptied(root, changes);
        splices.extend(splice::find(&lines, root, &changes, edited.style)?);
        edited.changes.push((place, changes));
    }
    let text = splice::apply(text, splices).ok_or_else(|| unverified("two changes meet"))?;
    // by a second reading, not by trust in the splices
    let after = parse("", &text).map_err(unverified)?;
    if after.len() != documents.len() {
        return Err(unverified("another number of documents"));
    }
    let lines_after = Lines::new(&text);
    for (number, (before, after)) in documents.iter().zip(&after).enumerate() {
        let mut expected = before.root.to_json();
        if let Some(edited) = edited.get(&number) {
            if edited.style.quoted && !is_json(&lines_after, &after.root) {
                return Err(unverified("it would be JSON no more"));
            }
            for (place, changes) in &edited.changes {
                for change in in_order(changes) {
                    let path = place.iter().chain(&change.path);
                    match &change.value {
                        Some(value) => set(&mut expected, path, value),
                        None => take_out(&mut expected, path),
                    }
                }
            }
        }
        if after.root.to_json() != expected || after.duplicates.len() != before.duplicates.len() {
            return Err(unverified("another value would change"));
        }
    }
    Ok(text)
}

/// What is edited of a document.
struct Edited {
    /// How it is written; quoted where it is JSON.
    style: Style,
    /// The changes of each object, with its place.
    changes: Vec<(Vec<Step>, Vec<Change>)>,
}

fn unverified(why: impl std::fmt::Display) -> EditError {
    EditError::Unverified(format!("{why}"))
}

/// The mapping that starts at a position, the root or one below it, and the path to it.
fn place_of(node: &Node, at: Position) -> Option<(&Node, Vec<Step>)> {
    if node.start == at && !node.entries().is_empty() {
        return Some((node, Vec::new()));
    }
    let around = |child: &Node| child.start <= at && at <= child.end;
    let below = |step: Step, child| {
        let (found, path) = place_of(child, at)?;
        Some((found, std::iter::once(step).chain(path).collect()))
    };
    let mut items = node.items().iter().enumerate();
    let mut entries = node.entries().iter();
    items
        .find_map(|(index, item)| {
            around(item)
                .then(|| below(Step::Index(index), item))
                .flatten()
        })
        .or_else(|| {
            entries.find_map(|(key, value)| {
                let step = || Step::Key(key.key_text().into_owned());
                around(value).then(|| below(step(), value)).flatten()
            })
        })
}

/// Sets a value in JSON, making mappings on the way.
fn set<'a>(json: &mut Json, mut path: impl Iterator<Item = &'a Step>, value: &Json) {
    match path.next() {
        None => *json = value.clone(),
        Some(Step::Index(index)) => {
            if let Some(item) = json.get_mut(*index) {
                set(item, path, value);
            }
        }
        Some(Step::Key(key)) => {
            if json.is_null() {
                *json = Json::Object(Map::new());
            }
            if let Json::Object(map) = json {
                set(map.entry(key).or_insert(Json::Null), path, value);
            }
        }
    }
}

/// Changes in an order in which the items of a sequence keep their numbers: what is taken out comes
/// last, from the end on.
fn in_order(changes: &[Change]) -> Vec<&Change> {
    let mut order: Vec<_> = changes.iter().collect();
    order.sort_by(|a, b| match (&a.value, &b.value) {
        (None, None) => b.path.cmp(&a.path),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    order
}

/// Takes a value out of JSON.
fn take_out<'a>(json: &mut Json, mut path: impl Iterator<Item = &'a Step>) {
    let (mut at, Some(mut step)) = (json, path.next()) else {
        return;
    };
    for next in path {
        let child = match step {
            Step::Key(key) => at.get_mut(key),
            Step::Index(index) => at.get_mut(index),
        };
        let Some(child) = child else { return };
        (at, step) = (child, next);
    }
    match (at, step) {
        (Json::Object(map), Step::Key(key)) => {
            map.remove(key);
        }
        (Json::Array(items), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
        }
        _ => {}
    }
}

/// A path as messages write it.
fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

#[cfg(test)]
mod tests;
