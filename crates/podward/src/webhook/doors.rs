//! Reviews over HTTP: a question for the gate, its answer, one event for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use podward_admission::{
    Answer, Decision, Environment, Gate, Labels, MOST_EXISTING_PODS, Request, Review, Standards,
    complete, warnings_of_existing,
};
use podward_api::SecretString;
use podward_api::access::{Door, Event, Outcome};
use podward_cluster::{Cluster, View};
use podward_kube::{Followed, Kubernetes, Noticed};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::health::Health;
use super::metrics::Metrics;
use crate::io::Io;
use crate::random::random;

/// Largest review, bytes: the API server takes objects of 3 MiB, and a change has the old one too.
const MAX_REVIEW: usize = 8 << 20;
/// How long a review may take to come.
const PATIENCE: Duration = Duration::from_secs(5);
/// Reviews that are longer are judged off the loop, bytes.
const LONG: usize = 256 << 10;
/// How long the pods of a namespace are listed and looked at, as by Pod Security admission.
const EXISTING: Duration = Duration::from_secs(1);

/// What reviews are judged by.
pub(super) struct Doors {
    pub(super) gate: Gate,
    pub(super) cluster: Arc<Cluster>,
    pub(super) kubernetes: Kubernetes,
    pub(super) notices: Sender<Noticed>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    pub(super) io: Io,
    /// What every pod is given, but for its header.
    pub(super) given: Environment,
}

/// The two ways to ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Validate,
    Mutate,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Mutate => "mutate",
        }
    }
}

pub(super) fn router(doors: Arc<Doors>) -> Router {
    Router::new()
        .route(
            "/validate",
            post(async |State(doors): State<Arc<Doors>>, body: Body| {
                answer(doors, Way::Validate, body).await
            }),
        )
        .route(
            "/mutate",
            post(async |State(doors): State<Arc<Doors>>, body: Body| {
                answer(doors, Way::Mutate, body).await
            }),
        )
        .with_state(doors)
}

async fn answer(doors: Arc<Doors>, way: Way, body: Body) -> Response {
    let refused = |status: StatusCode, text: &str| {
        doors
            .metrics
            .count(way.as_str(), "", "error", 0, Duration::ZERO);
        (status, text.to_owned()).into_response()
    };
    let body = match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, MAX_REVIEW)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return refused(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the review is larger than 8 MiB, or broke off",
            );
        }
        Err(_) => return refused(StatusCode::REQUEST_TIMEOUT, "the review came too slowly"),
    };
    let begun = Instant::now();
    let read: Result<Review<'_>, _> = serde_json::from_slice(&body);
    let review = match read {
        Ok(review) if review.api_version == "admission.k8s.io/v1" => review,
        Ok(_) => {
            return refused(
                StatusCode::BAD_REQUEST,
                "podward answers reviews of admission.k8s.io/v1",
            );
        }
        Err(error) => {
            // what it holds is not told: an object may hold secrets
            let text = format!(
                "the body is no AdmissionReview (line {}, column {})",
                error.line(),
                error.column()
            );
            return refused(StatusCode::BAD_REQUEST, &text);
        }
    };
    let request = &review.request;
    let account = account(request);
    let namespace = doors.labels(request).await;
    let mut answer = match way {
        Way::Validate => {
            let decided = match body.len() > LONG {
                false => doors.gate.validate(request, namespace.as_ref()),
                true => match validate_aside(&doors, &body, namespace.clone()).await {
                    Some(decision) => decision,
                    None => {
                        return refused(
                            StatusCode::INTERNAL_SERVER_ERROR,
                            "the review could not be judged",
                        );
                    }
                },
            };
            match decided {
                Decision::Answered(answer) => answer,
                Decision::Existing(asked) => doors.existing(&request.name, asked).await,
            }
        }
        Way::Mutate => {
            doors
                .completed(request, account.as_deref(), namespace.as_ref())
                .await
        }
    };
    answer.uid = request.uid.clone().into_owned();
    doors.record(way, request, account, &mut answer);
    let decision = if answer.allowed { "allowed" } else { "denied" };
    doors.metrics.count(
        way.as_str(),
        &request.resource.resource,
        decision,
        answer.warnings.len(),
        begun.elapsed(),
    );
    let Ok(text) = serde_json::to_vec(&answer.review()) else {
        return refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be written",
        );
    };
    let mut response = ([(header::CONTENT_TYPE, "application/json")], text).into_response();
    if doors.health.is_ending() {
        // the API server keeps its connections: it asks a replica that stays from now on
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// Judges a long review on a thread of its own, so that short ones need not wait for it.
async fn validate_aside(
    doors: &Arc<Doors>,
    body: &Bytes,
    namespace: Option<Labels>,
) -> Option<Decision> {
    let (doors, body) = (Arc::clone(doors), body.clone());
    let judged = tokio::task::spawn_blocking(move || {
        let review: Review<'_> = serde_json::from_slice(&body).ok()?;
        Some(doors.gate.validate(&review.request, namespace.as_ref()))
    });
    judged.await.ok()?
}

impl Doors {
    /// The labels of a request's namespace. One that was made a moment ago may not have been seen yet: it is asked for.
    async fn labels(&self, request: &Request<'_>) -> Option<Labels> {
        let name = &*request.namespace;
        if name.is_empty() {
            return None;
        }
        if let Some(labels) = labels_of(&self.cluster.snapshot(), name) {
            return Some(labels);
        }
        let found = self
            .kubernetes
            .look_up(&self.cluster, Followed::Namespace, "", name)
            .await;
        match found {
            Ok(true) => labels_of(&self.cluster.snapshot(), name),
            Ok(false) => None,
            Err(error) => {
                self.io.note(error);
                None
            }
        }
    }

    /// A pod with what it asks for.
    async fn completed(
        &self,
        request: &Request<'_>,
        account: Option<&str>,
        namespace: Option<&Labels>,
    ) -> Answer {
        let Ok(header) = random() else {
            return Answer::refused(
                500,
                "InternalError",
                "the machine gives no random numbers".into(),
            );
        };
        let given = Environment {
            header: SecretString::new(header.to_string()),
            ..self.given.clone()
        };
        if let Some(account) = account
            && self
                .cluster
                .snapshot()
                .get("ServiceAccount", &request.namespace, account)
                .is_none()
        {
            let accounts = Followed::ServiceAccount;
            let found =
                self.kubernetes
                    .look_up(&self.cluster, accounts, &request.namespace, account);
            if let Err(error) = found.await {
                self.io.note(error);
            }
        }
        complete(request, namespace, &self.cluster.snapshot(), &given)
    }

    /// A namespace that asks for more than it did: whether its pods meet that is told, and never refused.
    async fn existing(&self, namespace: &str, asked: Vec<Standards>) -> Answer {
        let begun = Instant::now();
        let most = u32::try_from(MOST_EXISTING_PODS).unwrap_or(u32::MAX);
        let mut answer = Answer::allowed();
        let pods = match self.kubernetes.pods(namespace, most, EXISTING).await {
            Ok(pods) => pods,
            Err(error) => {
                self.io.note(error);
                let text = "failed to list pods while checking new PodSecurity enforce level";
                answer.warnings.push(text.into());
                return answer;
            }
        };
        let (namespace, exemptions) = (namespace.to_owned(), self.gate.exemptions.clone());
        let told = tokio::task::spawn_blocking(move || {
            let in_time = || begun.elapsed() < EXISTING;
            warnings_of_existing(&namespace, &pods, &asked, &exemptions, in_time)
        });
        answer.warnings = told.await.unwrap_or_default();
        answer
    }

    /// Writes what was decided down; what cannot be written is not granted.
    fn record(
        &self,
        way: Way,
        request: &Request<'_>,
        account: Option<String>,
        answer: &mut Answer,
    ) {
        let reason = match (&answer.status, &answer.patch) {
            (Some(status), _) => status.message.clone(),
            (None, Some(_)) => "completed".into(),
            (None, None) => answer.warnings.join("; "),
        };
        let dry_run = request.dry_run == Some(true);
        let policy = answer.audit_annotations.get("enforce-policy");
        let event = Event {
            namespace: request.namespace.clone().into_owned(),
            pod: request.name.clone().into_owned(),
            service_account: account.unwrap_or_default(),
            identity: request.user_info.username.clone().into_owned(),
            door: Door::Webhook,
            asked: format!(
                "{} {} {}",
                way.as_str(),
                request.operation,
                request.resource.qualified()
            ),
            outcome: if answer.allowed {
                Outcome::Granted
            } else {
                Outcome::Refused
            },
            rule: policy.cloned().unwrap_or_default(),
            reason,
            request_id: answer.uid.clone(),
            dry_run,
            ..Event::default()
        };
        let written = podward_access::told(event).is_ok_and(|line| self.io.print(line));
        if !written && answer.allowed {
            let uid = std::mem::take(&mut answer.uid);
            *answer = Answer::refused(
                500,
                "InternalError",
                "the access log cannot be written".into(),
            );
            answer.uid = uid;
        }
        if let (Some(status), false) = (&answer.status, dry_run)
            && !request.namespace.is_empty()
        {
            let group = &request.kind.group;
            let noticed = Noticed {
                api_version: if group.is_empty() {
                    "v1".into()
                } else {
                    format!("{group}/v1")
                },
                kind: request.kind.kind.clone().into_owned(),
                namespace: request.namespace.clone().into_owned(),
                name: match &*request.name {
                    "" => "unnamed".into(),
                    name => name.to_owned(),
                },
                reason: "Refused",
                action: "Admission",
                note: status.message.clone(),
            };
            // a full queue loses it: the line above has it
            let _ = self.notices.try_send(noticed);
        }
    }
}

fn labels_of(view: &View, namespace: &str) -> Option<Labels> {
    let object = view.get("Namespace", "", namespace)?;
    let labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object);
    let pairs = labels.into_iter().flatten();
    Some(
        pairs
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    )
}

/// The service account that a pod names.
fn account(request: &Request<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Pod {
        spec: Spec,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        service_account_name: Option<String>,
    }
    if !request.resource.is_core("pods") {
        return None;
    }
    let pod: Pod = serde_json::from_str(request.object?.get()).ok()?;
    pod.spec
        .service_account_name
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
