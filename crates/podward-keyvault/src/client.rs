//! The Key Vault client: one object, one answer, with the pod's own token.

use std::future::Future;

use http::Request;
use podward_api::{Guid, KEY_VAULT_RESOURCE, SecretString};
use podward_http::{Answer, HttpClient};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::format::{Jwk, certificate, secret};
use crate::{ObjectKind, VaultObject};

/// Version of the REST API that is spoken.
const API_VERSION: &str = "7.4";
/// Domain of vaults in the public cloud.
const SUFFIX: &str = "vault.azure.net";

/// Gives a token for a resource, in the name of the pod that the objects are for.
pub trait TokenSource: Send + Sync {
    /// A token; the error is the reason in words.
    fn token(&self, resource: &str) -> impl Future<Output = Result<SecretString, String>> + Send;
}

/// An object as a file, and which version it is.
pub struct Fetched {
    /// Content of the file.
    pub contents: Zeroizing<Vec<u8>>,
    /// Version, 32 hex digits.
    pub version: String,
}

/// An object was not had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No token.
    #[error("{0}")]
    Token(String),
    /// The vault refused or has no such object: its status, code and message.
    #[error("the vault answered {status} {code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// `error.code`, or the inner one, which says more.
        code: String,
        /// `error.message`.
        message: String,
    },
    /// The vault could not be asked, or its answer cannot be used.
    #[error("{0}")]
    Failed(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretBundle {
    value: SecretString,
    id: String,
    content_type: Option<String>,
    kid: Option<String>,
}

#[derive(Deserialize)]
struct KeyBundle {
    key: Jwk,
}

#[derive(Deserialize)]
struct CertificateBundle {
    id: String,
    cer: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ErrorDetail {
    code: String,
    message: String,
    innererror: Option<Inner>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Inner {
    code: String,
}

/// A client of all vaults.
#[derive(Clone)]
pub struct KeyVault {
    http: HttpClient,
}

impl KeyVault {
    /// A client over the given connections.
    #[must_use]
    pub fn new(http: HttpClient) -> Self {
        Self { http }
    }

    /// Fetches one object of a vault, which is told `id`.
    ///
    /// # Errors
    /// When there is no token, the vault refuses, or the object cannot be made into the file that is asked for.
    pub async fn get(
        &self,
        vault: &str,
        object: &VaultObject,
        tokens: &impl TokenSource,
        id: Guid,
    ) -> Result<Fetched, VaultError> {
        let token = tokens
            .token(KEY_VAULT_RESOURCE)
            .await
            .map_err(VaultError::Token)?;
        let url = format!(
            "https://{vault}.{SUFFIX}/{}s/{}/{}?api-version={API_VERSION}",
            object.kind.word(),
            object.name,
            object.version
        );
        let request = Request::get(url)
            .header("authorization", format!("Bearer {}", token.expose()))
            .header("accept", "application/json")
            .header("x-ms-client-request-id", id.to_string())
            .body(Vec::new())
            .map_err(|e| VaultError::Failed(e.to_string()))?;
        let answer = self
            .http
            .send(request)
            .await
            .map_err(|e| VaultError::Failed(e.to_string()))?;
        if !answer.status.is_success() {
            return Err(refused(&answer));
        }
        let (contents, id) = match object.kind {
            ObjectKind::Secret => {
                let bundle: SecretBundle = read(&answer)?;
                let bytes = secret(
                    bundle.value.expose(),
                    bundle.content_type.as_deref(),
                    bundle.kid.is_some(),
                    object.pfx,
                    object.encoding,
                );
                (bytes.map_err(VaultError::Failed)?, bundle.id)
            }
            ObjectKind::Key => {
                let bundle: KeyBundle = read(&answer)?;
                (
                    Zeroizing::new(bundle.key.public_pem().map_err(VaultError::Failed)?),
                    bundle.key.kid,
                )
            }
            ObjectKind::Certificate => {
                let bundle: CertificateBundle = read(&answer)?;
                (
                    Zeroizing::new(certificate(&bundle.cer).map_err(VaultError::Failed)?),
                    bundle.id,
                )
            }
        };
        let version = id.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Fetched { contents, version })
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, VaultError> {
    // the parser's message may quote the answer, and the answer is the secret
    serde_json::from_slice(&answer.body).map_err(|_quotes_the_answer| {
        VaultError::Failed("the vault's answer cannot be read".into())
    })
}

fn refused(answer: &Answer) -> VaultError {
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body
        .error
        .innererror
        .map(|inner| inner.code)
        .filter(|c| !c.is_empty())
        .unwrap_or(body.error.code);
    VaultError::Refused {
        status: answer.status.as_u16(),
        code,
        message: body.error.message,
    }
}
