//! What other objects say about a pod: the Services that lead to it, its service account, the
//! bindings of its identity. Gathered from all manifests that are judged together.

mod policy;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use podward_manifest::{Documents, Node, Object, Position, objects_found};

use policy::Policy;

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
    services: Vec<Service>,
    /// Those of a namespace, by the first pair of their selector.
    by_selector: BTreeMap<String, BTreeMap<(String, String), Vec<usize>>>,
    policies: Vec<Policy>,
    /// By namespace and name.
    accounts: BTreeMap<String, BTreeMap<String, Account>>,
    with_roles: WithRoles,
    /// The selectors of all `AzureIdentityBinding`s.
    pub(crate) bindings: BTreeSet<String>,
}

/// The service accounts that some binding of a role names.
#[derive(Debug, Default)]
struct WithRoles {
    /// By namespace, their names.
    names: BTreeMap<String, BTreeSet<String>>,
    /// Namespaces of which all are named.
    namespaces: BTreeSet<String>,
    /// Whether all of the cluster are.
    all: bool,
}

impl WithRoles {
    /// Adds a subject of a binding in a namespace (rbac/v1 `Subject`; the names are those of
    /// apiserver/pkg/authentication/serviceaccount).
    fn add(&mut self, subject: &Node, namespace: &str) {
        let text = |key| subject.get(key).and_then(Node::as_str);
        let Some(name) = text("name") else { return };
        match text("kind") {
            Some("ServiceAccount") => self.name(text("namespace").unwrap_or(namespace), name),
            Some("User") => {
                let account = name.strip_prefix("system:serviceaccount:");
                if let Some((namespace, name)) = account.and_then(|it| it.split_once(':')) {
                    self.name(namespace, name);
                }
            }
            Some("Group") => match name.strip_prefix("system:serviceaccounts:") {
                Some(namespace) => {
                    self.namespaces.insert(namespace.to_owned());
                }
                None => {
                    self.all |= matches!(name, "system:serviceaccounts" | "system:authenticated")
                }
            },
            _ => {}
        }
    }

    fn name(&mut self, namespace: &str, name: &str) {
        let of_namespace = self.names.entry(namespace.to_owned()).or_default();
        of_namespace.insert(name.to_owned());
    }

    fn append(&mut self, others: Self) {
        for (namespace, names) in others.names {
            self.names.entry(namespace).or_default().extend(names);
        }
        self.namespaces.extend(others.namespaces);
        self.all |= others.all;
    }

    fn contain(&self, namespace: &str, name: &str) -> bool {
        let names = self.names.get(namespace);
        self.all
            || self.namespaces.contains(namespace)
            || names.is_some_and(|names| names.contains(name))
    }
}

/// Keys and values, as of labels.
pub(crate) type Pairs = Vec<(String, String)>;

/// A Service.
#[derive(Debug)]
pub(crate) struct Service {
    namespace: String,
    pub(crate) name: String,
    pub(crate) path: Arc<str>,
    /// Where the object begins.
    pub(crate) start: Position,
    selector: Pairs,
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
    pub(crate) automounts: Option<bool>,
    /// Whether it names the application whose tokens its pods get.
    pub(crate) has_client_id: bool,
}

/// Most Services that are told of one pod, and most that are looked at for each of its labels: who
/// has more has made them to keep a judge busy.
const MAX_SERVICES: usize = 100;
const MAX_LOOKED_AT: usize = 1000;

/// The namespace of an object that names none.
const DEFAULT: &str = "default";

impl Neighbours {
    /// Whether a text may hold an object that [`Neighbours::add`] keeps; others need not be parsed.
    fn may_concern(text: &str) -> bool {
        let kinds = [
            "Service",
            "NetworkPolicy",
            "AzureIdentityBinding",
            "RoleBinding",
            "ClusterRoleBinding",
            "List",
        ];
        memchr::memmem::find_iter(text.as_bytes(), "kind").any(|at| {
            let rest = text.get(at + 4..).unwrap_or_default();
            let value = rest.trim_start_matches(['"', '\'', ':', ' ', '\t', '\n', '\r']);
            kinds.iter().any(|kind| value.starts_with(kind))
        })
    }

    /// Keeps what rules ask for of an object.
    pub fn add(&mut self, object: &Object) {
        let namespace = || namespace(object).to_owned();
        match (object.group(), object.kind.as_str()) {
            // its selector leads nowhere
            ("", "Service") if is_external(object) => {}
            ("", "Service") => self.add_service(Service {
                namespace: namespace(),
                name: object.name.clone(),
                path: Arc::clone(&object.path),
                start: object.node.start,
                selector: pairs(object.node.at(&["spec", "selector"])),
                ports: ports(object),
            }),
            ("networking.k8s.io", "NetworkPolicy") => self.policies.extend(Policy::of(object)),
            ("", "ServiceAccount") => {
                let client_id = [
                    "metadata",
                    "annotations",
                    "azure.workload.identity/client-id",
                ];
                let automounts = object.node.get("automountServiceAccountToken");
                let account = Account {
                    automounts: automounts.and_then(Node::as_bool),
                    has_client_id: object.node.at(&client_id).is_some(),
                };
                let of_namespace = self.accounts.entry(namespace()).or_default();
                of_namespace.entry(object.name.clone()).or_insert(account);
            }
            ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
                let subjects = object.node.get("subjects").map_or(&[][..], Node::items);
                for subject in subjects {
                    self.with_roles.add(subject, self::namespace(object));
                }
            }
            ("aadpodidentity.k8s.io", "AzureIdentityBinding") => {
                let selector = object.node.at(&["spec", "selector"]);
                let selector = selector.and_then(Node::as_str).unwrap_or_default();
                self.bindings.insert(selector.to_owned());
            }
            _ => {}
        }
    }

    fn add_service(&mut self, service: Service) {
        // one without a selector leads to no pods that a rule could ask for
        let Some(first) = service.selector.first() else {
            return;
        };
        let of_namespace = self.by_selector.entry(service.namespace.clone());
        let of_pair = of_namespace.or_default().entry(first.clone());
        of_pair.or_default().push(self.services.len());
        self.services.push(service);
    }

    /// Keeps what a text says, if it says anything: few do.
    pub fn add_text(&mut self, path: &str, text: &str) {
        if !Self::may_concern(text) {
            return;
        }
        let documents = Documents::of(path, text).only(Self::may_concern);
        for object in documents.flatten().flat_map(objects_found) {
            self.add(&object);
        }
    }

    /// Adds what others say that come behind these.
    pub fn append(&mut self, others: Self) {
        for service in others.services {
            self.add_service(service);
        }
        self.policies.extend(others.policies);
        for (namespace, accounts) in others.accounts {
            let own = self.accounts.entry(namespace).or_default();
            for (name, account) in accounts {
                own.entry(name).or_insert(account);
            }
        }
        self.with_roles.append(others.with_roles);
        self.bindings.extend(others.bindings);
    }

    /// The Services that lead to pods of a namespace with these labels, the first hundred of them.
    pub(crate) fn services(&self, namespace: &str, labels: &Pairs) -> Vec<&Service> {
        let Some(of_namespace) = self.by_selector.get(namespace) else {
            return Vec::new();
        };
        let numbers = labels.iter().filter_map(|pair| of_namespace.get(pair));
        let numbers: BTreeSet<usize> = numbers
            .flat_map(|numbers| numbers.iter().take(MAX_LOOKED_AT))
            .copied()
            .collect();
        let services = numbers.into_iter().filter_map(|at| self.services.get(at));
        services
            .filter(|service| service.selector.iter().all(|pair| labels.contains(pair)))
            .take(MAX_SERVICES)
            .collect()
    }

    /// The network policies that name ports by their number.
    pub(crate) fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// A service account.
    pub(crate) fn account(&self, namespace: &str, name: &str) -> Option<&Account> {
        self.accounts.get(namespace)?.get(name)
    }

    /// Whether some binding of a role names a service account, or a group that it is in.
    pub(crate) fn has_role(&self, namespace: &str, name: &str) -> bool {
        self.with_roles.contain(namespace, name)
    }
}

fn is_external(service: &Object) -> bool {
    let kind = service.node.at(&["spec", "type"]).and_then(Node::as_str);
    kind == Some("ExternalName")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_given_to_accounts_users_and_groups() {
        let of = |subject: &str| {
            let mut neighbours = Neighbours::default();
            neighbours.add_text("f", &format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: b, namespace: one}}\nsubjects: [{{{subject}}}]\n"
            ));
            let mut all = Neighbours::default();
            all.append(neighbours);
            [("one", "a"), ("one", "b"), ("two", "a")]
                .map(|(namespace, name)| all.has_role(namespace, name))
        };
        for (subject, who) in [
            ("kind: ServiceAccount, name: a", [true, false, false]),
            (
                "kind: ServiceAccount, name: a, namespace: two",
                [false, false, true],
            ),
            (
                "kind: User, name: 'system:serviceaccount:one:b'",
                [false, true, false],
            ),
            ("kind: User, name: joe", [false; 3]),
            (
                "kind: Group, name: 'system:serviceaccounts:one'",
                [true, true, false],
            ),
            ("kind: Group, name: 'system:serviceaccounts'", [true; 3]),
            ("kind: Group, name: 'system:authenticated'", [true; 3]),
            ("kind: Group, name: 'system:unauthenticated'", [false; 3]),
        ] {
            assert_eq!(of(subject), who, "{subject}");
        }
    }
}
