//! Reviews over HTTP: a question for the gate, its answer, one event for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use podward_admission::{
    Answer, Decision, Environment, Gate, Labels, MOST_EXISTING_PODS, Request, Review, Standards,
    Survey, complete,
};
use podward_api::SecretString;
use podward_api::access::{Door, Event, Outcome};
use podward_cluster::{Cluster, View};
use podward_kube::{Followed, KubeError, Kubernetes, Noticed, PodPage};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;

use super::health::Health;
use super::metrics::Metrics;
use super::room::{LONG, MAX_REVIEW, Room};
use crate::io::Io;
use crate::random::random;

/// How long a review may take to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
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
    pub(super) room: Room,
    /// Whose long review is judged. Each may take some tens of MiB for a moment.
    pub(super) turn: Arc<Semaphore>,
    /// Whose namespace's pods are looked at. A page of them may take as much.
    pub(super) survey: Semaphore,
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
    let Some(_held) = doors.room.take(body.size_hint().exact()).await else {
        return refused(
            StatusCode::SERVICE_UNAVAILABLE,
            "there are too many long reviews at once",
        );
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
        Ok(review)
            if review.kind == "AdmissionReview" && review.api_version == "admission.k8s.io/v1" =>
        {
            review
        }
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
    let answered = match way {
        Way::Validate => doors.validated(&body, request, namespace).await,
        Way::Mutate => {
            let account = account.as_deref();
            doors.completed(&body, request, account, namespace).await
        }
    };
    let Some(mut answer) = answered else {
        return refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the review could not be judged",
        );
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

impl Doors {
    /// Does something with a review: a long one on a thread of its own, so that short ones need not wait for it.
    async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        body: &Bytes,
        request: &Request<'_>,
        act: impl FnOnce(&Self, &Request<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        if body.len() <= LONG {
            return Some(act(self, request));
        }
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
        let (doors, body) = (Arc::clone(self), body.clone());
        let done = tokio::task::spawn_blocking(move || {
            // whoever asked may have gone meanwhile
            let _turn = turn;
            let review: Review<'_> = serde_json::from_slice(&body).ok()?;
            Some(act(&doors, &review.request))
        });
        done.await.ok()?
    }

    /// What the gate says of a request.
    async fn validated(
        self: &Arc<Self>,
        body: &Bytes,
        request: &Request<'_>,
        namespace: Option<Labels>,
    ) -> Option<Answer> {
        let decided = self
            .with(body, request, move |doors, request| {
                doors.gate.validate(request, namespace.as_ref())
            })
            .await?;
        Some(match decided {
            Decision::Answered(answer) => answer,
            Decision::Existing { asked, warnings } => {
                self.existing(&request.name, asked, warnings).await
            }
        })
    }

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
        self: &Arc<Self>,
        body: &Bytes,
        request: &Request<'_>,
        account: Option<&str>,
        namespace: Option<Labels>,
    ) -> Option<Answer> {
        let Ok(header) = random() else {
            return Some(Answer::refused(
                500,
                "InternalError",
                "the machine gives no random numbers".into(),
            ));
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
        self.with(body, request, move |doors, request| {
            let view = doors.cluster.snapshot();
            complete(request, namespace.as_ref(), &view, &given)
        })
        .await
    }

    /// A namespace that asks for more than it did: whether its pods meet that is told, and never refused.
    async fn existing(
        &self,
        namespace: &str,
        asked: Vec<Standards>,
        mut warnings: Vec<String>,
    ) -> Answer {
        match self.surveyed(namespace, asked).await {
            Ok(told) => warnings.extend(told),
            Err(error) => {
                self.io.note(error);
                let text = "failed to list pods while checking new PodSecurity enforce level";
                warnings.push(text.into());
            }
        }
        Answer {
            warnings,
            ..Answer::allowed()
        }
    }

    /// The warnings of a namespace's pods. What there is no time for is told.
    async fn surveyed(
        &self,
        namespace: &str,
        asked: Vec<Standards>,
    ) -> Result<Vec<String>, KubeError> {
        let wait = in_time(Instant::now() + EXISTING, namespace, async {
            let closed = |e| KubeError::Config(format!("pods cannot be listed: {e}"));
            self.survey.acquire().await.map_err(closed)
        });
        let _turn = wait.await?;
        let end = Instant::now() + EXISTING;
        let mut survey = Survey::new(asked, self.gate.exemptions.clone());
        let mut page = in_time(end, namespace, self.kubernetes.pods(namespace, None)).await?;
        let total = page.pods.len() + page.behind;
        if total > MOST_EXISTING_PODS {
            let all = in_time(end, namespace, self.kubernetes.owned_pods(namespace)).await?;
            survey.choose(all.into_iter().map(|one| (one.name, one.controller)));
        }
        loop {
            let PodPage { pods, next, .. } = page;
            let looked = tokio::task::spawn_blocking(move || {
                survey.look(pods.iter().map(|pod| pod.get()), || Instant::now() < end);
                survey
            });
            survey = looked
                .await
                .map_err(|e| KubeError::Config(format!("pods could not be judged: {e}")))?;
            let Some(next) = next.filter(|_| Instant::now() < end) else {
                break;
            };
            match in_time(end, namespace, self.kubernetes.pods(namespace, Some(next))).await {
                Ok(following) => page = following,
                Err(error) => {
                    self.io.note(error);
                    break;
                }
            }
        }
        Ok(survey.warnings(namespace, total))
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
                // the API server names a namespace as being in itself
                namespace: Some(request.namespace.clone().into_owned())
                    .filter(|_| !request.resource.is_core("namespaces")),
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

/// What the API server answers, unless that comes too late.
async fn in_time<T>(
    end: Instant,
    namespace: &str,
    asked: impl Future<Output = Result<T, KubeError>>,
) -> Result<T, KubeError> {
    let late = |_| {
        let patience = EXISTING.as_millis();
        KubeError::Config(format!(
            "list pods of {namespace}: no answer within {patience} ms"
        ))
    };
    tokio::time::timeout_at(end.into(), asked)
        .await
        .map_err(late)?
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
