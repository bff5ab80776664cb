//! How the local cloud asks other issuers for their keys.

use std::fs;

use axum::http::Request;
use podward_cloud::{Fetch, Fetched};
use podward_http::{HttpClient, Overrides};

/// Where this machine's roots may be.
const SYSTEM_ROOTS: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// This machine's roots, as PEM.
pub(crate) fn system_roots() -> Option<String> {
    SYSTEM_ROOTS
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
}

/// By https. An issuer is asked once an hour, so that no connection is kept for it.
pub(crate) struct ByHttps;

impl Fetch for ByHttps {
    fn get<'a>(&'a self, url: &'a str, ca: Option<&'a str>) -> Fetched<'a> {
        Box::pin(async move {
            let roots = match ca {
                Some(ca) => ca.to_owned(),
                None => {
                    system_roots().ok_or("this machine has no roots, and there is no caFile")?
                }
            };
            let client = HttpClient::new(&roots, Overrides::new()).map_err(|e| e.to_string())?;
            let request = Request::get(url)
                .header("accept", "application/json")
                .body(Vec::new())
                .map_err(|e| e.to_string())?;
            let answer = client.send(request).await.map_err(|e| e.to_string())?;
            if answer.status.as_u16() != 200 {
                return Err(format!("it answers {}", answer.status.as_u16()));
            }
            Ok(answer.body.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::routing::get;
    use podward_api::access::{Event, RecordError, Recorder};
    use podward_cloud::{Caller, Cloud, Keys, LocalIssuer, Signer, SystemClock};
    use serde_json::{Value, json};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tower::ServiceExt;

    use super::*;

    const TENANT: &str = "6e1a4f0d-3b52-4c8e-9d07-5a2f8c61b394";
    const CLIENT: &str = "4f0a6a3c-52a7-4a05-9d5b-6a1d3a4c7f10";

    struct Unrecorded;

    impl Recorder for Unrecorded {
        fn record(&self, _: Event) -> Result<(), RecordError> {
            Ok(())
        }
    }

    /// A server that is an issuer: its address, and the CA it is trusted by.
    async fn issuer(keys: Value) -> (String, String) {
        let own = Keys::load(None).unwrap();
        let clock = std::sync::Arc::new(podward_cloud::SystemClock);
        let tls = own.server_config(&["localhost".into()], clock).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let metadata = json!({"issuer": url, "jwks_uri": format!("{url}/keys")}).to_string();
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(|| async { metadata }),
            )
            .route("/keys", get(|| async move { keys.to_string() }));
        let tls = Some(TlsAcceptor::from(tls));
        crate::servers::serve(listener, tls, router, Caller::default());
        (url, own.ca_pem())
    }

    /// Trades a statement for a token: the status, and the error's first code.
    async fn trade(cloud: &Arc<Cloud>, statement: &str) -> (u16, Value) {
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT}&scope=https%3A%2F%2Fvault.azure.net%2F.default&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion={statement}"
        );
        let request = Request::post(format!("/{TENANT}/oauth2/v2.0/token"))
            .header("host", "login.localhost")
            .body(axum::body::Body::from(form))
            .unwrap();
        let answer = cloud.router().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await;
        let body: Value = serde_json::from_slice(&body.unwrap()).unwrap();
        (status, body["error_codes"][0].clone())
    }

    #[tokio::test]
    async fn an_issuer_elsewhere_is_asked_for_its_keys() {
        let signer = Signer::load(None, "issuer").unwrap();
        let (url, ca) = issuer(json!({"keys": [signer.jwk()]})).await;
        let folder = std::env::temp_dir().join(format!("podward-issuers-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ca.pem"), ca).unwrap();
        let jwks = json!({"keys": [signer.jwk()]}).to_string();
        std::fs::write(folder.join("jwks.json"), jwks).unwrap();
        let credential = |name: &str, issuer: &str, more: Value| {
            let mut all =
                json!({"name": name, "issuer": issuer, "subject": "web", "audiences": ["api"]});
            if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
                all.extend(more.clone());
            }
            all
        };
        let config = json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": TENANT, "name": "t", "applications": [{"name": "a", "clientId": CLIENT, "federatedCredentials": [
                credential("asked", &url, json!({"caFile": "ca.pem"})),
                credential("written", "https://file.example", json!({"jwks": "jwks.json"})),
                credential("distrusted", &format!("{url}/"), json!({})),
            ]}]}],
        });
        let mut config: podward_cloud::CloudConfig = serde_json::from_value(config).unwrap();
        config.read_files(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let keys = Keys::load(None).unwrap();
        let local = LocalIssuer::of(Arc::new(Signer::load(None, "local").unwrap()));
        let clock = Arc::new(SystemClock);
        let cloud = Cloud::new(config, local, keys, Arc::new(Unrecorded), clock, None).unwrap();
        cloud.ask_issuers_by(Arc::new(ByHttps));
        let statement = |by: &Signer, issuer: &str| {
            let claims =
                json!({"iss": issuer, "sub": "web", "aud": "api", "exp": 99_999_999_999_i64});
            by.sign(&claims).unwrap().expose().to_owned()
        };
        let other = Signer::load(None, "other").unwrap();
        let distrusted = format!("{url}/");
        for (by, issuer, want) in [
            (&signer, url.as_str(), (200, Value::Null)),
            (&other, &url, (401, json!(700_027))),
            (&signer, "https://file.example", (200, Value::Null)),
            (&other, "https://file.example", (401, json!(700_027))),
            // its server is not one that this machine trusts
            (&signer, &distrusted, (400, json!(90061))),
            (&signer, "https://else.example", (401, json!(700_211))),
        ] {
            assert_eq!(
                trade(&cloud, &statement(by, issuer)).await,
                want,
                "{issuer}"
            );
        }
    }
}
