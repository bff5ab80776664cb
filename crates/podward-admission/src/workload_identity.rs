//! What azure-workload-identity's webhook does to a pod (v1.6), without a sidecar or an init container, and the
//! per-pod `IDENTITY_ENDPOINT`.

mod endpoint;
mod number;
mod volume;

use podward_api::SecretString;
use podward_api::workload_identity::{
    CLIENT_ID_ANNOTATION, MOUNT_PATH, TENANT_ID_ANNOTATION, TOKEN_EXPIRATION_ANNOTATION,
    TOKEN_PATH, USE_LABEL,
};
use podward_cluster::View;
use serde_json::{Map, Value, json};

use crate::token_endpoint::TokenEndpoint;
use endpoint::{ENDPOINT, HEADER, known_header};
pub use number::NumberError;
use number::whole;

/// Annotation that asks for a proxy of the metadata service in the pod; that it is there is enough.
const PROXY_ANNOTATION: &str = "azure.workload.identity/inject-proxy-sidecar";
/// Annotation with the port of that proxy, which is read for its faults only.
const PROXY_PORT_ANNOTATION: &str = "azure.workload.identity/proxy-sidecar-port";
/// Variable with the path of the token.
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// Containers that stay as they are, separated by `;`.
const SKIP_ANNOTATION: &str = "azure.workload.identity/skip-containers";

/// How long a token lives where nobody says it, in seconds.
const LIFETIME: i64 = 3600;

/// What the cluster gives every pod.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Whether pods get what azure-workload-identity's webhook gives. Where it is false, they get podward's own
    /// identity endpoint and nothing else.
    pub workload_identity: bool,
    /// Tenant where the service account names none.
    pub tenant: String,
    /// Base URL of the token service; [`AUTHORITY_HOST`](podward_api::workload_identity::AUTHORITY_HOST) in the public cloud.
    pub authority_host: String,
    /// Audience of the tokens; [`AUDIENCE`](podward_api::workload_identity::AUDIENCE) in the public cloud.
    pub audience: String,
    /// What pods that ask for it get their tokens from, in place of the token service.
    pub token_endpoint: Option<TokenEndpoint>,
    /// URL of the pod's identity endpoint; empty where it is not served.
    pub endpoint: String,
    /// The pod's own header value; empty where the endpoint is not served. A second call knows it again where it is of
    /// 32 hexadecimal digits in small letters.
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
    Expiration(i64),
    /// The token's lifetime is no number.
    #[error(transparent)]
    NoExpiration(NumberError),
    /// A proxy in the host's network would serve every pod of the node.
    #[error("hostNetwork is set to true, cannot inject proxy sidecar")]
    HostNetwork,
    /// The port of the proxy is no number.
    #[error("failed to parse proxy sidecar port: {0}")]
    ProxyPort(#[source] NumberError),
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

fn add_env<'a>(
    container: &mut Map<String, Value>,
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) {
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

/// A container's variable: its place among them, and its value where that is text.
fn variable_at<'a>(container: &'a Map<String, Value>, name: &str) -> Option<(usize, &'a str)> {
    let env = container.get("env")?.as_array()?;
    let is_named = |one: &Value| one.get("name").and_then(Value::as_str) == Some(name);
    let at = env.iter().position(is_named)?;
    Some((at, env.get(at)?.get("value")?.as_str()?))
}

/// The warning that a volume of the author's is where the token would be. azure-workload-identity mounts its own beside
/// it, for which the API server refuses the pod.
fn no_token(container: &str, volume: &str) -> String {
    format!(
        "podward: container {container:?} mounts {volume:?} at {MOUNT_PATH} and so gets no token: mount it elsewhere"
    )
}

/// How long the pod's token lives, in seconds: as the pod says, or its service account. An empty annotation says nothing.
fn lifetime(pod: &Value, of_account: Option<&str>) -> Result<i64, MutateError> {
    let of_pod = text(pod, "/metadata/annotations", TOKEN_EXPIRATION_ANNOTATION);
    let mut said = [of_pod, of_account].into_iter().flatten();
    let seconds = match said.find(|text| !text.is_empty()) {
        Some(text) => whole(text).map_err(MutateError::NoExpiration)?,
        None => LIFETIME,
    };
    match seconds {
        3600..=86400 => Ok(seconds),
        _ => Err(MutateError::Expiration(seconds)),
    }
}

/// Whether a pod asks for anything that [`inject`] adds.
#[must_use]
pub(crate) fn asks(pod: &Value, given: &Environment) -> bool {
    is_federated(pod, given) || endpoint::is_asked_by(pod)
}

fn is_federated(pod: &Value, given: &Environment) -> bool {
    given.workload_identity && text(pod, "/metadata/labels", USE_LABEL) == Some("true")
}

/// Adds what the pod's labels and annotations ask for, and gives the warnings to tell. A second call changes nothing.
///
/// # Errors
/// With the words of the webhook that podward replaces.
pub fn inject(
    pod: &mut Value,
    view: &View,
    namespace: &str,
    given: &Environment,
) -> Result<Vec<String>, MutateError> {
    let federated = is_federated(pod, given);
    let mut warnings = Vec::new();
    let proxied = federated && text(pod, "/metadata/annotations", PROXY_ANNOTATION).is_some();
    let endpoint = endpoint::is_asked_by(pod) || proxied;
    if !federated && !endpoint {
        return Ok(warnings);
    }
    let account = text(pod, "/spec", "serviceAccountName")
        .filter(|name| !name.is_empty())
        .unwrap_or("default")
        .to_owned();
    if account != "default" && view.get("ServiceAccount", namespace, &account).is_none() {
        return Err(MutateError::NoServiceAccount(account));
    }
    if proxied {
        if pod.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)) {
            return Err(MutateError::HostNetwork);
        }
        if let Some(port) = text(pod, "/metadata/annotations", PROXY_PORT_ANNOTATION) {
            whole::<i32>(port).map_err(MutateError::ProxyPort)?;
        }
        let in_its_place = match given.endpoint.is_empty() {
            false => "is answered by podward's own identity endpoint",
            true => "is not answered, since no identity endpoint is served",
        };
        warnings.push(format!(
            "podward: {PROXY_ANNOTATION} {in_its_place}: no sidecar and no init container is added"
        ));
    }
    let annotation = |name| {
        view.annotation("ServiceAccount", namespace, &account, name)
            .map(str::to_owned)
    };
    let seconds = match federated {
        true => lifetime(pod, annotation(TOKEN_EXPIRATION_ANNOTATION).as_deref())?,
        false => LIFETIME,
    };
    let skipped: Vec<String> = text(pod, "/metadata/annotations", SKIP_ANNOTATION)
        .unwrap_or_default()
        .split(';')
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    let tenant = annotation(TENANT_ID_ANNOTATION).unwrap_or_else(|| given.tenant.clone());
    let client_id = annotation(CLIENT_ID_ANNOTATION).unwrap_or_default();
    let token_file = format!("{MOUNT_PATH}/{TOKEN_PATH}");
    let volume = volume::name(pod);
    let token_endpoint = given.token_endpoint.as_ref();
    let token_endpoint = token_endpoint.filter(|one| federated && one.is_asked_by(pod));
    let Some(Value::Object(spec)) = pod.get_mut("spec") else {
        return Ok(warnings);
    };
    let header = known_header(spec, &skipped, &given.endpoint)
        .unwrap_or_else(|| given.header.expose().to_owned());
    let mut variables = Vec::new();
    if federated {
        variables.extend([
            ("AZURE_CLIENT_ID", client_id.as_str()),
            ("AZURE_TENANT_ID", tenant.as_str()),
            (TOKEN_FILE, token_file.as_str()),
            ("AZURE_AUTHORITY_HOST", given.authority_host.as_str()),
        ]);
    }
    let mut of_endpoint = Vec::new();
    if endpoint && !given.endpoint.is_empty() {
        of_endpoint.extend([(ENDPOINT, given.endpoint.as_str()), (HEADER, &header)]);
    }
    let mut others = Vec::new();
    for kind in ["initContainers", "containers"] {
        let Some(Value::Array(containers)) = spec.get_mut(kind) else {
            continue;
        };
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            let name = container.get("name").and_then(Value::as_str);
            let name = name.unwrap_or_default().to_owned();
            if skipped.contains(&name) {
                continue;
            }
            let of_token_endpoint =
                token_endpoint.map_or_else(Vec::new, |one| one.variables(container.get("env")));
            let all = variables.iter().copied();
            let all = all.chain(
                of_token_endpoint
                    .iter()
                    .map(|(name, value)| (*name, *value)),
            );
            add_env(container, all.chain(of_endpoint.iter().copied()));
            if federated {
                let other = volume::mount(container, &volume);
                let file = variable_at(container, TOKEN_FILE);
                let is_named = file.is_some_and(|(_, file)| file == token_file);
                others.extend(other.filter(|_| is_named).map(|other| (name, other)));
            }
        }
    }
    for (container, other) in others {
        if !other.has_token(spec.get("volumes")) {
            warnings.push(no_token(&container, &other.volume));
        }
    }
    if federated {
        let audience = token_endpoint.map_or(given.audience.as_str(), TokenEndpoint::audience);
        let mut sources = vec![json!({"serviceAccountToken": {
            "path": TOKEN_PATH, "expirationSeconds": seconds, "audience": audience,
        }})];
        sources.extend(token_endpoint.and_then(TokenEndpoint::source).cloned());
        warnings.extend(volume::project(spec, &volume, sources));
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
