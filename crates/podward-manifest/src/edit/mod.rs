//! Lossless edits: a value is set, and every line that is not about it stays as it is, byte for
//! byte. Each edit is verified: the result parses, and means what was meant and nothing else.

mod place;
mod remove;
mod render;
mod splice;

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
    let documents = parse("", text).map_err(unverified)?;
    let found = documents.iter().enumerate().find_map(|(index, document)| {
        let root = starting_at(&document.root, object)?;
        Some((index, &document.root, root))
    });
    let Some((index, document, root)) = found else {
        return Err(EditError::Missing("the object".into()));
    };
    let lines = Lines::new(text);
    if lines.has_bare_returns() {
        let why = "its lines end with a carriage return alone";
        return Err(EditError::Form("the text".into(), why));
    }
    let changes = &remove::with_emptied(root, changes);
    let splices = splice::find(&lines, root, changes, Style::of(&lines, document))?;
    let edited = splice::apply(text, splices).ok_or_else(|| unverified("two changes meet"))?;
    // by a second reading, not by trust in the splices
    let after = parse("", &edited).map_err(unverified)?;
    if after.len() != documents.len() {
        return Err(unverified("another number of documents"));
    }
    let stays_json = || {
        let after = after.get(index);
        after.is_some_and(|after| is_json(&Lines::new(&edited), &after.root))
    };
    if is_json(&lines, document) && !stays_json() {
        return Err(unverified("it would be JSON no more"));
    }
    for (number, (before, after)) in documents.iter().zip(&after).enumerate() {
        let mut expected = before.root.to_json();
        if number == index {
            let place = whole_path(&before.root, object).unwrap_or_default();
            for change in in_order(changes) {
                let path = place.iter().chain(&change.path);
                match &change.value {
                    Some(value) => set(&mut expected, path, value),
                    None => take_out(&mut expected, path),
                }
            }
        }
        if after.root.to_json() != expected || after.duplicates.len() != before.duplicates.len() {
            return Err(unverified("another value would change"));
        }
    }
    Ok(edited)
}

fn unverified(why: impl std::fmt::Display) -> EditError {
    EditError::Unverified(format!("{why}"))
}

/// The mapping that starts at a position: the root, or an item of a list.
fn starting_at(node: &Node, at: Position) -> Option<&Node> {
    if node.start == at && !node.entries().is_empty() {
        return Some(node);
    }
    let items = node.items().iter();
    let values = node.entries().iter().map(|(_, value)| value);
    items
        .chain(values)
        .filter(|child| child.start <= at && at <= child.end)
        .find_map(|child| starting_at(child, at))
}

/// The path to that mapping.
fn whole_path(node: &Node, at: Position) -> Option<Vec<Step>> {
    if node.start == at && !node.entries().is_empty() {
        return Some(Vec::new());
    }
    let items = node
        .items()
        .iter()
        .enumerate()
        .map(|(index, item)| (Step::Index(index), item));
    let values = node
        .entries()
        .iter()
        .map(|(key, value)| (Step::Key(key.key_text().into_owned()), value));
    items
        .chain(values)
        .filter(|(_, child)| child.start <= at && at <= child.end)
        .find_map(|(step, child)| {
            let mut path = vec![step];
            path.extend(whole_path(child, at)?);
            Some(path)
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
