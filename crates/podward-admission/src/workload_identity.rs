//! What azure-workload-identity's webhook does to a pod (v1.6), without a sidecar or an init container, and the
//! per-pod `IDENTITY_ENDPOINT`.

use podward_api::SecretString;
use podward_api::workload_identity::{
    AUDIENCE, CLIENT_ID_ANNOTATION, MOUNT_PATH, TENANT_ID_ANNOTATION, TOKEN_EXPIRATION_ANNOTATION,
    TOKEN_PATH, USE_LABEL,
};
use podward_cluster::View;
use serde_json::{Map, Value, json};

/// Label or annotation that asks for `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
const ENDPOINT_OPT_IN: &str = "podward.dev/identity";
/// Prefix of the projected volume's name.
const VOLUME_PREFIX: &str = "azure-workload-identity-reserved";
/// Containers that stay as they are, separated by `;`.
const SKIP_ANNOTATION: &str = "azure.workload.identity/skip-containers";

/// What the cluster gives every pod.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Tenant where the service account names none.
    pub tenant: String,
    /// Base URL of the token service; [`AUTHORITY_HOST`](podward_api::workload_identity::AUTHORITY_HOST) in the public cloud.
    pub authority_host: String,
    /// URL of the pod's identity endpoint; empty where it is not served.
    pub endpoint: String,
    /// The pod's own header value; empty where the endpoint is not served.
    pub header: SecretString,
}

/// The pod is refused.
#[derive(Debug, thiserror::Error)]
pub enum MutateError {
    /// The service account does not exist.
    #[error("serviceaccounts {0:?} not found")]
    NoServiceAccount(String),
    /// The token's lifetime is out of bounds.
    #[error("token expiration {0} not valid. Expected value to be between 3600 and 86400")]
    Expiration(String),
}

fn text<'a>(pod: &'a Value, pointer: &str, key: &str) -> Option<&'a str> {
    pod.pointer(pointer)?.get(key)?.as_str()
}

fn list<'a>(spec: &'a mut Map<String, Value>, name: &str) -> &'a mut Vec<Value> {
    let slot = spec.entry(name).or_insert_with(|| json!([]));
    if !slot.is_array() {
        *slot = json!([]);
    }
    match slot {
        Value::Array(items) => items,
        _ => unreachable!("it was made an array above"),
    }
}

fn add_env(container: &mut Map<String, Value>, variables: &[(&str, &str)]) {
    let env = list(container, "env");
    for (name, value) in variables {
        let there = env
            .iter()
            .any(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
        if !there && !value.is_empty() {
            env.push(json!({"name": name, "value": value}));
        }
    }
}

/// Adds what the pod's labels ask for. A second call changes nothing.
///
/// # Errors
/// With the words of the webhook that podward replaces.
pub fn inject(
    pod: &mut Value,
    view: &View,
    namespace: &str,
    given: &Environment,
) -> Result<(), MutateError> {
    let federated = text(pod, "/metadata/labels", USE_LABEL) == Some("true");
    let opted = |place| text(pod, place, ENDPOINT_OPT_IN) == Some("true");
    let endpoint = opted("/metadata/labels") || opted("/metadata/annotations");
    if !federated && !endpoint {
        return Ok(());
    }
    let account = text(pod, "/spec", "serviceAccountName")
        .filter(|name| !name.is_empty())
        .unwrap_or("default")
        .to_owned();
    if account != "default" && view.get("ServiceAccount", namespace, &account).is_none() {
        return Err(MutateError::NoServiceAccount(account));
    }
    let annotation = |name| {
        view.annotation("ServiceAccount", namespace, &account, name)
            .map(str::to_owned)
    };
    let expiration = text(pod, "/metadata/annotations", TOKEN_EXPIRATION_ANNOTATION)
        .map(str::to_owned)
        .or_else(|| annotation(TOKEN_EXPIRATION_ANNOTATION))
        .unwrap_or_else(|| "3600".into());
    let seconds = expiration
        .parse::<u64>()
        .ok()
        .filter(|seconds| (3600..=86400).contains(seconds))
        .ok_or(MutateError::Expiration(expiration))?;
    let skipped: Vec<String> = text(pod, "/metadata/annotations", SKIP_ANNOTATION)
        .unwrap_or_default()
        .split(';')
        .map(|name| name.trim().to_owned())
        .collect();
    let tenant = annotation(TENANT_ID_ANNOTATION).unwrap_or_else(|| given.tenant.clone());
    let client_id = annotation(CLIENT_ID_ANNOTATION).unwrap_or_default();
    let token_file = format!("{MOUNT_PATH}/{TOKEN_PATH}");
    let mut variables = Vec::new();
    if federated {
        variables.extend([
            ("AZURE_CLIENT_ID", client_id.as_str()),
            ("AZURE_TENANT_ID", tenant.as_str()),
            ("AZURE_FEDERATED_TOKEN_FILE", token_file.as_str()),
            ("AZURE_AUTHORITY_HOST", given.authority_host.as_str()),
        ]);
    }
    if endpoint {
        variables.extend([
            ("IDENTITY_ENDPOINT", given.endpoint.as_str()),
            ("IDENTITY_HEADER", given.header.expose()),
        ]);
    }
    let Some(Value::Object(spec)) = pod.get_mut("spec") else {
        return Ok(());
    };
    for kind in ["initContainers", "containers"] {
        let Some(Value::Array(containers)) = spec.get_mut(kind) else {
            continue;
        };
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            let name = container
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if skipped.contains(&name) {
                continue;
            }
            add_env(container, &variables);
            let mounts = list(container, "volumeMounts");
            let there = mounts
                .iter()
                .any(|m| m.get("mountPath").and_then(Value::as_str) == Some(MOUNT_PATH));
            if federated && !there {
                mounts.push(
                    json!({"name": VOLUME_PREFIX, "mountPath": MOUNT_PATH, "readOnly": true}),
                );
            }
        }
    }
    let volumes = list(spec, "volumes");
    let there = volumes
        .iter()
        .any(|v| v.get("name").and_then(Value::as_str) == Some(VOLUME_PREFIX));
    if federated && !there {
        volumes.push(
            json!({"name": VOLUME_PREFIX, "projected": {"sources": [{"serviceAccountToken": {
                "path": TOKEN_PATH, "expirationSeconds": seconds, "audience": AUDIENCE,
            }}]}}),
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        let mut view = View::default();
        view.insert(
            "ServiceAccount",
            "shop",
            "web",
            json!({"metadata": {"annotations": {CLIENT_ID_ANNOTATION: "c"}}}),
        );
        view
    }

    fn environment() -> Environment {
        Environment {
            tenant: "t".into(),
            authority_host: podward_api::workload_identity::AUTHORITY_HOST.into(),
            endpoint: "http://e".into(),
            header: SecretString::new("h".into()),
        }
    }

    fn pod(expiration: &str) -> Value {
        json!({
            "metadata": {"labels": {USE_LABEL: "true"}, "annotations": {TOKEN_EXPIRATION_ANNOTATION: expiration}},
            "spec": {"serviceAccountName": "web", "containers": [{"name": "a", "env": [{"name": "AZURE_TENANT_ID", "value": "own"}]}]},
        })
    }

    #[test]
    fn what_is_missing_is_added_once() {
        let mut pod = pod("7200");
        inject(&mut pod, &view(), "shop", &environment()).unwrap();
        let once = pod.clone();
        inject(&mut pod, &view(), "shop", &environment()).unwrap();
        assert_eq!(pod, once);
        let env = pod
            .pointer("/spec/containers/0/env")
            .unwrap()
            .as_array()
            .unwrap();
        let value = |name: &str| {
            env.iter()
                .find(|e| e["name"] == name)
                .map(|e| e["value"].as_str().unwrap())
        };
        assert_eq!(value("AZURE_TENANT_ID"), Some("own"));
        assert_eq!(value("AZURE_CLIENT_ID"), Some("c"));
        assert_eq!(value("IDENTITY_ENDPOINT"), None);
        assert_eq!(
            pod.pointer(
                "/spec/volumes/0/projected/sources/0/serviceAccountToken/expirationSeconds"
            ),
            Some(&json!(7200))
        );
    }

    #[test]
    fn faults_have_the_webhooks_words() {
        let error = inject(&mut pod("60"), &view(), "shop", &environment()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "token expiration 60 not valid. Expected value to be between 3600 and 86400"
        );
        let error = inject(&mut pod("3600"), &View::default(), "shop", &environment()).unwrap_err();
        assert!(error.to_string().contains("not found"));
    }
}
