//! The doors inside a pod's network namespace: 169.254.169.254 and `IDENTITY_ENDPOINT`, one listener for both.
//! The listener belongs to one pod, so no address or header has to be believed.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use podward_access::{Door as DoorName, Event, Outcome, Recorder, TokenRef, request_id};
use podward_api::{Guid, SecretString};
use podward_cluster::{Cluster, Pod};
use serde::Deserialize;
use serde_json::json;

use crate::federation::{AccessToken, Federation, TokenError};
use crate::{Asked, Refusal, RefusalKind, choose};

/// Path of the token request at 169.254.169.254, without the slash that some clients append.
pub const IMDS_PATH: &str = "/metadata/identity/oauth2/token";
/// Path of `IDENTITY_ENDPOINT`.
pub const ENDPOINT_PATH: &str = "/podward/identity/token";

/// What a pod's door needs to answer.
#[derive(Clone)]
pub struct Door {
    /// Which pod listens here, by UID.
    pub pod_uid: String,
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Where tokens come from.
    pub tokens: Arc<Federation>,
    /// Tenant of identities that name none.
    pub tenant: String,
    /// Where events go.
    pub access: Arc<dyn Recorder>,
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    resource: String,
    client_id: Option<String>,
    object_id: Option<String>,
    msi_res_id: Option<String>,
    mi_res_id: Option<String>,
}

impl Door {
    /// The HTTP service of this door.
    pub fn router(self) -> Router {
        Router::new().fallback(answer).with_state(Arc::new(self))
    }

    async fn grant(
        &self,
        door: DoorName,
        asked: &Asked,
        pod: &Pod,
        id: Guid,
    ) -> Result<(AccessToken, String), Refusal> {
        let view = self.cluster.snapshot();
        let chosen = choose(&view, pod, asked);
        let mut event = Event {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            service_account: pod.service_account.clone(),
            door,
            asked: asked.resource.clone(),
            request_id: id.to_string(),
            ..Event::default()
        };
        let outcome = match chosen {
            Ok(identity) => {
                event.identity.clone_from(&identity.client_id);
                event.rule = identity.via.to_string();
                let tenant = identity.tenant_id.as_deref().unwrap_or(&self.tenant);
                self.tokens
                    .token(pod, tenant, &identity.client_id, &asked.resource, id)
                    .await
                    .map(|token| (token, identity.client_id))
                    .map_err(|error| match error {
                        TokenError::Refused(text) => Refusal::new(RefusalKind::TokenService, text),
                        TokenError::Unavailable(_) => {
                            Refusal::new(RefusalKind::Unavailable, error.to_string())
                        }
                    })
            }
            Err(refusal) => {
                event.identity = asked
                    .client_id
                    .clone()
                    .or_else(|| asked.resource_id.clone())
                    .unwrap_or_default();
                Err(refusal)
            }
        };
        let mut cached = None;
        match &outcome {
            Ok((token, _)) => {
                cached = Some(token.cached);
                event.outcome = Outcome::Granted;
                event.reason = "the pod's own identity".into();
                event.token = token.id.clone().map(|jti| TokenRef {
                    jti: Some(jti),
                    hash: None,
                });
            }
            Err(refusal) => event.reason.clone_from(&refusal.reason),
        }
        match cached {
            Some(cached) => self.access.record_grant(event, cached),
            None => self.access.record(event),
        }
        .map_err(|e| Refusal::new(RefusalKind::Unavailable, e.to_string()))?;
        outcome
    }

    /// A refusal of the request itself, recorded like every other.
    fn refuse(
        &self,
        door: DoorName,
        pod: Option<&Pod>,
        asked: &str,
        id: Guid,
        refusal: Refusal,
    ) -> Response {
        let event = Event {
            namespace: pod.map(|p| p.namespace.clone()).unwrap_or_default(),
            pod: pod.map(|p| p.name.clone()).unwrap_or_default(),
            pod_uid: self.pod_uid.clone(),
            service_account: pod.map(|p| p.service_account.clone()).unwrap_or_default(),
            door,
            asked: asked.to_owned(),
            request_id: id.to_string(),
            reason: refusal.reason.clone(),
            ..Event::default()
        };
        // a refusal stays one whether or not it could be written
        let _ = self.access.record(event);
        refusal.into_response()
    }
}

impl IntoResponse for Refusal {
    /// All four fields that the SDKs look at, as JSON: a plain text is shown by none of them.
    fn into_response(self) -> Response {
        let (status, error) = match self.kind {
            RefusalKind::BadRequest | RefusalKind::NoIdentity => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            RefusalKind::TokenService => (StatusCode::FORBIDDEN, "unauthorized_client"),
            RefusalKind::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
        };
        let body = json!({
            "error": error,
            "error_description": self.reason,
            "statusCode": status.as_u16(),
            "message": self.reason,
        });
        (status, Json(body)).into_response()
    }
}

async fn answer(
    State(door): State<Arc<Door>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    query: Result<Query<Parameters>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let view = door.cluster.snapshot();
    let pod = view.pod(&door.pod_uid).cloned();
    let path = uri.path().trim_end_matches('/');
    let name = if path == ENDPOINT_PATH {
        DoorName::Endpoint
    } else {
        DoorName::Imds
    };
    let id = request_id();
    let refuse = |kind, reason: &str| {
        door.refuse(name, pod.as_deref(), path, id, Refusal::new(kind, reason))
    };
    if name == DoorName::Imds && !path.eq_ignore_ascii_case(IMDS_PATH) {
        return refuse(
            RefusalKind::BadRequest,
            "podward serves only the token request of the metadata service",
        );
    }
    if method != Method::GET {
        return refuse(RefusalKind::BadRequest, "the token request is a GET");
    }
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key("x-forwarded-for") {
        return refuse(
            RefusalKind::BadRequest,
            "a forwarded request is not answered",
        );
    }
    let Some(pod) = pod.as_deref() else {
        return refuse(RefusalKind::Unavailable, "the pod is not known yet");
    };
    if name == DoorName::Imds {
        if header("metadata") != Some("true") {
            return refuse(
                RefusalKind::BadRequest,
                "Required metadata header not specified",
            );
        }
    } else {
        let sent = header("x-identity-header").map(|value| SecretString::new(value.to_owned()));
        if sent.is_none() || sent != pod.identity_header {
            return refuse(
                RefusalKind::BadRequest,
                "the X-IDENTITY-HEADER is not this pod's",
            );
        }
    }
    let Ok(Query(parameters)) = query else {
        return refuse(RefusalKind::BadRequest, "the query cannot be read");
    };
    let filled = |value: Option<String>| value.filter(|text| !text.is_empty());
    let asked = Asked {
        resource: parameters.resource,
        client_id: filled(parameters.client_id),
        object_id: filled(parameters.object_id),
        resource_id: filled(parameters.msi_res_id).or(filled(parameters.mi_res_id)),
    };
    match door.grant(name, &asked, pod, id).await {
        Ok((token, client_id)) => token_response(&token, &client_id, &asked.resource),
        Err(refusal) => refusal.into_response(),
    }
}

/// All values are strings, as the metadata service has them; the SDK for Rust reads nothing else.
fn token_response(token: &AccessToken, client_id: &str, resource: &str) -> Response {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let body = json!({
        "access_token": token.token.expose(),
        "client_id": client_id,
        "expires_in": token.expires_in.to_string(),
        "ext_expires_in": token.expires_in.to_string(),
        "expires_on": (now + token.expires_in).to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    (
        [("cache-control", "no-store"), ("server", "IMDS/podward")],
        Json(body),
    )
        .into_response()
}
