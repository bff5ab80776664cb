//! The CA of the vaults, whose certificates their issuers of the provider `podward-ca` sign. It is not the one that
//! clients of the cloud trust: who may make certificates in a vault must not be able to play the cloud.

use std::path::Path;

use podward_api::pem;
use rcgen::{Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::keys::{KeysError, ca_params, crypto, kept};

/// Name of the CA.
const NAME: &str = "podward vault CA";

/// Key and certificate.
pub(crate) struct VaultCa {
    key: KeyPair,
    der: CertificateDer<'static>,
}

impl VaultCa {
    /// Loads it from a folder, or makes it; without a folder it lives in memory alone.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, KeysError> {
        let failed = crypto("CA of the vaults");
        let text = kept(folder, "vault-ca.key", || {
            let key = KeyPair::generate().map_err(|e| failed(&e))?;
            let text = pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()));
            Ok(Zeroizing::new(text.as_bytes().to_vec()))
        })?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|e| failed(&e))?;
        let key = KeyPair::try_from(key.secret_pkcs8_der()).map_err(|e| failed(&e))?;
        let text = kept(folder, "vault-ca.pem", || {
            let made = ca_params(NAME)?.self_signed(&key);
            let text = pem("CERTIFICATE", made.map_err(|e| failed(&e))?.der());
            Ok(Zeroizing::new(text.as_bytes().to_vec()))
        })?;
        let der = CertificateDer::from_pem_slice(&text).map_err(|e| failed(&e))?;
        Ok(Self { key, der })
    }

    /// Its certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// What signs.
    pub(crate) fn issuer(&self) -> Result<Issuer<'static, &KeyPair>, KeysError> {
        Ok(Issuer::new(ca_params(NAME)?, &self.key))
    }
}
