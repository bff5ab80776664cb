//! Tokens by federation: the pod's service account token is the client assertion.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Request;
use podward_api::workload_identity::AUDIENCE;
use podward_api::{Guid, SecretString};
use podward_cluster::Pod;
use podward_http::HttpClient;
use serde::Deserialize;

/// Tokens with less than this left are fetched anew.
const REFRESH_BEFORE: Duration = Duration::from_mins(5);
/// Entries kept at most; the one nearest its end goes first. 4,096 identities × resources on one node is far
/// above what a node's pods can hold.
const MAX_ENTRIES: usize = 4096;

/// Whose token for what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenKey {
    /// Tenant.
    pub tenant: String,
    /// Client id.
    pub client_id: String,
    /// Subject of the service account.
    pub subject: String,
    /// Resource without `/.default`.
    pub resource: String,
}

/// An access token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token.
    pub token: SecretString,
    /// Seconds until it ends.
    pub expires_in: i64,
    /// Its `uti`, for the log.
    pub id: Option<String>,
    /// Whether it was kept from an earlier request.
    pub cached: bool,
}

/// No token was had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The token service refused, with its own words.
    #[error("{0}")]
    Refused(String),
    /// The token service could not be asked.
    #[error("the token service cannot be asked: {0}")]
    Unavailable(String),
}

/// Issues service account tokens: TokenRequest in a cluster, the local issuer on a laptop.
pub trait ServiceAccountTokens: Send + Sync {
    /// A token of the pod's service account for one audience, bound to the pod.
    ///
    /// # Errors
    /// With the reason.
    fn issue(&self, pod: &Pod, audience: &str, lifetime: Duration) -> Result<SecretString, String>;
}

struct Cached {
    token: AccessToken,
    until: Instant,
}

/// The token source: one request for all who ask at once, tokens kept until they near their end.
pub struct Federation {
    http: HttpClient,
    authority: String,
    issuer: Arc<dyn ServiceAccountTokens>,
    cache: Mutex<BTreeMap<TokenKey, Cached>>,
    flights: Mutex<BTreeMap<TokenKey, Arc<tokio::sync::Mutex<()>>>>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: i64,
}

#[derive(Deserialize)]
struct Denied {
    error_description: String,
}

impl Federation {
    /// A source that asks `authority` (`https://login.microsoftonline.com/`).
    #[must_use]
    pub fn new(http: HttpClient, authority: &str, issuer: Arc<dyn ServiceAccountTokens>) -> Self {
        Self {
            http,
            authority: authority.trim_end_matches('/').to_owned(),
            issuer,
            cache: Mutex::default(),
            flights: Mutex::default(),
        }
    }

    /// A token for the pod, as `client_id` of `tenant`, for `resource`. The token service is told `id`, where it is
    /// asked.
    ///
    /// # Errors
    /// When the token service refuses or cannot be asked.
    pub async fn token(
        &self,
        pod: &Pod,
        tenant: &str,
        client_id: &str,
        resource: &str,
        id: Guid,
    ) -> Result<AccessToken, TokenError> {
        let key = TokenKey {
            tenant: tenant.into(),
            client_id: client_id.to_ascii_lowercase(),
            subject: pod.subject(),
            resource: resource.into(),
        };
        if let Some(token) = self.cached(&key) {
            return Ok(token);
        }
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(flights.entry(key.clone()).or_default())
        };
        let turn = flight.lock().await;
        if let Some(token) = self.cached(&key) {
            return Ok(token);
        }
        let outcome = self.fetch(pod, &key, id).await;
        if let Ok(token) = &outcome {
            self.keep(&key, token);
        }
        drop(turn);
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::strong_count(&flight) <= 2 {
            flights.remove(&key);
        }
        outcome
    }

    fn cached(&self, key: &TokenKey) -> Option<AccessToken> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let found = cache.get(key)?;
        let left = found.until.checked_duration_since(Instant::now())?;
        (left > REFRESH_BEFORE).then(|| AccessToken {
            expires_in: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            cached: true,
            ..found.token.clone()
        })
    }

    fn keep(&self, key: &TokenKey, token: &AccessToken) {
        let lifetime = Duration::from_secs(u64::try_from(token.expires_in).unwrap_or(0));
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_ENTRIES {
            let first = cache
                .iter()
                .min_by_key(|(_, entry)| entry.until)
                .map(|(key, _)| key.clone());
            first.and_then(|first| cache.remove(&first));
        }
        cache.insert(
            key.clone(),
            Cached {
                token: token.clone(),
                until: Instant::now() + lifetime,
            },
        );
    }

    async fn fetch(&self, pod: &Pod, key: &TokenKey, id: Guid) -> Result<AccessToken, TokenError> {
        let unavailable = |reason: String| TokenError::Unavailable(reason);
        let assertion = self
            .issuer
            .issue(pod, AUDIENCE, Duration::from_hours(1))
            .map_err(unavailable)?;
        let scope = format!("{}/.default", key.resource);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", &key.client_id),
            ("scope", &scope),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.expose()),
        ];
        let body = fields
            .map(|(name, value)| format!("{name}={}", escape(value)))
            .join("&");
        let request = Request::post(format!(
            "{}/{}/oauth2/v2.0/token",
            self.authority,
            escape(&key.tenant)
        ))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("client-request-id", id.to_string())
        .body(body.into_bytes())
        .map_err(|e| unavailable(e.to_string()))?;
        let answer = self
            .http
            .send(request)
            .await
            .map_err(|e| unavailable(e.to_string()))?;
        if answer.status.is_success() {
            let granted: Granted = serde_json::from_slice(&answer.body)
                .map_err(|_quotes_the_token| unavailable("its answer is no token".into()))?;
            let id = token_id(granted.access_token.expose());
            return Ok(AccessToken {
                token: granted.access_token,
                expires_in: granted.expires_in,
                id,
                cached: false,
            });
        }
        let said = serde_json::from_slice::<Denied>(&answer.body).map(|d| d.error_description);
        match said {
            Ok(text) if answer.status.is_client_error() && answer.status.as_u16() != 429 => {
                Err(TokenError::Refused(text))
            }
            Ok(text) => Err(unavailable(text)),
            Err(_) => Err(unavailable(format!(
                "it answered with status {}",
                answer.status.as_u16()
            ))),
        }
    }
}

/// The `uti` or `jti` of a token; the signature is not looked at, the id only goes into the log.
fn token_id(token: &str) -> Option<String> {
    use base64::Engine;
    let payload = token.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    claims
        .get("uti")
        .or_else(|| claims.get("jti"))?
        .as_str()
        .map(str::to_owned)
}

/// Percent-encodes all but the unreserved characters (RFC 3986).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
