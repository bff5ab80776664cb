//! Published keys of other issuers (OpenID Connect Discovery 1.0), fetched when a statement of theirs comes.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long keys are believed before they are asked for again.
const FRESH: Duration = Duration::from_secs(3600);
/// How often a key that is not known may have the issuer asked again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest that discovery and keys may take together.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest document, bytes.
const MAX_DOCUMENT: usize = 256 << 10;
/// Issuers that are asked at a time: who sends statements can make the cloud wait for others, but not for many.
const AT_ONCE: usize = 4;

/// What a fetch comes to: the body of an answer with status 200, or why there is none.
pub type Fetched<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send + 'a>>;

/// Gets documents by https.
pub trait Fetch: Send + Sync {
    /// Gets one. The server is trusted by `ca` (PEM) alone, or where there is none by the machine's roots.
    fn get<'a>(&'a self, url: &'a str, ca: Option<&'a str>) -> Fetched<'a>;
}

struct Published {
    keys: Value,
    at: Instant,
}

/// The keys that are known.
pub(crate) struct Issuers {
    fetch: OnceLock<Arc<dyn Fetch>>,
    known: Mutex<BTreeMap<String, Published>>,
    asked: Semaphore,
}

impl Default for Issuers {
    fn default() -> Self {
        Self {
            fetch: OnceLock::new(),
            known: Mutex::default(),
            asked: Semaphore::new(AT_ONCE),
        }
    }
}

impl Issuers {
    /// Says how issuers are asked; the first that is said counts.
    pub(crate) fn ask_by(&self, fetch: Arc<dyn Fetch>) {
        let _ = self.fetch.set(fetch);
    }

    /// The keys of an issuer of cloud.yaml, among which `kid` should be.
    pub(crate) async fn keys(
        &self,
        issuer: &str,
        kid: Option<&str>,
        ca: Option<&str>,
    ) -> Result<Value, String> {
        if let Some(keys) = self.fresh(issuer, kid) {
            return Ok(keys);
        }
        let fetch = self.fetch.get().ok_or("this cloud asks no issuer")?;
        let _permit = self.asked.acquire().await.map_err(|e| e.to_string())?;
        // another may have asked while this one waited
        if let Some(keys) = self.fresh(issuer, kid) {
            return Ok(keys);
        }
        let keys = tokio::time::timeout(TIMEOUT, ask(fetch.as_ref(), issuer, ca))
            .await
            .unwrap_or_else(|_elapsed| Err("it did not answer in time".into()))?;
        let published = Published {
            keys: keys.clone(),
            at: Instant::now(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(issuer.to_owned(), published);
        Ok(keys)
    }

    fn fresh(&self, issuer: &str, kid: Option<&str>) -> Option<Value> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(issuer)?;
        let age = found.at.elapsed();
        let has_it = kid.is_none_or(|kid| {
            let keys = found.keys.get("keys").and_then(Value::as_array);
            keys.is_some_and(|keys| {
                keys.iter()
                    .any(|key| key.get("kid").and_then(Value::as_str) == Some(kid))
            })
        });
        (age < PATIENCE || (has_it && age < FRESH)).then(|| found.keys.clone())
    }
}

async fn ask(fetch: &dyn Fetch, issuer: &str, ca: Option<&str>) -> Result<Value, String> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let url = format!("{base}/.well-known/openid-configuration");
    let metadata = document(fetch, &url, ca).await?;
    let text = |field: &str| metadata.get(field).and_then(Value::as_str);
    // a document that names another issuer would let one vouch for the other
    if text("issuer") != Some(issuer) {
        return Err(format!("{url} is of another issuer"));
    }
    let address = text("jwks_uri").filter(|address| address.starts_with("https://"));
    let address = address.ok_or_else(|| format!("{url} has no jwks_uri of https"))?;
    document(fetch, address, ca).await
}

async fn document(fetch: &dyn Fetch, url: &str, ca: Option<&str>) -> Result<Value, String> {
    let bytes = fetch
        .get(url, ca)
        .await
        .map_err(|reason| format!("{url}: {reason}"))?;
    if bytes.len() > MAX_DOCUMENT {
        return Err(format!("{url}: the answer is too large"));
    }
    serde_json::from_slice(&bytes).map_err(|e| format!("{url}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// An issuer whose documents are what the test says, and that counts how often it was asked.
    struct Scripted {
        metadata: Value,
        asked: AtomicUsize,
    }

    impl Fetch for Scripted {
        fn get<'a>(&'a self, url: &'a str, _: Option<&'a str>) -> Fetched<'a> {
            let count = self.asked.fetch_add(1, Ordering::Relaxed);
            let document = if url.ends_with("configuration") {
                self.metadata.clone()
            } else {
                json!({"keys": [{"kid": format!("k{}", count / 2)}]})
            };
            Box::pin(async move { Ok(document.to_string().into_bytes()) })
        }
    }

    fn issuers(metadata: Value) -> (Issuers, Arc<Scripted>) {
        let (issuers, asked) = (Issuers::default(), AtomicUsize::new(0));
        let script = Arc::new(Scripted { metadata, asked });
        issuers.ask_by(Arc::clone(&script) as Arc<dyn Fetch>);
        (issuers, script)
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_asked_for_again_when_one_is_missing_but_not_at_every_statement() {
        let url = "https://a.example/";
        let (issuers, script) =
            issuers(json!({"issuer": url, "jwks_uri": "https://a.example/keys"}));
        let count = || script.asked.load(Ordering::Relaxed);
        issuers.keys(url, Some("k0"), None).await.unwrap();
        issuers.keys(url, Some("k0"), None).await.unwrap();
        issuers.keys(url, Some("k1"), None).await.unwrap();
        assert_eq!(count(), 2);
        tokio::time::advance(PATIENCE).await;
        issuers.keys(url, Some("k0"), None).await.unwrap();
        assert_eq!(count(), 2);
        let keys = issuers.keys(url, Some("k1"), None).await.unwrap();
        assert_eq!((count(), &keys["keys"][0]["kid"]), (4, &json!("k1")));
        tokio::time::advance(FRESH).await;
        issuers.keys(url, Some("k1"), None).await.unwrap();
        assert_eq!(count(), 6);
    }

    #[tokio::test]
    async fn a_document_that_does_not_fit_is_refused() {
        let url = "https://a.example";
        for metadata in [
            json!({}),
            json!({"issuer": "https://a.example/", "jwks_uri": "https://a.example/keys"}),
            json!({"issuer": url}),
            json!({"issuer": url, "jwks_uri": "http://a.example/keys"}),
        ] {
            let (issuers, _) = issuers(metadata.clone());
            assert!(issuers.keys(url, None, None).await.is_err(), "{metadata}");
        }
        let none = Issuers::default().keys(url, None, None).await;
        assert_eq!(none, Err("this cloud asks no issuer".into()));
    }
}
