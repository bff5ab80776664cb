//! A server's certificate that others make, and make anew.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::authority::{PkiError, failed};
use crate::leaf;

/// A certificate that was given, with its key. Another may take its place while it is served.
pub struct Given {
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given").finish_non_exhaustive()
    }
}

impl Given {
    /// That of a chain of certificates, the server's first, and its key, both as PEM.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let current = RwLock::new(read(chain, key, &provider)?);
        Ok(Self { provider, current })
    }

    /// Serves another from now on.
    ///
    /// # Errors
    /// As for `new`; then the one that is there goes on.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), PkiError> {
        let other = read(chain, key, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = other;
        Ok(())
    }

    /// TLS by this certificate, for HTTP/1.1, in one of these versions.
    ///
    /// # Errors
    /// When the library has none of them.
    pub fn server_config(
        self: Arc<Self>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Arc<ServerConfig>, PkiError> {
        leaf::server_config(Arc::clone(&self.provider), versions, self)
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Given {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

fn read(
    chain: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, PkiError> {
    let failed_chain = failed("server certificate");
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|e| failed_chain(&e))?;
    if chain.is_empty() {
        return Err(failed_chain(&"there is none"));
    }
    let failed = failed("server key");
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| failed(&e))?;
    let key = provider.key_provider.load_private_key(key);
    let both = CertifiedKey::new(chain, key.map_err(|e| failed(&e))?);
    both.keys_match().map_err(|e| failed(&e))?;
    Ok(Arc::new(both))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{new_key, self_signed};

    #[test]
    fn another_takes_its_place_if_it_is_whole() {
        let make = || {
            let key = new_key().unwrap();
            let chain = self_signed("a server", &key, None).unwrap().into_bytes();
            (chain, key)
        };
        let ((first, first_key), (second, second_key)) = (make(), make());
        let given = Given::new(&first, &first_key).unwrap();
        let served = || given.current().cert[0].clone();
        let before = served();
        for (chain, key, why) in [
            (&second[..], &first_key[..], "server key: "),
            (b"", &first_key, "server certificate: there is none"),
            (&second[..40], &second_key, "server certificate: "),
            (&second, b"no key", "server key: "),
        ] {
            let fault = given.replace(chain, key).unwrap_err().to_string();
            assert!(fault.starts_with(why), "{fault}");
            assert_eq!(served(), before);
        }
        given.replace(&second, &second_key).unwrap();
        assert_ne!(served(), before);
    }
}
