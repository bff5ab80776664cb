//! Which identities a pod has: by its service account's annotation, or by a binding.

use podward_api::aad_pod_identity::{AzureIdentityBindingSpec, AzureIdentitySpec, BINDING_LABEL};
use podward_api::workload_identity::{CLIENT_ID_ANNOTATION, TENANT_ID_ANNOTATION};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Pod, View};

/// An identity that a pod may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedIdentity {
    /// Client id.
    pub client_id: String,
    /// Tenant, where the objects name one; else the cluster's.
    pub tenant_id: Option<String>,
    /// ARM id, of a managed identity.
    pub resource_id: Option<String>,
    /// What assigns it.
    pub via: Via,
}

/// What assigns an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// The annotation of the pod's service account.
    ServiceAccount(String),
    /// An AzureIdentityBinding, by name.
    Binding(String),
}

impl std::fmt::Display for Via {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ServiceAccount(name) => write!(f, "ServiceAccount/{name}"),
            Self::Binding(name) => write!(f, "AzureIdentityBinding/{name}"),
        }
    }
}

fn spec<T: DeserializeOwned>(object: &Value) -> Option<T> {
    serde_json::from_value(object.get("spec")?.clone()).ok()
}

impl View {
    /// The identities of a pod, bindings first in the order of their names. Bindings and identities count in
    /// the pod's own namespace only: a label must not reach what another namespace owns.
    #[must_use]
    pub fn identities_of(&self, pod: &Pod) -> Vec<AssignedIdentity> {
        let mut found = Vec::new();
        if let Some(label) = pod.labels.get(BINDING_LABEL) {
            for (namespace, name, object) in self.all("AzureIdentityBinding") {
                let Some(binding) = spec::<AzureIdentityBindingSpec>(object) else {
                    continue;
                };
                if namespace != pod.namespace || binding.selector != *label {
                    continue;
                }
                let identity = self
                    .get("AzureIdentity", namespace, &binding.azure_identity)
                    .and_then(spec::<AzureIdentitySpec>)
                    .filter(|identity| identity.kind == 0);
                if let Some(identity) = identity {
                    found.push(AssignedIdentity {
                        client_id: identity.client_id,
                        tenant_id: Some(identity.tenant_id).filter(|id| !id.is_empty()),
                        resource_id: Some(identity.resource_id).filter(|id| !id.is_empty()),
                        via: Via::Binding(name.into()),
                    });
                }
            }
        }
        let annotation = |name| {
            self.annotation("ServiceAccount", &pod.namespace, &pod.service_account, name)
                .map(str::to_owned)
        };
        if let Some(client_id) = annotation(CLIENT_ID_ANNOTATION) {
            found.push(AssignedIdentity {
                client_id,
                tenant_id: annotation(TENANT_ID_ANNOTATION),
                resource_id: None,
                via: Via::ServiceAccount(pod.service_account.clone()),
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn view(binding_namespace: &str, selector: &str) -> View {
        let mut view = View::default();
        view.insert(
            "AzureIdentity",
            binding_namespace,
            "id",
            json!({"spec": {"type": 0, "clientID": "c1", "resourceID": "/r"}}),
        );
        view.insert(
            "AzureIdentityBinding",
            binding_namespace,
            "bind",
            json!({"spec": {"azureIdentity": "id", "selector": selector}}),
        );
        view
    }

    fn pod() -> Pod {
        Pod {
            namespace: "a".into(),
            service_account: "default".into(),
            labels: [(BINDING_LABEL.to_owned(), "legacy".to_owned())].into(),
            ..Pod::default()
        }
    }

    #[test]
    fn a_binding_of_the_namespace_assigns() {
        let found = view("a", "legacy").identities_of(&pod());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].client_id, "c1");
        assert_eq!(found[0].via, Via::Binding("bind".into()));
    }

    #[test]
    fn other_namespaces_and_selectors_do_not() {
        assert!(view("b", "legacy").identities_of(&pod()).is_empty());
        assert!(view("a", "Legacy").identities_of(&pod()).is_empty());
    }

    #[test]
    fn the_service_account_assigns() {
        let mut view = View::default();
        view.insert(
            "ServiceAccount",
            "a",
            "default",
            json!({"metadata": {"annotations": {CLIENT_ID_ANNOTATION: "c2", TENANT_ID_ANNOTATION: "t"}}}),
        );
        let found = view.identities_of(&pod());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].tenant_id.as_deref(), Some("t"));
    }
}
