//! What other objects say about a pod: the Services that lead to it, its service account, the
//! bindings of its identity. Gathered from all manifests that are judged together.

use std::ops::Deref;
use std::sync::LazyLock;

use podward_manifest::{Node, Object, Position};

/// What the manifests that are judged together say about each other; gathered when the first rule
/// asks for it.
pub type Surroundings<'a> = dyn Deref<Target = Neighbours> + Sync + 'a;

/// Surroundings that gather what a function finds.
pub fn surroundings<'a>(
    gather: impl FnOnce() -> Neighbours + Send + 'a,
) -> impl Deref<Target = Neighbours> + Sync + 'a {
    LazyLock::new(gather)
}

/// The objects that rules on pods ask for.
#[derive(Debug, Default)]
pub struct Neighbours {
    pub(crate) services: Vec<Service>,
    pub(crate) accounts: Vec<Account>,
    /// Namespace and name of each service account that some binding of a role names.
    pub(crate) with_roles: Vec<(String, String)>,
    /// Namespace and selector of each `AzureIdentityBinding`.
    pub(crate) bindings: Vec<(String, String)>,
}

/// Keys and values, as of labels.
pub(crate) type Pairs = Vec<(String, String)>;

/// A Service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) path: String,
    /// Where the object begins.
    pub(crate) start: Position,
    pub(crate) selector: Pairs,
    pub(crate) ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug)]
pub(crate) struct ServicePort {
    pub(crate) port: i64,
    /// The port of the pods, where it is a number: `targetPort`, or `port` where there is none.
    pub(crate) target: Option<i64>,
}

/// A `ServiceAccount`.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) automounts: Option<bool>,
    /// Whether it names the application whose tokens its pods get.
    pub(crate) has_client_id: bool,
}

/// The namespace of an object that names none.
const DEFAULT: &str = "default";

impl Neighbours {
    /// Whether a text may hold an object that [`Neighbours::add`] keeps; others need not be parsed.
    #[must_use]
    pub fn may_concern(text: &str) -> bool {
        let kinds = [
            "Service",
            "AzureIdentityBinding",
            "RoleBinding",
            "ClusterRoleBinding",
            "List",
        ];
        text.match_indices("kind").any(|(at, _)| {
            let rest = text.get(at + 4..).unwrap_or_default();
            let value = rest.trim_start_matches(['"', '\'', ':', ' ', '\t', '\n', '\r']);
            kinds.iter().any(|kind| value.starts_with(kind))
        })
    }

    /// Keeps what rules ask for of an object.
    pub fn add(&mut self, object: &Object) {
        let namespace = || namespace(object).to_owned();
        match (object.group(), object.kind.as_str()) {
            ("", "Service") => self.services.push(Service {
                namespace: namespace(),
                name: object.name.clone(),
                path: object.path.clone(),
                start: object.node.start,
                selector: pairs(object.node.at(&["spec", "selector"])),
                ports: ports(object),
            }),
            ("", "ServiceAccount") => self.accounts.push(Account {
                namespace: namespace(),
                name: object.name.clone(),
                automounts: object
                    .node
                    .get("automountServiceAccountToken")
                    .and_then(Node::as_bool),
                has_client_id: object
                    .node
                    .at(&[
                        "metadata",
                        "annotations",
                        "azure.workload.identity/client-id",
                    ])
                    .is_some(),
            }),
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
                let subjects = object.node.get("subjects").map_or(&[][..], Node::items);
                for subject in subjects {
                    let text = |key| subject.get(key).and_then(Node::as_str);
                    if let (Some("ServiceAccount"), Some(name)) = (text("kind"), text("name")) {
                        let of = text("namespace").map_or_else(namespace, str::to_owned);
                        self.with_roles.push((of, name.to_owned()));
                    }
                }
            }
            ("aadpodidentity.k8s.io", "AzureIdentityBinding") => {
                let selector = object.node.at(&["spec", "selector"]);
                let selector = selector.and_then(Node::as_str).unwrap_or_default();
                self.bindings.push((namespace(), selector.to_owned()));
            }
            _ => {}
        }
    }

    /// The Services that lead to pods of a namespace with these labels.
    pub(crate) fn services<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a Pairs,
    ) -> impl Iterator<Item = &'a Service> {
        self.services.iter().filter(move |service| {
            service.namespace == namespace
                && !service.selector.is_empty()
                && service.selector.iter().all(|pair| labels.contains(pair))
        })
    }

    /// A service account.
    pub(crate) fn account(&self, namespace: &str, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.namespace == namespace && account.name == name)
    }
}

/// The namespace of an object.
pub(crate) fn namespace(object: &Object) -> &str {
    object.namespace.as_deref().unwrap_or(DEFAULT)
}

/// The entries of a mapping of texts.
pub(crate) fn pairs(node: Option<&Node>) -> Pairs {
    let entries = node.map_or(&[][..], Node::entries).iter();
    entries
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.as_str()?.to_owned())))
        .collect()
}

fn ports(object: &Object) -> Vec<ServicePort> {
    let list = object.node.at(&["spec", "ports"]);
    let ports = list.map_or(&[][..], Node::items).iter();
    ports
        .filter_map(|port| {
            let number = port.get("port").and_then(Node::as_i64)?;
            let target = match port.get("targetPort").filter(|target| !target.is_null()) {
                Some(target) => target.as_i64(),
                None => Some(number),
            };
            Some(ServicePort {
                port: number,
                target,
            })
        })
        .collect()
}
