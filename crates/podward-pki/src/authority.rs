//! A certificate authority: its key and its certificate.

use podward_api::pem;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use zeroize::Zeroizing;

/// A key or a certificate cannot be made or read.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct PkiError {
    what: &'static str,
    reason: String,
}

pub(crate) fn failed(what: &'static str) -> impl Fn(&dyn std::fmt::Display) -> PkiError {
    move |reason| PkiError {
        what,
        reason: reason.to_string(),
    }
}

/// A CA of this name, which signs certificates that sign no others.
fn params(name: &str) -> Result<CertificateParams, PkiError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|e| failed("CA")(&e))?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn key(text: &[u8]) -> Result<KeyPair, PkiError> {
    let failed = failed("CA key");
    let der = PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|e| failed(&e))?;
    KeyPair::try_from(der.secret_pkcs8_der()).map_err(|e| failed(&e))
}

/// A new key (P-256), as PEM.
///
/// # Errors
/// When the machine gives no random numbers.
pub fn new_key() -> Result<Zeroizing<Vec<u8>>, PkiError> {
    let key = KeyPair::generate().map_err(|e| failed("CA key")(&e))?;
    let text = pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()));
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

/// The certificate of a CA, as PEM: good from one time to another, or for longer than anyone asks.
///
/// # Errors
/// When the key cannot be read.
pub fn self_signed(
    name: &str,
    key_pem: &[u8],
    good: Option<(OffsetDateTime, OffsetDateTime)>,
) -> Result<String, PkiError> {
    let mut params = params(name)?;
    if let Some((from, to)) = good {
        (params.not_before, params.not_after) = (from, to);
    }
    let made = params.self_signed(&key(key_pem)?);
    let made = made.map_err(|e| failed("CA")(&e))?;
    Ok(pem("CERTIFICATE", made.der()).as_str().to_owned())
}

/// A certificate authority.
pub struct Authority {
    name: String,
    key: KeyPair,
    pem: String,
    der: CertificateDer<'static>,
}

impl Authority {
    /// That of this name, of its key and its certificate as PEM.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn of(name: &str, key_pem: &[u8], certificate_pem: &[u8]) -> Result<Self, PkiError> {
        let der = CertificateDer::from_pem_slice(certificate_pem);
        Ok(Self {
            name: name.to_owned(),
            key: key(key_pem)?,
            pem: String::from_utf8_lossy(certificate_pem).into_owned(),
            der: der.map_err(|e| failed("CA")(&e))?,
        })
    }

    /// Its certificate, as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate.
    #[must_use]
    pub const fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// What signs.
    ///
    /// # Errors
    /// When its name cannot be written.
    pub fn issuer(&self) -> Result<Issuer<'static, &KeyPair>, PkiError> {
        Ok(Issuer::new(params(&self.name)?, &self.key))
    }
}
