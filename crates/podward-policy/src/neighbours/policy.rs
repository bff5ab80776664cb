//! Network policies, as far as a port of a pod stands in them.

use std::sync::Arc;

use podward_manifest::{Node, Object, Position, Value};

use super::{Pairs, namespace, pairs};
use crate::finding::{Edit, Elsewhere};

/// A `NetworkPolicy` that lets somebody in by the number of a port.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(super) namespace: String,
    path: Arc<str>,
    /// Where the object begins.
    start: Position,
    labels: Pairs,
    /// Whether it chooses its pods by nothing but labels.
    is_plain: bool,
    ports: Vec<PolicyPort>,
}

/// A port that is let in: where it stands, the first and the last.
#[derive(Debug)]
struct PolicyPort {
    field: String,
    first: i64,
    last: i64,
}

impl Policy {
    /// The policy of an object; none where it names no port by its number.
    pub(super) fn of(object: &Object) -> Option<Self> {
        let spec = object.node.get("spec")?;
        let mut ports = Vec::new();
        for (rule, ingress) in list(spec, "ingress") {
            for (index, port) in list(ingress, "ports") {
                if let Some(first) = port.get("port").and_then(Node::as_i64) {
                    ports.push(PolicyPort {
                        field: format!("spec.ingress[{rule}].ports[{index}].port"),
                        first,
                        last: port.get("endPort").and_then(Node::as_i64).unwrap_or(first),
                    });
                }
            }
        }
        let selector = spec.get("podSelector");
        let expressions = selector.and_then(|selector| selector.get("matchExpressions"));
        let labels = pairs(selector.and_then(|selector| selector.get("matchLabels")));
        (!ports.is_empty()).then(|| Self {
            namespace: namespace(object).to_owned(),
            path: Arc::clone(&object.path),
            start: object.node.start,
            is_plain: !labels.is_empty() && expressions.is_none_or(is_empty),
            labels,
            ports,
        })
    }

    /// Whether it may be about pods with these labels.
    pub(super) fn may_select(&self, labels: &Pairs) -> bool {
        self.labels.iter().all(|pair| labels.contains(pair))
    }

    /// What changes in it when a port moves; none where it does not let the port in, or any.
    pub(crate) fn moved(&self, port: i64, other: i64) -> Option<Elsewhere> {
        let about = |one: &&PolicyPort| (one.first..=one.last).contains(&port);
        let ports: Vec<_> = self.ports.iter().filter(about).collect();
        let is_range = ports.iter().any(|one| one.first != one.last);
        let blocked = if is_range {
            Some("has a NetworkPolicy that lets the port in among others: change it by hand")
        } else if self.is_plain {
            None
        } else {
            Some(
                "has a NetworkPolicy that lets the port in, and chooses its pods not by labels alone: change it by hand",
            )
        };
        let edits = ports.iter().map(|one| Edit::set(one.field.clone(), other));
        (!ports.is_empty()).then(|| Elsewhere {
            path: Arc::clone(&self.path),
            start: self.start,
            edits: edits.collect(),
            blocked,
        })
    }
}

fn list<'a>(node: &'a Node, name: &str) -> impl Iterator<Item = (usize, &'a Node)> + use<'a> {
    let items = node.get(name).map_or(&[][..], Node::items);
    items.iter().enumerate()
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Null => true,
        _ => node.items().is_empty(),
    }
}
