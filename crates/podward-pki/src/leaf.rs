//! A server's certificate, which is made anew before it ends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use time::{Duration, OffsetDateTime};

use crate::authority::{Authority, PkiError, failed};

/// How long one is good: clients of some systems take none that is good for much longer.
const GOOD: Duration = Duration::days(90);
/// How long it is used, seconds.
const USED: i64 = 60 * 86_400;
/// It begins to be good a little earlier than it is made, for clocks that are behind.
const EARLIER: Duration = Duration::days(1);

/// The time, unix seconds.
pub type Now = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The certificate of a server.
pub struct Leaf {
    common_name: &'static str,
    names: Vec<String>,
    provider: Arc<CryptoProvider>,
    now: Now,
    current: Mutex<Current>,
}

struct Current {
    authority: Arc<Authority>,
    /// Unix seconds.
    made: i64,
    key: Arc<CertifiedKey>,
}

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaf").field("names", &self.names).finish()
    }
}

impl Leaf {
    /// One for these names, that an authority signs.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(
        common_name: &'static str,
        names: &[String],
        authority: Arc<Authority>,
        now: Now,
    ) -> Result<Self, PkiError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let made = now();
        let key = make(common_name, names, &authority, &provider, made)?;
        Ok(Self {
            common_name,
            names: names.to_vec(),
            provider,
            now,
            current: Mutex::new(Current {
                authority,
                made,
                key,
            }),
        })
    }

    /// TLS by this certificate, for HTTP/1.1, in one of these versions.
    ///
    /// # Errors
    /// When the library has none of them.
    pub fn server_config(
        self: Arc<Self>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<Arc<ServerConfig>, PkiError> {
        server_config(Arc::clone(&self.provider), versions, self)
    }

    /// Has another authority sign it from now on.
    ///
    /// # Errors
    /// When the certificate cannot be made; then the one that is there goes on.
    pub fn sign_by(&self, authority: Arc<Authority>) -> Result<(), PkiError> {
        let now = (self.now)();
        let key = self.make(&authority, now)?;
        *self.lock() = Current {
            authority,
            made: now,
            key,
        };
        Ok(())
    }

    fn make(&self, authority: &Authority, now: i64) -> Result<Arc<CertifiedKey>, PkiError> {
        make(
            self.common_name,
            &self.names,
            authority,
            &self.provider,
            now,
        )
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one to be used now.
    fn current(&self) -> Arc<CertifiedKey> {
        let now = (self.now)();
        let mut current = self.lock();
        // also where the clock was set back: the one that is there would begin in the future
        if !(0..USED).contains(&now.saturating_sub(current.made)) {
            // the old one is better than none
            if let Ok(key) = self.make(&current.authority, now) {
                (current.made, current.key) = (now, key);
            }
        }
        Arc::clone(&current.key)
    }
}

impl ResolvesServerCert for Leaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

pub(crate) fn server_config(
    provider: Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    resolver: Arc<dyn ResolvesServerCert>,
) -> Result<Arc<ServerConfig>, PkiError> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| failed("TLS")(&e))?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn make(
    common_name: &str,
    names: &[String],
    authority: &Authority,
    provider: &CryptoProvider,
    now: i64,
) -> Result<Arc<CertifiedKey>, PkiError> {
    let failed = failed("server certificate");
    let key = KeyPair::generate().map_err(|e| failed(&e))?;
    let mut params = CertificateParams::new(names).map_err(|e| failed(&e))?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::from_unix_timestamp(now).map_err(|e| failed(&e))?;
    params.not_before = now - EARLIER;
    params.not_after = now + GOOD;
    let signed = params.signed_by(&key, &authority.issuer()?);
    let leaf = signed.map_err(|e| failed(&e))?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| failed(&e))?;
    let private = provider.key_provider.load_private_key(private);
    Ok(Arc::new(CertifiedKey::new(
        vec![leaf.der().clone(), authority.der().clone()],
        private.map_err(|e| failed(&e))?,
    )))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::authority::{new_key, self_signed};

    fn authority() -> Arc<Authority> {
        let key = new_key().unwrap();
        let certificate = self_signed("a CA", &key, None).unwrap();
        Arc::new(Authority::of("a CA", &key, certificate.as_bytes()).unwrap())
    }

    #[test]
    fn it_is_made_anew_before_it_ends_and_for_another_authority() {
        let time = Arc::new(AtomicI64::new(1_800_000_000));
        let clock = Arc::clone(&time);
        let leaf = Leaf::new(
            "a server",
            &["login.localhost".into()],
            authority(),
            Arc::new(move || clock.load(Ordering::Relaxed)),
        )
        .unwrap();
        let der = |leaf: &Leaf| leaf.current().cert[0].to_vec();
        let first = der(&leaf);
        time.fetch_add(USED - 1, Ordering::Relaxed);
        assert_eq!(der(&leaf), first);
        time.fetch_add(1, Ordering::Relaxed);
        let second = der(&leaf);
        assert_ne!(second, first);
        assert_eq!(der(&leaf), second);
        let other = authority();
        leaf.sign_by(Arc::clone(&other)).unwrap();
        assert_eq!(&leaf.current().cert[1], other.der());
        let third = der(&leaf);
        time.fetch_sub(USED, Ordering::Relaxed);
        assert_ne!(der(&leaf), third);
        assert_eq!(&leaf.current().cert[1], other.der());
    }
}
