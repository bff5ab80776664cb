//! What comes to the TLS port, told apart by the service that is asked.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::dress::Dress;
use crate::names::{Place, Service};
use crate::{Caller, Cloud, manager, token_door, vault};

/// Largest request body, bytes: a secret is at most 25 KiB, a PFX import below 200 KiB.
const MAX_BODY: usize = 256 << 10;
/// Room for an answer, bytes: most are of one object.
const USUAL_ANSWER: usize = 1 << 10;
/// How long the body of a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A JSON answer.
pub(crate) fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut text = Vec::with_capacity(USUAL_ANSWER);
    // writing to memory does not fail
    let _ = serde_json::to_writer(&mut text, body);
    (status, headers, text).into_response()
}

/// A body of so many bytes at most; or status, code and text of the refusal.
pub(crate) async fn whole(
    body: Body,
    most: usize,
) -> Result<Bytes, (u16, &'static str, &'static str)> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, most)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(_too_large)) => Err((413, "BadParameter", "the request is too large")),
        Err(_elapsed) => Err((408, "RequestTimeout", "the request came too slowly")),
    }
}

/// Answers a request to any service.
pub(crate) async fn serve(State(cloud): State<Arc<Cloud>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or_default();
    let place = Place::of(host);
    let dress = Dress::of(&mut parts, place.as_ref());
    dress.put_on(answered(cloud, place, parts, body).await)
}

async fn answered(cloud: Arc<Cloud>, place: Option<Place>, parts: Parts, body: Body) -> Response {
    let caller = parts
        .extensions
        .get::<Caller>()
        .cloned()
        .unwrap_or_default();
    let body = match whole(body, MAX_BODY).await {
        Ok(body) => body,
        Err((status, code, message)) => {
            let error = json!({"error": {"code": code, "message": message}});
            return answer(status, &error);
        }
    };
    let Some(place) = place else {
        let host = parts.headers.get(header::HOST);
        let host = host.map(|host| host.as_bytes()).unwrap_or_default();
        let shown: String = host
            .iter()
            .filter(|byte| byte.is_ascii_graphic())
            .take(255)
            .map(|byte| char::from(*byte))
            .collect();
        return answer(
            404,
            &json!({"error": {"code": "NotFound", "message": format!("no service of cloud.yaml has the name {shown}")}}),
        );
    };
    match &place.service {
        Service::Authority => token_door::serve(&cloud, &place, &parts, &body, &caller).await,
        Service::Manager => manager::serve(&cloud, &place, &parts),
        Service::Vault(_) => {
            // what is written waits for the disk, a key for the one who makes it, and work with keys takes up to seconds:
            // it goes off the loop, but for what is quick, and no more of the work with keys than there are processors
            let kind = vault::kind_of(parts.uri.path());
            let of_secrets = kind == "secrets";
            let reads = parts.method == Method::GET;
            if reads && kind != "keys" {
                return vault::serve(&cloud, &place, &parts, &body, &caller);
            }
            if !of_secrets
                && vault::is_quick(&cloud, &place, &parts)
                && let (Ok(_permit), Ok(_turn)) =
                    (cloud.work.try_acquire(), cloud.on_the_loop.try_lock())
            {
                return vault::serve(&cloud, &place, &parts, &body, &caller);
            }
            let permit = if of_secrets || reads {
                None
            } else {
                match Arc::clone(&cloud.work).acquire_owned().await {
                    Ok(permit) => Some(permit),
                    Err(_closed) => return unavailable(),
                }
            };
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                vault::serve(&cloud, &place, &parts, &body, &caller)
            });
            work.await.unwrap_or_else(|_panicked| unavailable())
        }
    }
}

fn unavailable() -> Response {
    let error =
        json!({"code": "ServiceUnavailable", "message": "the request could not be worked on"});
    answer(503, &json!({"error": error}))
}
