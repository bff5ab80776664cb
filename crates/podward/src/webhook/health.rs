//! Whether this replica lives, whether it can judge, and what it has done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use podward_kube::Following;

use super::metrics::Metrics;

/// What is known of this replica.
#[derive(Default)]
pub(super) struct Health {
    /// The watches, once reviews are answered.
    following: OnceLock<Following>,
    ending: AtomicBool,
}

impl Health {
    /// Reviews are answered from now on.
    pub(super) fn follow(&self, following: Following) {
        // there is one start
        let _ = self.following.set(following);
    }

    /// No more reviews are wanted.
    pub(super) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether no more reviews are wanted.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Why no review can be judged, if so. A view that may be old judges on: no view judges nothing.
    fn fault(&self) -> Option<&'static str> {
        if self.is_ending() {
            return Some("it is ending");
        }
        match self.following.get() {
            Some(following) if following.is_complete() => None,
            _ => Some(
                "namespaces and service accounts have not been seen yet, or there is no certificate",
            ),
        }
    }
}

pub(super) fn router(health: Arc<Health>, metrics: Arc<Metrics>) -> Router {
    let stale = Arc::clone(&health);
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .with_state(health)
        .route(
            "/metrics",
            get(async move || {
                let stale = stale.following.get().is_some_and(Following::is_stale);
                let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
                (kind, metrics.text(stale))
            }),
        )
}

async fn ready(State(health): State<Arc<Health>>) -> impl IntoResponse {
    match health.fault() {
        None => (StatusCode::OK, "ok"),
        Some(fault) => (StatusCode::SERVICE_UNAVAILABLE, fault),
    }
}
