//! The pods of a workload as the API server would see them, every field with its place.

use std::borrow::Cow;

use podward_manifest::{Node, Position, Workload};

use crate::check::Spot;
use crate::neighbours::{Pairs, namespace, pairs};
use crate::{Version, words};

/// The pods of a workload.
pub(crate) struct Pod<'a> {
    pub(crate) workload: &'a Workload<'a>,
    version: Version,
    pub(crate) containers: Vec<Container<'a>>,
}

/// The user that a container runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// User 0.
    Root,
    /// A user that the manifest names.
    Id(i64),
    /// The image's, which is not root, or the kubelet does not start it.
    NotRoot,
    /// The image's, whoever that is.
    Unknown,
}

impl User {
    /// Whether it is known not to be root.
    pub(crate) const fn is_not_root(self) -> bool {
        matches!(self, Self::Id(_) | Self::NotRoot)
    }
}

/// A container of any of the three kinds.
pub(crate) struct Container<'a> {
    pub(crate) name: &'a str,
    pub(crate) node: &'a Node,
    /// `initContainers[0]`.
    path: String,
    /// Whether the server gives its ports the defaults of the host network.
    ports_default: bool,
}

impl<'a> Pod<'a> {
    pub(crate) fn new(workload: &'a Workload<'a>, version: Version) -> Self {
        let mut containers = Vec::new();
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            let nodes = workload.spec.get(list).map_or(&[] as &[Node], Node::items);
            for (index, node) in nodes.iter().enumerate() {
                containers.push(Container {
                    name: node.get("name").and_then(Node::as_str).unwrap_or_default(),
                    node,
                    path: words::item(list, index),
                    ports_default: list != "ephemeralContainers",
                });
            }
        }
        Self {
            workload,
            version,
            containers,
        }
    }

    /// Whether it is judged by Kubernetes 1.`minor` or later.
    pub(crate) fn is_since(&self, minor: u32) -> bool {
        self.version.minor() >= minor
    }

    /// A field of the pod's spec.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&'a Node> {
        self.workload.spec.at(path).filter(|node| !node.is_null())
    }

    /// A field of the pod's security context.
    pub(crate) fn security(&self, path: &[&str]) -> Option<&'a Node> {
        self.at(&["securityContext"])?
            .at(path)
            .filter(|node| !node.is_null())
    }

    /// Whether the pod says that it is for Windows; a node selector does not count.
    pub(crate) fn windows(&self) -> bool {
        self.at(&["os", "name"]).and_then(Node::as_str) == Some("windows")
    }

    /// Whether the pod is on the network of its node.
    pub(crate) fn host_network(&self) -> bool {
        self.at(&["hostNetwork"]).and_then(Node::as_bool) == Some(true)
    }

    /// A field of the security context of a container, or of its pod where the container has none.
    pub(crate) fn effective(&self, container: &Container<'a>, field: &str) -> Option<&'a Node> {
        container
            .security(&[field])
            .or_else(|| self.security(&[field]))
    }

    /// The user that a container runs as, as far as the manifest says.
    pub(crate) fn user(&self, container: &Container<'a>) -> User {
        match self
            .effective(container, "runAsUser")
            .and_then(Node::as_i64)
        {
            Some(0) => User::Root,
            Some(id) => User::Id(id),
            None => match self.effective(container, "runAsNonRoot").map(Node::as_bool) {
                Some(Some(true)) => User::NotRoot,
                _ => User::Unknown,
            },
        }
    }

    /// Volumes of the pod, each with its place in the list.
    pub(crate) fn volumes(&self) -> impl Iterator<Item = (usize, &'a Node)> + use<'a> {
        let list = self.at(&["volumes"]);
        list.map_or(&[] as &[Node], Node::items).iter().enumerate()
    }

    /// The labels of the pod.
    pub(crate) fn labels(&self) -> Pairs {
        let metadata = self.workload.metadata;
        pairs(metadata.and_then(|metadata| metadata.get("labels")))
    }

    /// A label of the pod.
    pub(crate) fn label(&self, key: &str) -> Option<&'a Node> {
        self.workload.metadata?.get("labels")?.get(key)
    }

    /// The namespace of the pod.
    pub(crate) fn namespace(&self) -> &'a str {
        namespace(self.workload.object)
    }

    /// The name of the service account that the pod runs as.
    pub(crate) fn service_account(&self) -> &'a str {
        let name = |field| self.at(&[field]).and_then(Node::as_str);
        let name = name("serviceAccountName").or_else(|| name("serviceAccount"));
        name.filter(|name| !name.is_empty()).unwrap_or("default")
    }

    /// Whether the pod has a user namespace of its own.
    pub(crate) fn own_users(&self) -> bool {
        self.at(&["hostUsers"]).and_then(Node::as_bool) == Some(false)
    }

    /// The annotations of the pod.
    pub(crate) fn annotations(&self) -> &'a [(Node, Node)] {
        self.workload
            .metadata
            .and_then(|metadata| metadata.get("annotations"))
            .map_or(&[], Node::entries)
    }

    /// A port of a container on the node: its own, or the one that the server fills in for a Pod
    /// on the host network.
    pub(crate) fn host_port(&self, container: &Container<'_>, port: &Node) -> Option<i64> {
        let number = |key| port.get(key).and_then(Node::as_i64).filter(|n| *n != 0);
        number("hostPort").or_else(|| {
            let host_network = self.at(&["hostNetwork"]).and_then(Node::as_bool) == Some(true);
            (container.ports_default && host_network && self.workload.object.kind == "Pod")
                .then(|| number("containerPort"))
                .flatten()
        })
    }

    /// A place in the pod's spec.
    pub(crate) fn spot(
        &self,
        path: &str,
        message: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Spot {
        Spot {
            field: [&self.workload.spec_path, ".", path].concat(),
            position: self.workload.locate(path),
            message: message.into(),
            mend: mend.into(),
            fix: None,
            severity: None,
        }
    }

    /// The path of a field of the pod's spec, from the object's root.
    pub(crate) fn path_of(&self, field: &str) -> String {
        [&self.workload.spec_path, ".", field].concat()
    }

    /// Whether a container is privileged, or may act as the node's administrator.
    pub(crate) fn has_power(&self) -> bool {
        self.containers.iter().any(Container::has_power)
    }

    /// A place in a container.
    pub(crate) fn spot_in(
        &self,
        container: &Container<'_>,
        path: &str,
        message: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Spot {
        Spot {
            field: [&self.workload.spec_path, ".", &container.path, ".", path].concat(),
            position: container.node.locate(path),
            message: message.into(),
            mend: mend.into(),
            fix: None,
            severity: None,
        }
    }

    /// A place among the labels.
    pub(crate) fn spot_at_label(
        &self,
        key: &str,
        position: Position,
        message: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Spot {
        self.spot_in_metadata("labels", key, position, (message.into(), mend.into()))
    }

    /// A place among the annotations.
    pub(crate) fn spot_at_annotation(
        &self,
        key: &str,
        position: Position,
        message: impl Into<Cow<'static, str>>,
        mend: impl Into<Cow<'static, str>>,
    ) -> Spot {
        self.spot_in_metadata("annotations", key, position, (message.into(), mend.into()))
    }

    fn spot_in_metadata(
        &self,
        list: &str,
        key: &str,
        position: Position,
        (message, mend): (Cow<'static, str>, Cow<'static, str>),
    ) -> Spot {
        let metadata = self.workload.spec_path.strip_suffix("spec").unwrap_or("");
        Spot {
            field: format!("{metadata}metadata.{list}.{key}"),
            position,
            message,
            mend,
            fix: None,
            severity: None,
        }
    }
}

impl<'a> Container<'a> {
    /// Whether it is privileged or adds `SYS_ADMIN`: the server takes no `allowPrivilegeEscalation:
    /// false` of such a one.
    pub(crate) fn has_power(&self) -> bool {
        let adds = self.security(&["capabilities", "add"]);
        self.security(&["privileged"]).and_then(Node::as_bool) == Some(true)
            || adds.is_some_and(|add| {
                add.items().iter().filter_map(Node::as_str).any(|name| {
                    let name = name.to_ascii_uppercase();
                    matches!(name.as_str(), "ALL" | "SYS_ADMIN" | "CAP_SYS_ADMIN")
                })
            })
    }

    /// The items of a list of the container.
    pub(crate) fn list(&self, name: &str) -> impl Iterator<Item = (usize, &'a Node)> + use<'a> {
        let list = self.node.get(name);
        list.map_or(&[] as &[Node], Node::items).iter().enumerate()
    }

    /// Whether it is one of the list `containers`.
    pub(crate) fn is_usual(&self) -> bool {
        self.path.starts_with("containers")
    }

    /// Whether it is one that only a debugger adds.
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.path.starts_with("ephemeral")
    }

    /// `spec.containers[0]`'s path below the pod's spec, with a field of it.
    pub(crate) fn path_of(&self, field: &str) -> String {
        [&self.path, ".", field].concat()
    }

    /// A field of the container's security context.
    pub(crate) fn security(&self, path: &[&str]) -> Option<&'a Node> {
        self.node
            .get("securityContext")?
            .at(path)
            .filter(|node| !node.is_null())
    }
}
