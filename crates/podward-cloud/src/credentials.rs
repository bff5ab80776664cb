//! How applications of cloud.yaml prove who they are: secrets, certificates, statements of other issuers.

use std::path::{Component, Path, PathBuf};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use podward_api::SecretString;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Application, CloudConfig, ConfigError};
use crate::expression::Expression;

/// Largest file that a credential names, bytes.
const MAX_FILE: u64 = 1 << 20;

/// A client secret: its text, or a mapping of `value` and `expires`.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "WrittenSecret")]
pub struct ClientSecret {
    /// The secret.
    pub value: SecretString,
    /// When it ends, as RFC 3339 has times.
    pub expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DatedSecret {
    value: SecretString,
    #[serde(default)]
    expires: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "a client secret is text, or has the fields value and expires"
)]
enum WrittenSecret {
    Text(SecretString),
    Dated(DatedSecret),
}

impl From<WrittenSecret> for ClientSecret {
    fn from(written: WrittenSecret) -> Self {
        match written {
            WrittenSecret::Text(value) => Self {
                value,
                expires: None,
            },
            WrittenSecret::Dated(DatedSecret { value, expires }) => Self { value, expires },
        }
    }
}

impl ClientSecret {
    /// Whether it has ended.
    pub(crate) fn has_expired(&self, now: i64) -> bool {
        let end = self.expires.as_deref().and_then(seconds);
        end.is_some_and(|end| end <= now)
    }
}

/// Unix seconds of a time in RFC 3339.
fn seconds(text: &str) -> Option<i64> {
    OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .map(OffsetDateTime::unix_timestamp)
}

/// A certificate whose key signs an application's assertions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate.
    #[serde(default)]
    pub pem: Option<String>,
    /// A file that holds it.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// SHA-1 or SHA-256 of it, in hex; the certificate comes with each assertion then (`x5c`).
    #[serde(default)]
    pub thumbprint: Option<String>,
    /// Common name of certificates that count if `issuer` signed them; they come with each assertion.
    #[serde(default)]
    pub subject_name: Option<String>,
    /// Certificate of the CA of `subject_name`.
    #[serde(default)]
    pub issuer: Option<String>,
    /// A file that holds it.
    #[serde(default)]
    pub issuer_file: Option<PathBuf>,
}

/// What a certificate of an assertion is compared with.
pub(crate) enum Anchor<'a> {
    /// This certificate, as DER.
    Certificate(CertificateDer<'a>),
    /// One of this SHA-1 or SHA-256.
    Thumbprint(Vec<u8>),
    /// Any of this common name that the CA signed.
    Subject {
        /// Common name.
        name: &'a str,
        /// The CA, as DER.
        issuer: CertificateDer<'a>,
    },
}

impl ClientCertificate {
    /// What it says, once its files have been read.
    pub(crate) fn anchor(&self) -> Result<Anchor<'_>, &'static str> {
        let certificate = |pem: &str| {
            CertificateDer::from_pem_slice(pem.as_bytes())
                .map_err(|_no_pem| "holds no certificate in PEM")
        };
        let Self {
            pem,
            thumbprint,
            subject_name,
            issuer,
            ..
        } = self;
        match (pem, thumbprint, subject_name, issuer) {
            (Some(pem), None, None, None) => certificate(pem).map(Anchor::Certificate),
            (None, Some(hex), None, None) => bytes(hex)
                .filter(|bytes| matches!(bytes.len(), 20 | 32))
                .map(Anchor::Thumbprint)
                .ok_or("a thumbprint is 40 or 64 hex digits"),
            (None, None, Some(name), Some(issuer)) => Ok(Anchor::Subject {
                name,
                issuer: certificate(issuer)?,
            }),
            _ => Err(
                "give pem, file or thumbprint, or subjectName together with issuer or issuerFile",
            ),
        }
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = hex
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| {
        pairs
            .filter_map(|pair| Some(pair.first()? * 16 + pair.last()?))
            .collect()
    })
}

/// SHA-1 and SHA-256 of a certificate, by which clients name it.
pub(crate) fn thumbprints(certificate: &[u8]) -> [Vec<u8>; 2] {
    [&SHA1_FOR_LEGACY_USE_ONLY, &SHA256].map(|kind| digest(kind, certificate).as_ref().to_vec())
}

/// Whose statements count as this application's credential.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// Name.
    pub name: String,
    /// Issuer, exact and case-sensitive; `podward` is the local one.
    pub issuer: String,
    /// Subject, exact and case-sensitive.
    #[serde(default)]
    pub subject: Option<String>,
    /// What the claims must be, in place of the subject.
    #[serde(default)]
    pub claims_matching_expression: Option<ClaimsMatchingExpression>,
    /// Audiences.
    pub audiences: Vec<String>,
    /// A file with the issuer's keys (RFC 7517), for one that cannot be asked.
    #[serde(default)]
    pub jwks: Option<PathBuf>,
    /// A file with the CA that the issuer's server is trusted by, in place of this machine's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// What `jwks` holds.
    #[serde(skip)]
    pub(crate) keys: Option<Value>,
    /// What `ca_file` holds.
    #[serde(skip)]
    pub(crate) ca: Option<String>,
}

/// A flexible federated credential's condition.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimsMatchingExpression {
    /// As `claims['sub'] matches 'repo:shop/*'`.
    pub value: String,
    /// 1.
    pub language_version: u32,
}

impl FederatedCredential {
    fn check(&self) -> Result<(), String> {
        match (&self.subject, &self.claims_matching_expression) {
            (Some(_), None) => Ok(()),
            (None, Some(expression)) if expression.language_version != 1 => {
                Err("languageVersion must be 1".into())
            }
            (None, Some(expression)) => Expression::parse(&expression.value).map(|_| ()),
            _ => Err("give either subject or claimsMatchingExpression".into()),
        }?;
        let is_url = self.issuer.starts_with("https://");
        if self.issuer != "podward" && !is_url && self.jwks.is_none() {
            return Err("an issuer is podward, or an address that begins with https://".into());
        }
        Ok(())
    }
}

impl Application {
    fn check(&self, at: &str) -> Result<(), ConfigError> {
        for (n, secret) in self.client_secrets.iter().enumerate() {
            if secret
                .expires
                .as_deref()
                .is_some_and(|text| seconds(text).is_none())
            {
                let path = format!("{at}.clientSecrets[{n}].expires");
                return Err(ConfigError::new(
                    path,
                    "must be a time as 2026-01-31T12:00:00Z",
                ));
            }
        }
        for (n, certificate) in self.certificates.iter().enumerate() {
            let path = || format!("{at}.certificates[{n}]");
            certificate
                .anchor()
                .map_err(|message| ConfigError::new(path(), message))?;
        }
        for (n, credential) in self.federated_credentials.iter().enumerate() {
            let path = || format!("{at}.federatedCredentials[{n}]");
            credential
                .check()
                .map_err(|message| ConfigError::new(path(), message))?;
        }
        Ok(())
    }

    fn read_files(&mut self, folder: &Path, at: &str) -> Result<(), ConfigError> {
        for (n, certificate) in self.certificates.iter_mut().enumerate() {
            let at = format!("{at}.certificates[{n}]");
            if let Some(file) = &certificate.file {
                certificate.pem = Some(read(folder, file, &format!("{at}.file"))?);
            }
            if let Some(file) = &certificate.issuer_file {
                certificate.issuer = Some(read(folder, file, &format!("{at}.issuerFile"))?);
            }
        }
        for (n, credential) in self.federated_credentials.iter_mut().enumerate() {
            let at = format!("{at}.federatedCredentials[{n}]");
            if let Some(file) = &credential.jwks {
                let path = format!("{at}.jwks");
                let text = read(folder, file, &path)?;
                let keys = serde_json::from_str(&text)
                    .map_err(|e| ConfigError::new(path, format!("is no set of keys: {e}")))?;
                credential.keys = Some(keys);
            }
            if let Some(file) = &credential.ca_file {
                credential.ca = Some(read(folder, file, &format!("{at}.caFile"))?);
            }
        }
        Ok(())
    }
}

fn read(folder: &Path, file: &Path, at: &str) -> Result<String, ConfigError> {
    let whole = std::path::absolute(folder).unwrap_or_else(|_none| folder.to_owned());
    let below = file.strip_prefix(whole).unwrap_or(file).components();
    let mut leaving =
        below.filter(|part| !matches!(part, Component::Normal(_) | Component::CurDir));
    if leaving.next().is_some() {
        let text = "names a file outside of the folder of cloud.yaml: copy it there";
        return Err(ConfigError::new(at, text));
    }
    let path = folder.join(file);
    let failed = |error: &dyn std::fmt::Display| {
        ConfigError::new(at, format!("cannot read {}: {error}", path.display()))
    };
    let size = std::fs::metadata(&path).map_err(|e| failed(&e))?.len();
    if size > MAX_FILE {
        return Err(failed(&"it is larger than a megabyte"));
    }
    std::fs::read_to_string(&path).map_err(|e| failed(&e))
}

impl CloudConfig {
    /// Reads the files that credentials name; relative names are below `folder`.
    ///
    /// # Errors
    /// At the first file that cannot be read.
    pub fn read_files(&mut self, folder: &Path) -> Result<(), ConfigError> {
        self.each_application(|application, at| application.read_files(folder, at))
    }

    /// Checks what the types of credentials cannot say.
    pub(crate) fn check_credentials(&self) -> Result<(), ConfigError> {
        // the walk is one for both: what is checked is a copy
        self.clone()
            .each_application(|application, at| application.check(at))
    }

    fn each_application(
        &mut self,
        mut visit: impl FnMut(&mut Application, &str) -> Result<(), ConfigError>,
    ) -> Result<(), ConfigError> {
        for (t, tenant) in self.tenants.iter_mut().enumerate() {
            let groups = [
                ("applications", &mut tenant.applications),
                ("managedIdentities", &mut tenant.managed_identities),
            ];
            for (group, applications) in groups {
                for (a, application) in applications.iter_mut().enumerate() {
                    visit(application, &format!("tenants[{t}].{group}[{a}]"))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_below_the_folder() {
        let folder = Path::new("/no/such/folder");
        let told = |file: &str| {
            let read = read(folder, Path::new(file), "at");
            read.map_err(|error| error.message).unwrap_err()
        };
        for outside in [
            "/etc/passwd",
            "../key",
            "a/../../key",
            "/no/such/folder/../key",
        ] {
            assert!(
                told(outside).starts_with("names a file outside"),
                "{outside}"
            );
        }
        for below in ["key", "./a/key", "/no/such/folder/key"] {
            assert!(told(below).starts_with("cannot read"), "{below}");
        }
    }
}
