//! How many RSA-2048 signatures a vault makes in a second, on one core and without the network: prints the number.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use podward_api::access::{Event, RecordError, Recorder};
use podward_cloud::{Cloud, Keys, LocalIssuer, Signer, SystemClock};
use serde_json::{Value, json};
use tower::ServiceExt;

type Failed = Box<dyn std::error::Error>;

const TIME: Duration = Duration::from_secs(3);
const TENANT: &str = "6e1a4f0d-3b52-4c8e-9d07-5a2f8c61b394";
const CLIENT: &str = "4f0a6a3c-52a7-4a05-9d5b-6a1d3a4c7f10";

struct Unrecorded;

impl Recorder for Unrecorded {
    fn record(&self, _: Event) -> Result<(), RecordError> {
        Ok(())
    }
}

async fn ask(
    cloud: &Arc<Cloud>,
    host: &str,
    path: &str,
    token: &str,
    body: String,
) -> Result<Value, Failed> {
    let request = Request::post(path)
        .header("host", host)
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(body))?;
    let answer = cloud.router().oneshot(request).await?;
    let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await?;
    Ok(serde_json::from_slice(&bytes)?)
}

async fn signatures() -> Result<f64, Failed> {
    let config = json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "tenants": [{"id": TENANT, "name": "t", "applications": [
            {"name": "a", "clientId": CLIENT, "clientSecrets": ["bench"]}]}],
        "vaults": [{"name": "dev", "tenant": "t", "keys": [{"name": "k", "type": "RSA"}],
            "access": [{"identity": "a", "keys": ["all"]}]}],
    });
    let issuer = LocalIssuer::of(Arc::new(Signer::load(None, "i")?));
    let (keys, recorder) = (Keys::load(None)?, Arc::new(Unrecorded));
    let config = serde_json::from_value(config)?;
    let cloud = Cloud::new(config, issuer, keys, recorder, Arc::new(SystemClock), None)?;
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT}&client_secret=bench&scope=https://vault.azure.net/.default"
    );
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let answer = ask(&cloud, "login.localhost", &path, "", form).await?;
    let token = answer.get("access_token").and_then(Value::as_str);
    let token = token.ok_or("there is no token")?.to_owned();
    let digest = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let body = json!({"alg": "RS256", "value": digest}).to_string();
    let sign = || {
        ask(
            &cloud,
            "dev.vault.localhost",
            "/keys/k//sign?api-version=7.6",
            &token,
            body.clone(),
        )
    };
    if sign().await?.get("value").is_none() {
        return Err("the vault does not sign".into());
    }
    let (begun, mut count) = (Instant::now(), 0.0);
    while begun.elapsed() < TIME {
        sign().await?;
        count += 1.0;
    }
    Ok(count / begun.elapsed().as_secs_f64())
}

fn main() -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let signatures = runtime.block_on(signatures())?;
    writeln!(std::io::stdout(), "{signatures:.1}")?;
    Ok(())
}
