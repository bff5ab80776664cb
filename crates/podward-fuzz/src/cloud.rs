//! Requests to the local cloud: whatever they hold, the answer is one of the service's own, and comes soon.

mod seeds;

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use podward_api::SecretString;
use podward_api::access::{Event, RecordError, Recorder};
use podward_cloud::{Cloud, Keys, LocalIssuer, Signer, SystemClock};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::targets::Target;
use seeds::{forms, requests, statements};

/// Requests after which the cloud is made anew: what they set stays in its memory.
const RENEWED: usize = 20_000;
const CLIENT: &str = "4f0a6a3c-52a7-4a05-9d5b-6a1d3a4c7f10";
const TENANT: &str = "6e1a4f0d-3b52-4c8e-9d07-5a2f8c61b394";

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "cloud-token",
        seeds: Some(forms),
        check: |text, _| asked("POST", &token_path(), "login.localhost", text.as_bytes()),
        time: |text| {
            let _ = asked("POST", &token_path(), "login.localhost", text.as_bytes());
        },
    },
    Target {
        name: "cloud-statement",
        seeds: Some(statements),
        check: |text, _| statement(text),
        time: |text| {
            let _ = statement(text);
        },
    },
    Target {
        name: "cloud-vault",
        seeds: Some(requests),
        check: |text, _| request(text),
        time: |text| {
            let _ = request(text);
        },
    },
    Target {
        name: "cloud-import",
        seeds: Some(certificates),
        check: |text, draw| import(text, draw.below(3)),
        time: |text| {
            for form in 0..3 {
                let _ = import(text, form);
            }
        },
    },
];

struct Unrecorded;

impl Recorder for Unrecorded {
    fn record(&self, _: Event) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A cloud, and a client of it.
struct Served {
    runtime: Runtime,
    router: Router,
    metadata: Router,
    token: String,
    asked: usize,
}

/// An answer: its status and its body.
type Answer = (StatusCode, Vec<u8>);

impl Served {
    fn new() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().map_err(told)?;
        let all = json!(["all", "purge"]);
        let config = json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": TENANT, "name": "t", "applications": [{
                "name": "a", "clientId": CLIENT, "clientSecrets": ["s3cret"],
                "certificates": [{"thumbprint": "00".repeat(20)}],
                "federatedCredentials": [
                    {"name": "f", "issuer": "podward", "subject": "web", "audiences": ["api"]},
                    {"name": "g", "issuer": "https://ci.example", "audiences": ["api"], "claimsMatchingExpression":
                        {"languageVersion": 1, "value": "claims['sub'] matches '*a*b*:?*'"}},
                ],
            }]}],
            "vaults": [{"name": "dev", "tenant": "t", "access": [
                {"identity": "a", "secrets": all, "keys": all, "certificates": all}]}],
        });
        let config = serde_json::from_value(config).map_err(told)?;
        let issuer = LocalIssuer::of(Arc::new(Signer::load(None, "i").map_err(told)?));
        let (keys, recorder) = (Keys::load(None).map_err(told)?, Arc::new(Unrecorded));
        let cloud = Cloud::new(config, issuer, keys, recorder, Arc::new(SystemClock), None);
        let cloud = cloud.map_err(told)?;
        let mut served = Self {
            runtime,
            router: cloud.router(),
            metadata: cloud.metadata_router(SecretString::new("header".into())),
            token: String::new(),
            asked: 0,
        };
        let form = format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_secret=s3cret&scope=https://vault.azure.net/.default"
        );
        let (_, body) = served.send("POST", &token_path(), "login.localhost", form.as_bytes())?;
        let body: Value = serde_json::from_slice(&body).map_err(told)?;
        let token = body.get("access_token").and_then(Value::as_str);
        token
            .ok_or("there is no token")?
            .clone_into(&mut served.token);
        Ok(served)
    }

    /// Sends a request, if it is one: what is no request at all does not come as far as this.
    fn send(
        &mut self,
        method: &str,
        path: &str,
        host: &str,
        body: &[u8],
    ) -> Result<Answer, String> {
        self.asked += 1;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host)
            .header("metadata", "true")
            .header("authorization", format!("Bearer {}", self.token))
            .body(Body::from(body.to_vec()));
        let Ok(request) = request else {
            return Ok((StatusCode::BAD_REQUEST, b"{}".to_vec()));
        };
        let router = if host.is_empty() {
            self.metadata.clone()
        } else {
            self.router.clone()
        };
        self.runtime.block_on(async {
            let answer = router.oneshot(request).await.map_err(told)?;
            let status = answer.status();
            let body = axum::body::to_bytes(answer.into_body(), 16 << 20).await;
            Ok((status, body.map_err(told)?.to_vec()))
        })
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn token_path() -> String {
    format!("/{TENANT}/oauth2/v2.0/token")
}

thread_local! {
    static SERVED: RefCell<Option<Served>> = const { RefCell::new(None) };
}

fn sent(method: &str, path: &str, host: &str, body: &[u8]) -> Result<Answer, String> {
    SERVED.with_borrow_mut(|served| {
        if served.as_ref().is_none_or(|one| one.asked > RENEWED) {
            *served = Some(Served::new()?);
        }
        let served = served.as_mut().ok_or("there is no cloud")?;
        served.send(method, path, host, body)
    })
}

/// Sends, and says what is wrong with the answer. Work that panics is answered with 503.
fn asked(method: &str, path: &str, host: &str, body: &[u8]) -> Result<(), String> {
    let (status, body) = sent(method, path, host, body)?;
    if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED {
        let said = String::from_utf8_lossy(&body).into_owned();
        return Err(format!("{method} {path} is answered with {status}: {said}"));
    }
    let said = !body.is_empty() && !path.contains("format=text");
    if said && serde_json::from_slice::<Value>(&body).is_err() {
        return Err(format!("{method} {path} is answered with no JSON"));
    }
    Ok(())
}

fn statement(text: &str) -> Result<(), String> {
    let (header, claims) = text.split_once('\n').unwrap_or((text, ""));
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let signature = URL_SAFE_NO_PAD.encode([7; 256]);
    let statement = format!("{header}.{claims}.{signature}");
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}&scope=https://vault.azure.net/.default&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={statement}"
    );
    asked("POST", &token_path(), "login.localhost", form.as_bytes())?;
    let (status, _) = sent("POST", &token_path(), "login.localhost", form.as_bytes())?;
    if status.is_success() {
        return Err("a statement that nobody signed is taken".into());
    }
    Ok(())
}

fn request(text: &str) -> Result<(), String> {
    let (line, body) = text.split_once('\n').unwrap_or((text, ""));
    let (method, path) = line.split_once(' ').unwrap_or(("GET", line));
    // a key of RSA takes a second to make
    if body.contains("\"RSA") && !method.starts_with("PUT") {
        return Ok(());
    }
    let host = match path {
        _ if path.starts_with("/metadata") || path.starts_with("/msi") => "",
        _ if path.starts_with("/common") || path.starts_with(&format!("/{TENANT}")) => {
            "login.localhost"
        }
        _ => "dev.vault.localhost",
    };
    asked(method, path, host, body.as_bytes())
}

/// Certificates with their keys, as PEM and as the bytes of a PKCS#12, each byte a sign.
fn certificates() -> Vec<String> {
    let made = ["application/x-pem-file", "application/x-pkcs12"].map(|kind| {
        let policy = json!({"policy": {"issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-256"},
            "secret_props": {"contentType": kind}, "x509_props": {"subject": "CN=a"}}});
        let host = "dev.vault.localhost";
        sent("POST", "/certificates/seed/create?api-version=7.6", host, policy.to_string().as_bytes()).ok()?;
        let (_, body) = sent("GET", "/secrets/seed/?api-version=7.6", host, &[]).ok()?;
        let body: Value = serde_json::from_slice(&body).ok()?;
        let value = body.get("value")?.as_str()?;
        if kind.ends_with("file") {
            return Some(value.to_owned());
        }
        Some(STANDARD.decode(value).ok()?.into_iter().map(char::from).collect())
    });
    made.into_iter().flatten().collect()
}

/// Imports bytes in base64 or as they are, or merges them.
fn import(text: &str, form: usize) -> Result<(), String> {
    let bytes: Vec<u8> = text
        .chars()
        .map(|sign| u8::try_from(sign).unwrap_or(b'?'))
        .collect();
    let (path, body) = match form {
        0 => (
            "/certificates/i/import",
            json!({"value": STANDARD.encode(bytes), "pwd": ""}),
        ),
        1 => ("/certificates/i/import", json!({"value": text})),
        _ => (
            "/certificates/m/pending/merge",
            json!({"x5c": [STANDARD.encode(bytes)]}),
        ),
    };
    if form == 2 {
        let policy = json!({"policy": {"issuer": {"name": "Unknown"}, "key_props": {"kty": "EC", "crv": "P-256"},
            "x509_props": {"subject": "CN=a"}}});
        let path = "/certificates/m/create?api-version=7.6";
        sent(
            "POST",
            path,
            "dev.vault.localhost",
            policy.to_string().as_bytes(),
        )?;
    }
    let mut path = path.to_owned();
    write!(path, "?api-version=7.6").map_err(told)?;
    asked(
        "POST",
        &path,
        "dev.vault.localhost",
        body.to_string().as_bytes(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_inputs_are_made_of_is_taken_as_it_is() {
        let host = "dev.vault.localhost";
        let seeds = certificates();
        assert_eq!(seeds.len(), 2);
        for text in seeds {
            let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
            let body = json!({"value": STANDARD.encode(bytes)}).to_string();
            let path = "/certificates/i/import?api-version=7.6";
            let (status, said) = sent("POST", path, host, body.as_bytes()).unwrap();
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&said));
        }
        let form = forms().remove(0);
        let (status, _) = sent("POST", &token_path(), "login.localhost", form.as_bytes()).unwrap();
        assert_eq!(status, 200);
        let mut refused = 0;
        for text in requests()
            .iter()
            .filter(|text| text.contains("api-version=7.6"))
        {
            let (line, body) = text.split_once('\n').unwrap_or((text, ""));
            let (method, path) = line.split_once(' ').unwrap();
            let (status, _) = sent(method, path, host, body.as_bytes()).unwrap();
            refused += usize::from(!status.is_success());
        }
        // a restored backup, an imported key and a merged certificate that are made up
        assert!(refused <= 6, "{refused}");
    }
}
