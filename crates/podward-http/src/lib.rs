//! The HTTPS client of the token service and the vault: pooled connections, given roots, bounded answers.

mod connect;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject;
use zeroize::Zeroizing;

use connect::Connector;

/// Longest a request may take, connection and answer included.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longest answer, bytes: a Key Vault certificate bundle is below 64 KiB.
const MAX_BODY: usize = 1 << 20;

/// Addresses that replace a name's own: exact host names, and `*.suffix` for all names below one.
pub type Overrides = BTreeMap<String, SocketAddr>;

/// A client. Clones share their connections.
#[derive(Clone)]
pub struct HttpClient {
    inner: Client<Connector, Full<Bytes>>,
}

/// An answer, whatever its status.
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, wiped on drop: it may hold a token or a secret.
    pub body: Zeroizing<Vec<u8>>,
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The roots are not PEM certificates.
    #[error("the root certificates cannot be read: {0}")]
    Roots(String),
    /// The connection failed, with the host's name.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host that was asked.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// The answer is larger than a megabyte or broke off.
    #[error("the answer of {0} cannot be read")]
    Body(String),
    /// Nothing came in time.
    #[error("{0} did not answer within 20 s")]
    Timeout(String),
}

impl HttpClient {
    /// A client that trusts the certificates of `roots_pem` alone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn new(roots_pem: &str, overrides: Overrides) -> Result<Self, HttpError> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in rustls::pki_types::CertificateDer::pem_slice_iter(roots_pem.as_bytes()) {
            let certificate = certificate.map_err(|e| HttpError::Roots(e.to_string()))?;
            // a bundle may hold a root of a kind this library does not take
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(HttpError::Roots("there are none".into()));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| HttpError::Roots(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = Connector::new(Arc::new(config), overrides);
        let inner = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(4)
            .build(connector);
        Ok(Self { inner })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When no answer came; an answer of any status is `Ok`.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let work = async {
            let request = request.map(|body| Full::new(Bytes::from(body)));
            let response =
                self.inner
                    .request(request)
                    .await
                    .map_err(|e| HttpError::Unreachable {
                        host: host.clone(),
                        reason: innermost(&e),
                    })?;
            let (parts, body) = response.into_parts();
            let collected = Limited::new(body, MAX_BODY)
                .collect()
                .await
                .map_err(|e| HttpError::Body(format!("{host} ({e})")))?;
            let body = Zeroizing::new(collected.to_bytes().to_vec());
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body,
            })
        };
        tokio::time::timeout(TIMEOUT, work)
            .await
            .unwrap_or_else(|_| Err(HttpError::Timeout(host.clone())))
    }
}

/// The cause that says most: wrappers only say that a client failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
