//! The objects of a cluster, page by page, for who judges what is there.

use std::collections::BTreeMap;
use std::pin::pin;

use futures_util::AsyncReadExt;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta, OwnerReference};
use kube::api::{ApiResource, DynamicObject, ListParams, Request};
use kube::{Api, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::{KubeError, Kubernetes};

/// Most objects of an answer: as many as kubectl asks for at once.
const PAGE: u32 = 500;

/// Most pods of an answer where they are looked at while a request waits: a page is held as a whole.
const POD_PAGE: u32 = 100;

/// Longest answer with such a page, bytes.
const MAX_POD_PAGE: u64 = 12 << 20;

/// Written by kubectl: all that was applied, once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A kind of object, of version v1 of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectKind {
    /// Empty for the core of the API.
    pub group: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// As paths and roles name it.
    pub resource: &'static str,
}

impl ObjectKind {
    const fn of(group: &'static str, kind: &'static str, resource: &'static str) -> Self {
        Self {
            group,
            kind,
            resource,
        }
    }

    /// Pods and what makes them, those that make others first.
    pub const WORKLOADS: [Self; 9] = [
        Self::of("apps", "Deployment", "deployments"),
        Self::of("apps", "StatefulSet", "statefulsets"),
        Self::of("apps", "DaemonSet", "daemonsets"),
        Self::of("batch", "CronJob", "cronjobs"),
        Self::of("batch", "Job", "jobs"),
        Self::of("apps", "ReplicaSet", "replicasets"),
        Self::of("", "ReplicationController", "replicationcontrollers"),
        Self::of("", "PodTemplate", "podtemplates"),
        Self::of("", "Pod", "pods"),
    ];

    /// What says more about pods.
    pub const AROUND: [Self; 4] = [
        Self::of("", "Service", "services"),
        Self::of("", "ServiceAccount", "serviceaccounts"),
        Self::of("rbac.authorization.k8s.io", "RoleBinding", "rolebindings"),
        Self::of(
            "rbac.authorization.k8s.io",
            "ClusterRoleBinding",
            "clusterrolebindings",
        ),
    ];

    /// Whether its objects are in no namespace.
    #[must_use]
    pub const fn is_of_cluster(self) -> bool {
        matches!(self.resource.as_bytes(), b"clusterrolebindings")
    }

    fn api_version(self) -> String {
        match self.group {
            "" => "v1".to_owned(),
            group => format!("{group}/v1"),
        }
    }

    fn api(self) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: "v1".to_owned(),
            api_version: self.api_version(),
            kind: self.kind.to_owned(),
            plural: self.resource.to_owned(),
        }
    }
}

/// Which objects are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Of one namespace, or of all.
    pub namespace: Option<&'a str>,
    /// By their labels, as the API server reads selectors.
    pub selector: Option<&'a str>,
}

/// An object without what the cluster has noted about it.
#[derive(Clone, Debug)]
pub struct LiveObject {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// As a manifest would have it.
    pub manifest: Value,
}

/// A page of the pods of a namespace.
#[derive(Debug)]
pub struct PodPage {
    /// Each as JSON, without `apiVersion` and `kind`, as the API server lists them.
    pub pods: Vec<Box<RawValue>>,
    /// How many come behind this page.
    pub behind: usize,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// What stands for a pod where only its owner counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedPod {
    /// Its name.
    pub name: String,
    /// UID of its controller, where it has one.
    pub controller: Option<String>,
}

impl Kubernetes {
    /// The minor version of the API server's Kubernetes 1; none where it does not say.
    ///
    /// # Errors
    /// When it cannot be asked or refuses.
    pub async fn minor_version(&self) -> Result<Option<u32>, KubeError> {
        let version = self.client.apiserver_version().await;
        let version = version.map_err(KubeError::of("get /version"))?;
        // some providers write 1.36+
        let minor = version
            .minor
            .trim_end_matches(|c: char| !c.is_ascii_digit());
        Ok(minor.parse().ok().filter(|_| version.major == "1"))
    }

    /// The labels of a namespace; none where there is no such namespace.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn namespace_labels(
        &self,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, KubeError> {
        let api = Api::<Namespace>::all(self.client.clone());
        let found = api.get_metadata_opt(name).await;
        let found = found.map_err(KubeError::of(format!("get namespace {name}")))?;
        Ok(found.map(|one| one.metadata.labels.unwrap_or_default()))
    }

    /// The labels of all namespaces, by name.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn labels_of_namespaces(
        &self,
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>, KubeError> {
        let api = Api::<Namespace>::all(self.client.clone());
        let (mut all, mut next) = (BTreeMap::new(), None);
        loop {
            let page = api.list_metadata(&parameters(None, next)).await;
            let page = page.map_err(KubeError::of("list namespaces"))?;
            for one in page.items {
                let labels = one.metadata.labels.unwrap_or_default();
                all.insert(one.metadata.name.unwrap_or_default(), labels);
            }
            next = page.metadata.continue_.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// A page of the pods of a namespace, from `next` on.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses, or its answer is longer than 12 MiB.
    pub async fn pods(&self, namespace: &str, next: Option<String>) -> Result<PodPage, KubeError> {
        let failed = || KubeError::of(format!("list pods of {namespace}"));
        let parameters = ListParams {
            continue_token: next,
            ..ListParams::default().limit(POD_PAGE)
        };
        let request = Request::new(Pod::url_path(&(), Some(namespace))).list(&parameters);
        let request = request.map_err(kube::Error::BuildRequest);
        let answer = self.client.request_stream(request.map_err(failed())?).await;
        let answer = pin!(answer.map_err(failed())?);
        let mut rest = answer.take(MAX_POD_PAGE);
        let mut text = Vec::new();
        let read = rest.read_to_end(&mut text).await;
        read.map_err(|e| kube::Error::Service(Box::new(e)))
            .map_err(failed())?;
        if rest.limit() == 0 {
            let text = format!("a page of the pods of {namespace} is longer than 12 MiB");
            return Err(KubeError::Config(text));
        }
        let page: Listed = serde_json::from_slice(&text)
            .map_err(kube::Error::SerdeError)
            .map_err(failed())?;
        let behind = page.metadata.remaining_item_count.unwrap_or_default();
        Ok(PodPage {
            pods: page.items.unwrap_or_default(),
            behind: usize::try_from(behind).unwrap_or_default(),
            next: page.metadata.continue_.filter(|token| !token.is_empty()),
        })
    }

    /// The names of the pods of a namespace, with what made them.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn owned_pods(&self, namespace: &str) -> Result<Vec<OwnedPod>, KubeError> {
        let api = Api::<Pod>::namespaced(self.client.clone(), namespace);
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let page = api.list_metadata(&parameters(None, next)).await;
            let page = page.map_err(KubeError::of(format!("list pods of {namespace}")))?;
            all.extend(page.items.into_iter().map(|one| {
                let owners = one.metadata.owner_references.unwrap_or_default();
                let controller = owners.into_iter().find(|one| one.controller == Some(true));
                OwnedPod {
                    name: one.metadata.name.unwrap_or_default(),
                    controller: controller.map(|one| one.uid),
                }
            }));
            next = page.metadata.continue_.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// Hands on the objects of a page of a kind, from `next` on, one by one, and gives where the next page begins, if
    /// there is one. Left out are those that a workload has made, which says what they are: a Deployment's ReplicaSets
    /// and Pods, say.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn objects(
        &self,
        kind: ObjectKind,
        wanted: Wanted<'_>,
        next: Option<String>,
        mut take: impl FnMut(LiveObject),
    ) -> Result<Option<String>, KubeError> {
        let failed = || KubeError::of(format!("list {}", kind.resource));
        let namespace = wanted.namespace.filter(|_| !kind.is_of_cluster());
        let path = DynamicObject::url_path(&kind.api(), namespace);
        let request = Request::new(path).list(&parameters(wanted.selector, next));
        let request = request.map_err(kube::Error::BuildRequest);
        let page = self.client.request(request.map_err(failed())?).await;
        let page: Listed = page.map_err(failed())?;
        for item in page.items.unwrap_or_default() {
            let object: DynamicObject = serde_json::from_str(item.get())
                .map_err(kube::Error::SerdeError)
                .map_err(failed())?;
            if !is_made_by_workload(&object.metadata) {
                take(live(kind, object));
            }
        }
        Ok(page.metadata.continue_.filter(|token| !token.is_empty()))
    }
}

/// A page. Its objects are read one by one: read, each takes many times the memory of its text.
#[derive(Deserialize)]
struct Listed {
    metadata: ListMeta,
    items: Option<Vec<Box<RawValue>>>,
}

fn parameters(selector: Option<&str>, next: Option<String>) -> ListParams {
    ListParams {
        label_selector: selector.map(str::to_owned),
        limit: Some(PAGE),
        continue_token: next,
        ..ListParams::default()
    }
}

fn is_made_by_workload(metadata: &ObjectMeta) -> bool {
    let is_workload = |owner: &OwnerReference| {
        let (group, _) = owner.api_version.split_once('/').unwrap_or_default();
        let mut kinds = ObjectKind::WORKLOADS.iter();
        owner.controller == Some(true)
            && kinds.any(|one| one.group == group && one.kind == owner.kind)
    };
    metadata.owner_references.iter().flatten().any(is_workload)
}

fn live(kind: ObjectKind, object: DynamicObject) -> LiveObject {
    let ObjectMeta {
        name,
        namespace,
        labels,
        annotations,
        ..
    } = object.metadata;
    let (name, namespace) = (name.unwrap_or_default(), namespace.unwrap_or_default());
    let mut metadata = json!({ "name": name, "namespace": namespace });
    let mut annotations = annotations.unwrap_or_default();
    annotations.remove(LAST_APPLIED);
    let texts = [
        ("labels", labels.unwrap_or_default()),
        ("annotations", annotations),
    ];
    if let Value::Object(fields) = &mut metadata {
        let some = texts.into_iter().filter(|(_, texts)| !texts.is_empty());
        fields.extend(some.map(|(field, texts)| (field.to_owned(), json!(texts))));
    }
    let mut manifest = object.data;
    if let Value::Object(fields) = &mut manifest {
        fields.remove("status");
        fields.insert("apiVersion".to_owned(), json!(kind.api_version()));
        fields.insert("kind".to_owned(), json!(kind.kind));
        fields.insert("metadata".to_owned(), metadata);
    }
    LiveObject {
        namespace,
        name,
        manifest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(owner: &Value) -> ObjectMeta {
        serde_json::from_value(json!({"name": "web-1", "ownerReferences": [owner]})).unwrap()
    }

    #[test]
    fn what_a_workload_has_made_is_told_by_that_workload() {
        let owner = |version: &str, kind: &str, controls: bool| {
            metadata(
                &json!({"apiVersion": version, "kind": kind, "name": "web", "uid": "1", "controller": controls}),
            )
        };
        assert!(is_made_by_workload(&owner("apps/v1", "ReplicaSet", true)));
        assert!(is_made_by_workload(&owner(
            "v1",
            "ReplicationController",
            true
        )));
        // nobody else would tell it: a static pod, a rollout's, one that is only named
        assert!(!is_made_by_workload(&owner("v1", "Node", true)));
        assert!(!is_made_by_workload(&owner(
            "argoproj.io/v1alpha1",
            "Rollout",
            true
        )));
        assert!(!is_made_by_workload(&owner("apps/v1", "ReplicaSet", false)));
        assert!(!is_made_by_workload(&ObjectMeta::default()));
    }

    #[test]
    fn what_the_cluster_has_noted_is_left_out() {
        let object = json!({
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "7",
                "annotations": {LAST_APPLIED: "{}", "podward.dev/ignore.hostPorts": "r"},
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"replicas": 1},
            "status": {"replicas": 1},
        });
        let [kind, ..] = ObjectKind::WORKLOADS;
        let live = live(kind, serde_json::from_value(object).unwrap());
        let manifest = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": "web", "namespace": "shop",
                "annotations": {"podward.dev/ignore.hostPorts": "r"},
            },
            "spec": {"replicas": 1},
        });
        assert_eq!(live.manifest, manifest);
    }
}
