//! Kubernetes objects.

use std::sync::Arc;

use crate::{Document, Node, Position, Value};

/// One Kubernetes object.
#[derive(Clone, Debug)]
pub struct Object {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `metadata.name`; empty where `generateName` makes one.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// Path of the file.
    pub path: Arc<str>,
    /// Which document of the file, from 0.
    pub doc: usize,
    /// Whether its document is JSON.
    pub is_json: bool,
    /// The whole object.
    pub node: Node,
}

impl Object {
    /// The API group; empty for the core.
    #[must_use]
    pub fn group(&self) -> &str {
        let parts = self.api_version.split_once('/');
        parts.map_or("", |(group, _)| group)
    }
}

/// YAML that is no Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}:{position}: {message}")]
pub struct ObjectError {
    /// Path of the file.
    pub path: String,
    /// Where.
    pub position: Position,
    /// What is missing.
    pub message: String,
}

/// Lists within lists that are looked into.
const MAX_LISTS: usize = 4;

/// The objects of a document: one, or the items of a `List` or `PodList`.
///
/// # Errors
/// Where `apiVersion`, `kind` or a name is missing.
pub fn objects(document: Document) -> Result<Vec<Object>, ObjectError> {
    let all = collect(document).into_iter().map(|found| match found {
        Found::Object(object) => Ok(object),
        Found::Incomplete(_, error) | Found::Nothing(error) => Err(error),
    });
    all.collect()
}

/// The objects of a document, leaving out what is none. `apiVersion` and name may be missing, as
/// in patches.
#[must_use]
pub fn objects_found(document: Document) -> Vec<Object> {
    let all = collect(document)
        .into_iter()
        .filter_map(|found| match found {
            Found::Object(object) | Found::Incomplete(object, _) => Some(object),
            Found::Nothing(_) => None,
        });
    all.collect()
}

/// A part of a document.
enum Found {
    Object(Object),
    Incomplete(Object, ObjectError),
    Nothing(ObjectError),
}

fn collect(document: Document) -> Vec<Found> {
    let mut collector = Collector {
        path: document.path,
        doc: document.index,
        is_json: document.is_json,
        found: Vec::new(),
    };
    collector.take(document.root, 0, ("", ""));
    collector.found
}

struct Collector {
    path: Arc<str>,
    doc: usize,
    is_json: bool,
    found: Vec<Found>,
}

impl Collector {
    /// Takes one object or list. `of` is `apiVersion` and kind of what a typed list holds, whose
    /// items need not say it.
    fn take(&mut self, node: Node, depth: usize, of: (&str, &str)) {
        let text = |keys: &[&str]| {
            node.at(keys)
                .and_then(Node::as_str)
                .filter(|t| !t.is_empty())
        };
        if node.entries().is_empty() {
            return self.nothing(node.start, "it is not a mapping");
        }
        let kind = text(&["kind"]).unwrap_or(of.1).to_owned();
        let api_version = text(&["apiVersion"]).unwrap_or(of.0).to_owned();
        if kind.is_empty() {
            return self.nothing(node.start, "kind is missing");
        }
        if let Some(item) = kind.strip_suffix("List")
            && node.get("items").is_some()
            && depth < MAX_LISTS
        {
            for child in into_items(node) {
                self.take(child, depth + 1, (&api_version, item));
            }
            return;
        }
        let name = text(&["metadata", "name"]).map(str::to_owned);
        let fault = if api_version.is_empty() {
            Some((node.start, "apiVersion is missing"))
        } else if name.is_none() && text(&["metadata", "generateName"]).is_none() {
            Some((node.locate("metadata"), "metadata.name is missing"))
        } else {
            None
        };
        let object = Object {
            api_version,
            kind,
            name: name.unwrap_or_default(),
            namespace: text(&["metadata", "namespace"]).map(str::to_owned),
            path: Arc::clone(&self.path),
            doc: self.doc,
            is_json: self.is_json,
            node,
        };
        self.found.push(match fault {
            Some((position, fault)) => Found::Incomplete(object, self.error(position, fault)),
            None => Found::Object(object),
        });
    }

    fn nothing(&mut self, position: Position, fault: &str) {
        let error = self.error(position, fault);
        self.found.push(Found::Nothing(error));
    }

    fn error(&self, position: Position, fault: &str) -> ObjectError {
        ObjectError {
            path: self.path.to_string(),
            position,
            message: format!("this is no Kubernetes object: {fault}"),
        }
    }
}

/// The items of a list.
fn into_items(list: Node) -> Vec<Node> {
    let Value::Mapping(entries) = list.value else {
        return Vec::new();
    };
    let items = entries
        .into_iter()
        .find(|(key, _)| key.as_str() == Some("items"));
    match items {
        Some((
            _,
            Node {
                value: Value::Sequence(items),
                ..
            },
        )) => items,
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Object>, ObjectError> {
        crate::parse("f", text)
            .unwrap()
            .into_iter()
            .map(objects)
            .collect::<Result<Vec<_>, _>>()
            .map(|v| v.concat())
    }

    #[test]
    fn lists_are_their_items() {
        let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}\n";
        let found = all(list).unwrap();
        assert_eq!(found[0].name, "a");
        assert_eq!(crate::workload(&found[0]).unwrap().spec_path, "spec");
    }

    #[test]
    fn items_of_typed_lists_need_not_say_their_kind() {
        let list = "apiVersion: v1\nkind: PodList\nitems:\n- {metadata: {name: a}}\n- 5\n- {}\n";
        let document = crate::parse("f", list).unwrap().remove(0);
        let found = objects_found(document);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].kind.as_str(), found[0].api_version.as_str()),
            ("Pod", "v1")
        );
    }

    #[test]
    fn what_is_no_object_is_said() {
        assert!(
            all("a: 1\n")
                .unwrap_err()
                .message
                .contains("kind is missing")
        );
        let error = all("apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "f:4:3: this is no Kubernetes object: metadata.name is missing"
        );
    }
}
