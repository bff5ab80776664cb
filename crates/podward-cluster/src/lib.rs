//! The cluster view: which pod is this, and what may it have. One writer, cheap readers.

mod identity;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use podward_api::secrets_store::SecretProviderClassSpec;
use serde_json::Value;

pub use identity::{AssignedIdentity, Via};

/// A pod that runs, or is about to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID.
    pub uid: String,
    /// Service account, `default` where the manifest names none.
    pub service_account: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The value `IDENTITY_HEADER` of its containers.
    pub identity_header: Option<podward_api::SecretString>,
}

impl Pod {
    /// The subject of its service account's tokens.
    #[must_use]
    pub fn subject(&self) -> String {
        format!(
            "system:serviceaccount:{}:{}",
            self.namespace, self.service_account
        )
    }
}

/// A snapshot of all objects and pods.
#[derive(Clone, Debug, Default)]
pub struct View {
    pods: BTreeMap<String, Arc<Pod>>,
    objects: BTreeMap<(String, String, String), Arc<Value>>,
}

impl View {
    /// Adds an object by kind, namespace (empty for cluster-scoped ones) and name.
    pub fn insert(&mut self, kind: &str, namespace: &str, name: &str, object: Value) {
        let object = Arc::new(object);
        self.objects
            .insert((kind.into(), namespace.into(), name.into()), object);
    }

    /// Removes an object.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) {
        self.objects
            .remove(&(kind.into(), namespace.into(), name.into()));
    }

    /// Takes these for all objects of a kind, each with namespace and name.
    pub fn replace(&mut self, kind: &str, objects: Vec<(String, String, Value)>) {
        self.objects.retain(|(of, _, _), _| of != kind);
        for (namespace, name, object) in objects {
            self.insert(kind, &namespace, &name, object);
        }
    }

    /// Adds a pod.
    pub fn insert_pod(&mut self, pod: Pod) {
        self.pods.insert(pod.uid.clone(), Arc::new(pod));
    }

    /// Removes a pod.
    pub fn remove_pod(&mut self, uid: &str) {
        self.pods.remove(uid);
    }

    /// Takes over the pods of another view.
    pub fn take_pods(&mut self, other: &mut Self) {
        self.pods.append(&mut other.pods);
    }

    /// The pod of that UID.
    #[must_use]
    pub fn pod(&self, uid: &str) -> Option<&Arc<Pod>> {
        self.pods.get(uid)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.objects
            .get(&(kind.into(), namespace.into(), name.into()))
            .map(|object| &**object)
    }

    /// All objects of a kind, with namespace and name.
    pub fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        self.objects
            .iter()
            .filter(move |((of, _, _), _)| of == kind)
            .map(|((_, namespace, name), object)| (namespace.as_str(), name.as_str(), &**object))
    }

    /// An annotation of an object.
    #[must_use]
    pub fn annotation(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        annotation: &str,
    ) -> Option<&str> {
        self.get(kind, namespace, name)?
            .get("metadata")?
            .get("annotations")?
            .get(annotation)?
            .as_str()
    }

    /// The `spec` of a SecretProviderClass; `Err` tells why it is none.
    ///
    /// # Errors
    /// When its fields have other types than the CRD's.
    pub fn secret_provider_class(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<SecretProviderClassSpec>, serde_json::Error> {
        self.get("SecretProviderClass", namespace, name)
            .map(|object| serde_json::from_value(object.get("spec").cloned().unwrap_or_default()))
            .transpose()
    }
}

/// The current view.
#[derive(Debug, Default)]
pub struct Cluster(RwLock<Arc<View>>);

impl Cluster {
    /// A cluster that looks as given.
    #[must_use]
    pub fn new(view: View) -> Self {
        Self(RwLock::new(Arc::new(view)))
    }

    /// The view of this moment; it does not change under its reader.
    #[must_use]
    pub fn snapshot(&self) -> Arc<View> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the view; who holds a snapshot keeps what it has.
    pub fn change(&self, change: impl FnOnce(&mut View)) {
        change(Arc::make_mut(
            &mut self.0.write().unwrap_or_else(PoisonError::into_inner),
        ));
    }
}
