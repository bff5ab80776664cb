//! Kubernetes objects, and the pods they make.

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
    pub path: String,
    /// Which document of the file, from 0.
    pub doc: usize,
    /// The whole object.
    pub node: Node,
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

/// The objects of a document: one, or the items of a `List`.
///
/// # Errors
/// Where `apiVersion`, `kind` or a name is missing.
pub fn objects(document: Document) -> Result<Vec<Object>, ObjectError> {
    let mut found = Vec::new();
    collect(document.root, &document.path, document.index, 0, &mut found)?;
    Ok(found)
}

fn collect(
    node: Node,
    path: &str,
    doc: usize,
    depth: usize,
    found: &mut Vec<Object>,
) -> Result<(), ObjectError> {
    let fault = |position: Position, message: &str| {
        Err(ObjectError {
            path: path.to_owned(),
            position,
            message: message.to_owned(),
        })
    };
    let text = |keys: &[&str]| {
        node.at(keys)
            .and_then(Node::as_str)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    if node.entries().is_empty() {
        return fault(
            node.start,
            "this is no Kubernetes object: it is not a mapping",
        );
    }
    let Some(kind) = text(&["kind"]) else {
        return fault(node.start, "this is no Kubernetes object: kind is missing");
    };
    let Some(api_version) = text(&["apiVersion"]) else {
        return fault(
            node.start,
            "this is no Kubernetes object: apiVersion is missing",
        );
    };
    if kind.ends_with("List") && node.get("items").is_some() && depth < 4 {
        let items = node
            .get("items")
            .map(|items| items.items().to_vec())
            .unwrap_or_default();
        for item in items {
            collect(item, path, doc, depth + 1, found)?;
        }
        return Ok(());
    }
    let name = text(&["metadata", "name"]);
    if name.is_none() && text(&["metadata", "generateName"]).is_none() {
        return fault(
            node.locate("metadata"),
            "this is no Kubernetes object: metadata.name is missing",
        );
    }
    let namespace = text(&["metadata", "namespace"]);
    found.push(Object {
        api_version,
        kind,
        name: name.unwrap_or_default(),
        namespace,
        path: path.to_owned(),
        doc,
        node,
    });
    Ok(())
}

/// An object that makes pods.
#[derive(Clone, Copy, Debug)]
pub struct Workload<'a> {
    /// The object.
    pub object: &'a Object,
    /// Metadata of its pods.
    pub metadata: Option<&'a Node>,
    /// `spec` of its pods.
    pub spec: &'a Node,
    /// Where that is in the object.
    pub spec_path: &'static str,
}

const NOWHERE: Position = Position { line: 1, column: 1 };

/// The spec of an object that has none, such as a patch that deletes a Deployment.
static NOTHING: Node = Node {
    value: Value::Null,
    start: NOWHERE,
    end: NOWHERE,
};

/// The pods that an object makes: of a Pod itself, or of the eight kinds with a template.
#[must_use]
pub fn workload(object: &Object) -> Option<Workload<'_>> {
    let (metadata, spec, spec_path): (&[&str], &[&str], _) = match object.kind.as_str() {
        "Pod" => (&["metadata"], &["spec"], "spec"),
        "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job" => (
            &["spec", "template", "metadata"],
            &["spec", "template", "spec"],
            "spec.template.spec",
        ),
        "PodTemplate" => (
            &["template", "metadata"],
            &["template", "spec"],
            "template.spec",
        ),
        "CronJob" => (
            &["spec", "jobTemplate", "spec", "template", "metadata"],
            &["spec", "jobTemplate", "spec", "template", "spec"],
            "spec.jobTemplate.spec.template.spec",
        ),
        _ => return None,
    };
    Some(Workload {
        object,
        metadata: object.node.at(metadata),
        spec: object.node.at(spec).unwrap_or(&NOTHING),
        spec_path,
    })
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
        assert_eq!(workload(&found[0]).unwrap().spec_path, "spec");
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
