//! The pods that objects make.

use std::borrow::Cow;

use crate::{Node, Object, Position, Value};

/// An object that makes pods.
#[derive(Clone, Debug)]
pub struct Workload<'a> {
    /// The object.
    pub object: &'a Object,
    /// Metadata of its pods.
    pub metadata: Option<&'a Node>,
    /// `spec` of its pods.
    pub spec: &'a Node,
    /// Where that is in the object.
    pub spec_path: Cow<'static, str>,
}

impl Workload<'_> {
    /// Where a field of the spec stands: the deepest part of its path that is written.
    #[must_use]
    pub fn locate(&self, field: &str) -> Position {
        if std::ptr::eq(self.spec, &NOTHING) {
            return self.object.node.locate(&self.spec_path);
        }
        self.spec.locate(field)
    }
}

const NOWHERE: Position = Position { line: 1, column: 1 };

/// The spec of an object that has none, such as a patch that deletes a Deployment.
static NOTHING: Node = Node {
    value: Value::Null,
    start: NOWHERE,
    end: NOWHERE,
};

/// The pods that an object makes: of a Pod itself, or of the eight kinds with a template, in any
/// version they have had.
#[must_use]
pub fn workload(object: &Object) -> Option<Workload<'_>> {
    let kind = object.kind.as_str();
    let groups: &[&str] = match kind {
        "Pod" | "PodTemplate" | "ReplicationController" => &[""],
        "Deployment" | "DaemonSet" | "ReplicaSet" | "StatefulSet" => &["apps", "extensions"],
        "Job" | "CronJob" => &["batch", "extensions"],
        _ => return None,
    };
    // a patch need not say its version
    if !object.api_version.is_empty() && !groups.contains(&object.group()) {
        return None;
    }
    let (metadata, spec, spec_path): (&[&str], &[&str], _) = match kind {
        "Pod" => (&["metadata"], &["spec"], "spec"),
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
        _ => (
            &["spec", "template", "metadata"],
            &["spec", "template", "spec"],
            "spec.template.spec",
        ),
    };
    // the one template that may be left out: others are empty then, and judged so
    let template = object.node.at(&["spec", "template"]);
    if kind == "ReplicationController" && template.is_none_or(Node::is_null) {
        return None;
    }
    Some(Workload {
        object,
        metadata: object.node.at(metadata),
        spec: object.node.at(spec).unwrap_or(&NOTHING),
        spec_path: Cow::Borrowed(spec_path),
    })
}

/// Deepest place of a custom resource at which a pod is looked for.
const MAX_DEPTH: usize = 32;

/// The pods of an object: those of a workload, and of a custom resource whatever in it has the
/// shape of a pod's spec, such as the template of an Argo Rollout or a Knative Service.
///
/// The shape is a list `containers` of which some have an image, and none has what only patterns
/// and templates have.
#[must_use]
pub fn workloads(object: &Object) -> Vec<Workload<'_>> {
    if let Some(workload) = workload(object) {
        return vec![workload];
    }
    let mut search = Search {
        object,
        path: Vec::new(),
        found: Vec::new(),
    };
    if !crate::schema::is_built_in(object) {
        for (key, value) in object.node.entries() {
            let name = key.as_str().unwrap_or_default();
            // what stands there was judged where it was made
            if !matches!(name, "metadata" | "status") {
                search.step(Step::Key(name), value, None);
            }
        }
    }
    search.found
}

struct Search<'a> {
    object: &'a Object,
    path: Vec<Step<'a>>,
    found: Vec<Workload<'a>>,
}

/// A step of a path, which is written out where a pod is found.
#[derive(Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Item(usize),
}

impl<'a> Search<'a> {
    fn step(&mut self, step: Step<'a>, node: &'a Node, metadata: Option<&'a Node>) {
        if self.path.len() >= MAX_DEPTH {
            return;
        }
        self.path.push(step);
        if is_pod_spec(node) {
            self.found.push(Workload {
                object: self.object,
                metadata,
                spec: node,
                spec_path: Cow::Owned(self.path()),
            });
        } else {
            for (index, item) in node.items().iter().enumerate() {
                self.step(Step::Item(index), item, None);
            }
            for (key, value) in node.entries() {
                let name = key.as_str().unwrap_or_default();
                let metadata = (name == "spec").then(|| node.get("metadata")).flatten();
                self.step(Step::Key(name), value, metadata);
            }
        }
        self.path.pop();
    }

    fn path(&self) -> String {
        let mut text = String::new();
        for (depth, step) in self.path.iter().enumerate() {
            match step {
                Step::Key(name) if depth == 0 => text.push_str(name),
                Step::Key(name) => text.extend([".", name]),
                Step::Item(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

fn is_pod_spec(node: &Node) -> bool {
    let containers = node.get("containers").map_or(&[] as &[Node], Node::items);
    let image = |container: &Node| container.get("image").and_then(Node::as_str).map(is_image);
    let plain = |container: &Node| {
        let keys = container.entries().iter().map(|(key, _)| key.as_str());
        keys.flatten()
            .all(|key| key.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    containers
        .iter()
        .any(|container| image(container) == Some(true))
        && containers
            .iter()
            .all(|c| plain(c) && image(c) != Some(false))
}

/// Whether a text can be the name of an image, and is no pattern for some.
fn is_image(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"./:@_-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<(String, bool)> {
        let document = crate::parse("f", text).unwrap().remove(0);
        let objects = crate::objects(document).unwrap();
        let found = workloads(&objects[0]).into_iter();
        found
            .map(|w| (w.spec_path.into_owned(), w.metadata.is_some()))
            .collect()
    }

    #[test]
    fn a_replication_controller_need_not_have_pods() {
        let empty = "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: a}\nspec: {replicas: 0, template: null}\n";
        assert_eq!(paths(empty), []);
        let one = empty.replace("null", "{spec: {containers: [{name: a}]}}");
        assert_eq!(paths(&one), [("spec.template.spec".to_owned(), false)]);
        // the API server reads an empty template here, and judges it
        let other = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n";
        assert_eq!(paths(other), [("spec.template.spec".to_owned(), false)]);
    }

    #[test]
    fn pods_of_custom_resources_are_found_by_their_shape() {
        let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{image: a}, {name: b}]}}}\n";
        assert_eq!(paths(rollout), [("spec.template.spec".to_owned(), true)]);
        let two = "apiVersion: example.com/v1\nkind: Job\nmetadata: {name: a}\nspec: {tasks: [{pod: {containers: [{image: a}]}}, {pod: {containers: [{image: a}]}}]}\nstatus: {containers: [{image: a}]}\n";
        assert_eq!(
            paths(two),
            [
                ("spec.tasks[0].pod".to_owned(), false),
                ("spec.tasks[1].pod".to_owned(), false)
            ]
        );
    }

    #[test]
    fn patterns_and_built_in_kinds_make_no_pods() {
        for spec in [
            "{containers: [{image: '*:*'}]}",
            "{containers: [{image: a, =(securityContext): {}}]}",
            "{containers: [{name: a}]}",
            "{containers: {image: a}}",
        ] {
            let policy = format!(
                "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: a}}\nspec: {{pattern: {{spec: {spec}}}}}\n"
            );
            assert_eq!(paths(&policy), [], "{spec}");
        }
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: {containers: [{image: a}]}}\n";
        assert_eq!(paths(map), []);
    }
}
