//! Network policies, as far as a port of a pod stands in them.

use std::sync::Arc;

use podward_manifest::{Node, Object, Position, Value};

use super::{Pairs, namespace, pairs};
use crate::finding::{Edit, Elsewhere};

/// A `NetworkPolicy` that lets somebody in, or out to a pod, by the number of a port.
#[derive(Debug)]
pub(crate) struct Policy {
    namespace: String,
    path: Arc<str>,
    /// Where the object begins.
    start: Position,
    ports: Vec<PolicyPort>,
}

/// A port that is let through: where it stands, the first and the last, and the pods that listen there.
#[derive(Debug)]
struct PolicyPort {
    field: String,
    first: i64,
    last: i64,
    of: Pods,
}

/// The pods that a rule is about.
#[derive(Clone, Debug)]
struct Pods {
    labels: Pairs,
    /// Whether nothing but these labels chooses them.
    is_plain: bool,
    /// Whether they may be of another namespace than the policy.
    is_anywhere: bool,
}

impl Pods {
    /// Those of a selector.
    fn of(selector: Option<&Node>) -> Self {
        let expressions = selector.and_then(|selector| selector.get("matchExpressions"));
        let labels = pairs(selector.and_then(|selector| selector.get("matchLabels")));
        Self {
            is_plain: !labels.is_empty() && expressions.is_none_or(is_empty),
            labels,
            is_anywhere: false,
        }
    }

    /// Those that a rule lets out to, where these are pods.
    fn reached(egress: &Node) -> Vec<Self> {
        let peers: Vec<_> = list(egress, "to").map(|(_, peer)| peer).collect();
        if peers.is_empty() {
            return vec![Self::of(None)];
        }
        let pods = peers.iter().filter(|peer| peer.get("ipBlock").is_none());
        pods.map(|peer| {
            let of = Self::of(peer.get("podSelector"));
            let is_anywhere = peer.get("namespaceSelector").is_some();
            Self {
                // a port that moves for one is no longer open for the others
                is_plain: of.is_plain && !is_anywhere && peers.len() == 1,
                is_anywhere,
                ..of
            }
        })
        .collect()
    }

    /// Whether pods of a namespace with these labels may be among them.
    fn may_be(&self, is_own: bool, labels: &Pairs) -> bool {
        let chosen = self.labels.iter().all(|pair| labels.contains(pair));
        chosen && (is_own || self.is_anywhere)
    }
}

impl Policy {
    /// The policy of an object; none where it names no port by its number.
    pub(super) fn of(object: &Object) -> Option<Self> {
        let spec = object.node.get("spec")?;
        let mut ports = Vec::new();
        let mut add = |rule: &Node, name: String, of: &Pods| {
            for (index, port) in list(rule, "ports") {
                if let Some(first) = port.get("port").and_then(Node::as_i64) {
                    ports.push(PolicyPort {
                        field: format!("spec.{name}.ports[{index}].port"),
                        first,
                        last: port.get("endPort").and_then(Node::as_i64).unwrap_or(first),
                        of: of.clone(),
                    });
                }
            }
        };
        let own = Pods::of(spec.get("podSelector"));
        for (rule, ingress) in list(spec, "ingress") {
            add(ingress, format!("ingress[{rule}]"), &own);
        }
        for (rule, egress) in list(spec, "egress") {
            for of in Pods::reached(egress) {
                add(egress, format!("egress[{rule}]"), &of);
            }
        }
        (!ports.is_empty()).then(|| Self {
            namespace: namespace(object).to_owned(),
            path: Arc::clone(&object.path),
            start: object.node.start,
            ports,
        })
    }

    /// What changes in it when a port of pods with these labels moves; none where it does not let the port through, or
    /// any.
    pub(crate) fn moved(
        &self,
        namespace: &str,
        labels: &Pairs,
        port: i64,
        other: i64,
    ) -> Option<Elsewhere> {
        let is_own = self.namespace == namespace;
        let about = |one: &&PolicyPort| {
            (one.first..=one.last).contains(&port) && one.of.may_be(is_own, labels)
        };
        let ports: Vec<_> = self.ports.iter().filter(about).collect();
        let blocked = if ports.iter().any(|one| one.first != one.last) {
            Some("has a NetworkPolicy that lets the port in among others: change it by hand")
        } else if ports.iter().all(|one| one.of.is_plain) {
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
