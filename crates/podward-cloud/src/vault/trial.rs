//! A vault that tests ask as clients do.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use axum::http::{HeaderMap, Request};
use podward_api::access::{Event, RecordError, Recorder};
use serde_json::{Value, json};

use super::serve;
use crate::known::Token;
use crate::names::Place;
use crate::{At, Caller, Cloud, Keys, LocalIssuer, Signer};

const TENANT: &str = "7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11";
const OWNER: &str = "11111111-1111-4111-8111-111111111111";
const NOW: i64 = 1_800_000_000;

struct Deaf;

impl Recorder for Deaf {
    fn record(&self, _: Event) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A cloud of one vault, `dev`, whose `owner` may do everything.
pub(crate) struct Trial(pub(crate) Arc<Cloud>);

impl Trial {
    pub(crate) fn new() -> Self {
        let config = json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": TENANT, "name": "t", "applications": [{"name": "owner", "clientId": OWNER}]}],
            "vaults": [{
                "name": "dev", "tenant": "t",
                "access": [{"identity": "owner", "secrets": ["all"], "keys": ["all"], "certificates": ["all"]}],
            }],
        });
        let cloud = Cloud::new(
            serde_json::from_value(config).unwrap(),
            LocalIssuer::of(Arc::new(Signer::load(None, "x").unwrap())),
            Keys::load(None).unwrap(),
            Arc::new(Deaf),
            Arc::new(At(AtomicI64::new(NOW))),
            None,
        )
        .unwrap();
        for (name, client) in [("owner", OWNER), ("stranger", TENANT)] {
            let claims = json!({
                "iss": format!("https://sts.windows.net/{TENANT}/"), "sub": "s",
                "aud": "https://vault.azure.net", "exp": NOW + 99,
            });
            let claims = serde_json::from_value(claims).unwrap();
            let client = client.to_owned();
            cloud
                .known
                .token(name, NOW, || Some(Token { claims, client }));
        }
        Self(cloud)
    }

    /// What the owner is answered: status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = self.whole("owner", method, path, body.to_string());
        (status, body)
    }

    /// Has a certificate `web` made by an issuer.
    pub(crate) fn create_certificate(&self, issuer: &str) {
        let policy = json!({"issuer": {"name": issuer}, "key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=web"}});
        self.ask(
            "POST",
            "/certificates/web/create",
            &json!({"policy": policy}),
        );
    }

    /// What someone is answered, with the headers.
    pub(crate) fn whole(
        &self,
        who: &str,
        method: &str,
        path: &str,
        body: String,
    ) -> (u16, HeaderMap, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version=7.6"))
            .header("authorization", format!("Bearer {who}"));
        let (parts, body) = request.body(body).unwrap().into_parts();
        let place = Place::of("dev.vault.azure.net").unwrap();
        let answer = serve(&self.0, &place, &parts, body.as_bytes(), &Caller::default());
        let (parts, body) = answer.into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let body = runtime
            .unwrap()
            .block_on(axum::body::to_bytes(body, 1 << 20));
        let body = serde_json::from_slice(&body.unwrap()).unwrap_or_default();
        (parts.status.as_u16(), parts.headers, body)
    }
}
