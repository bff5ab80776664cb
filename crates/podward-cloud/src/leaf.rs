//! The server's certificate, which is made anew before it ends.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use time::{Duration, OffsetDateTime};

use crate::Clock;
use crate::keys::{CA_NAME, KeysError, ca_params, crypto};

/// How long one is good: clients of some systems take none that is good for much longer.
const GOOD: Duration = Duration::days(90);
/// How long it is used, seconds.
const USED: i64 = 60 * 86_400;
/// It begins to be good a little earlier than it is made, for clocks that are behind.
const EARLIER: Duration = Duration::days(1);

/// The certificate of a server.
pub(crate) struct Leaf {
    names: Vec<String>,
    ca_key: Arc<KeyPair>,
    ca: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
    clock: Arc<dyn Clock>,
    current: Mutex<Current>,
}

struct Current {
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
    /// One for these names.
    pub(crate) fn new(
        names: &[String],
        ca_key: Arc<KeyPair>,
        ca: CertificateDer<'static>,
        provider: Arc<CryptoProvider>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, KeysError> {
        let made = clock.now();
        let key = make(names, &ca_key, &ca, &provider, made)?;
        Ok(Self {
            names: names.to_vec(),
            ca_key,
            ca,
            provider,
            clock,
            current: Mutex::new(Current { made, key }),
        })
    }

    /// The one to be used now.
    fn current(&self) -> Arc<CertifiedKey> {
        let now = self.clock.now();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // also where the clock was set back: the one that is there would begin in the future
        if !(0..USED).contains(&now.saturating_sub(current.made)) {
            let made = make(&self.names, &self.ca_key, &self.ca, &self.provider, now);
            // the old one is better than none
            if let Ok(key) = made {
                *current = Current { made: now, key };
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

fn make(
    names: &[String],
    ca_key: &KeyPair,
    ca: &CertificateDer<'static>,
    provider: &CryptoProvider,
    now: i64,
) -> Result<Arc<CertifiedKey>, KeysError> {
    let failed = crypto("server certificate");
    let issuer_params = ca_params(CA_NAME)?;
    let issuer = Issuer::from_params(&issuer_params, ca_key);
    let key = KeyPair::generate().map_err(|e| failed(&e))?;
    let mut params = CertificateParams::new(names).map_err(|e| failed(&e))?;
    params
        .distinguished_name
        .push(DnType::CommonName, "podward local cloud");
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = OffsetDateTime::from_unix_timestamp(now).map_err(|e| failed(&e))?;
    params.not_before = now - EARLIER;
    params.not_after = now + GOOD;
    let leaf = params.signed_by(&key, &issuer).map_err(|e| failed(&e))?;
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(|e| failed(&e))?;
    let private = provider.key_provider.load_private_key(private);
    Ok(Arc::new(CertifiedKey::new(
        vec![leaf.der().clone(), ca.clone()],
        private.map_err(|e| failed(&e))?,
    )))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::At;

    #[test]
    fn it_is_made_anew_before_it_ends() {
        let ca_key = Arc::new(KeyPair::generate().unwrap());
        let ca = ca_params(CA_NAME).unwrap().self_signed(&*ca_key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let clock = Arc::new(At(AtomicI64::new(1_800_000_000)));
        let leaf = Leaf::new(
            &["login.localhost".into()],
            ca_key,
            ca.der().clone(),
            provider,
            Arc::clone(&clock) as Arc<dyn Clock>,
        )
        .unwrap();
        let der = |leaf: &Leaf| leaf.current().cert[0].to_vec();
        let first = der(&leaf);
        clock.0.fetch_add(USED - 1, Ordering::Relaxed);
        assert_eq!(der(&leaf), first);
        clock.0.fetch_add(1, Ordering::Relaxed);
        let second = der(&leaf);
        assert_ne!(second, first);
        assert_eq!(der(&leaf), second);
        clock.0.fetch_sub(USED, Ordering::Relaxed);
        assert_ne!(der(&leaf), second);
    }
}
