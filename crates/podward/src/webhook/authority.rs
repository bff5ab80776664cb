//! The webhook's own CA: in a Secret that all replicas share, and in the caBundle of the webhook configurations.
//!
//! A new CA is trusted before it signs: it stands in the bundle beside the old one, and signs only when every API
//! server has had time to see that. The old one stays in the bundle until it ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use podward_cloud::{Clock, SystemClock};
use podward_kube::{KubeError, Kubernetes, WebhookKind};
use podward_pki::{Authority, Leaf, PkiError};
use rustls::ServerConfig;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Webhook;
use crate::io::Io;
use crate::report::Report;

/// Secret that holds the CAs.
const SECRET: &str = "podward-webhook-ca";
/// Name of each of them.
const NAME: &str = "podward webhook CA";
/// How often they are looked at: where someone has changed a caBundle no review comes through until then.
const ROUND: Duration = Duration::from_secs(20);
/// How long it is waited after a round that failed, at first; it doubles.
const RETRY: Duration = Duration::from_secs(1);
/// How long a CA is in the bundle before it signs, where there is another, seconds.
const SETTLE: i64 = 300;

/// A round failed; the next one follows.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Kubernetes(#[from] KubeError),
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error("another replica has written the Secret {SECRET} at the same time")]
    Overtaken,
    #[error("the Secret {SECRET} holds no CA that can be used")]
    Empty,
}

/// One CA as the Secret keeps it, in the fields `ca-MADE.key` and `ca-MADE.crt`.
struct Kept {
    /// Unix seconds.
    made: i64,
    key: Zeroizing<Vec<u8>>,
    certificate: Zeroizing<Vec<u8>>,
}

/// The CAs of all replicas, and the certificate of this one.
pub(super) struct Authorities {
    kubernetes: Kubernetes,
    namespace: String,
    configuration: String,
    names: Vec<String>,
    /// Seconds that a CA is good.
    life: i64,
    leaf: Mutex<Option<Signed>>,
}

struct Signed {
    leaf: Arc<Leaf>,
    /// When the CA that signs was made.
    by: i64,
}

fn now() -> i64 {
    SystemClock.now()
}

impl Authorities {
    pub(super) fn new(webhook: &Webhook, kubernetes: Kubernetes) -> Self {
        let Webhook {
            namespace, service, ..
        } = webhook;
        let mut names = vec![
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
        ];
        names.extend(webhook.name.iter().cloned());
        Self {
            kubernetes,
            namespace: namespace.clone(),
            configuration: webhook.configuration.clone(),
            names,
            life: i64::from(webhook.ca_hours) * 3600,
            leaf: Mutex::default(),
        }
    }

    /// The TLS of this replica, once there is a CA.
    pub(super) async fn begin(&self, io: &Io) -> Result<Arc<ServerConfig>, Report> {
        let mut wait = RETRY;
        loop {
            match self.round().await {
                Ok(()) => break,
                Err(error) => {
                    if !matches!(error, RoundError::Overtaken) {
                        io.note(format_args!(
                            "there is no certificate yet, it is tried again: {error}"
                        ));
                    }
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(ROUND);
                }
            }
        }
        let leaf = self
            .signed()
            .as_ref()
            .map(|signed| Arc::clone(&signed.leaf));
        let leaf = leaf.ok_or_else(|| Report::new(RoundError::Empty))?;
        leaf.server_config(&[&rustls::version::TLS13])
            .map_err(Report::new)
    }

    /// Looks after the CAs for as long as it is waited for.
    pub(super) async fn tend(&self, io: &Io) {
        loop {
            tokio::time::sleep(ROUND).await;
            if let Err(error) = self.round().await
                && !matches!(error, RoundError::Overtaken)
            {
                io.note(format_args!(
                    "the webhook's CA could not be looked after: {error}"
                ));
            }
        }
    }

    fn signed(&self) -> std::sync::MutexGuard<'_, Option<Signed>> {
        self.leaf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a CA where one is due, has the API server trust all there are, and has the right one sign.
    async fn round(&self) -> Result<(), RoundError> {
        let now = now();
        let stored = self.kubernetes.stored(&self.namespace, SECRET).await?;
        let mut all = stored
            .as_ref()
            .map(|stored| kept(&stored.data))
            .unwrap_or_default();
        all.retain(|one| one.made + self.life > now);
        if is_due(&all, now, self.life) {
            all.push(self.make(now)?);
            let (namespace, data) = (&self.namespace, fields(&all));
            let written = self
                .kubernetes
                .store(namespace, SECRET, &data, stored.as_ref());
            if !written.await? {
                return Err(RoundError::Overtaken);
            }
        }
        let bundle: String = all
            .iter()
            .map(|one| String::from_utf8_lossy(&one.certificate).into_owned())
            .collect();
        for kind in [WebhookKind::Validating, WebhookKind::Mutating] {
            self.kubernetes
                .trust(kind, &self.configuration, &bundle)
                .await?;
        }
        self.sign_by(signer(&all, now).ok_or(RoundError::Empty)?)?;
        Ok(())
    }

    fn make(&self, now: i64) -> Result<Kept, RoundError> {
        let key = podward_pki::new_key()?;
        let at = |seconds: i64| {
            OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
        };
        // a little earlier, for clocks that are behind
        let good = (at(now - 3600), at(now + self.life));
        let certificate = podward_pki::self_signed(NAME, &key, Some(good))?;
        Ok(Kept {
            made: now,
            key,
            certificate: Zeroizing::new(certificate.into_bytes()),
        })
    }

    fn sign_by(&self, kept: &Kept) -> Result<(), RoundError> {
        let mut signed = self.signed();
        if signed.as_ref().is_some_and(|signed| signed.by == kept.made) {
            return Ok(());
        }
        let authority = Arc::new(Authority::of(NAME, &kept.key, &kept.certificate)?);
        match &mut *signed {
            Some(signed) => {
                signed.leaf.sign_by(authority)?;
                signed.by = kept.made;
            }
            none => {
                let leaf = Leaf::new("podward webhook", &self.names, authority, Arc::new(now))?;
                *none = Some(Signed {
                    leaf: Arc::new(leaf),
                    by: kept.made,
                });
            }
        }
        Ok(())
    }
}

/// Whether another CA is to be made.
fn is_due(all: &[Kept], now: i64, life: i64) -> bool {
    all.last()
        .is_none_or(|newest| newest.made + life * 2 / 3 < now)
}

/// The CA that signs: the newest that has settled, or else the oldest, which has been trusted longest.
fn signer(all: &[Kept], now: i64) -> Option<&Kept> {
    let settled = all.iter().rev().find(|one| one.made + SETTLE <= now);
    settled.or(all.first())
}

/// The CAs of a Secret, from the oldest; what is none is left out.
fn kept(data: &BTreeMap<String, Zeroizing<Vec<u8>>>) -> Vec<Kept> {
    let mut all: Vec<_> = data
        .iter()
        .filter_map(|(field, key)| {
            let made = field.strip_prefix("ca-")?.strip_suffix(".key")?;
            let certificate = data.get(&format!("ca-{made}.crt"))?;
            Authority::of(NAME, key, certificate).ok()?;
            Some(Kept {
                made: made.parse().ok()?,
                key: key.clone(),
                certificate: certificate.clone(),
            })
        })
        .collect();
    all.sort_by_key(|one| one.made);
    all
}

fn fields(all: &[Kept]) -> BTreeMap<String, Zeroizing<Vec<u8>>> {
    let both = all.iter().flat_map(|one| {
        [
            (format!("ca-{}.key", one.made), one.key.clone()),
            (format!("ca-{}.crt", one.made), one.certificate.clone()),
        ]
    });
    both.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_secret_keeps_is_read_back_from_the_oldest() {
        let make = |made| {
            let key = podward_pki::new_key().unwrap();
            let certificate = podward_pki::self_signed(NAME, &key, None).unwrap();
            Kept {
                made,
                key,
                certificate: Zeroizing::new(certificate.into_bytes()),
            }
        };
        let mut data = fields(&[make(1_800_000_000), make(999)]);
        data.insert("ca-5.key".into(), Zeroizing::new(b"no key".to_vec()));
        data.insert(
            "ca-5.crt".into(),
            Zeroizing::new(b"no certificate".to_vec()),
        );
        data.insert("other".into(), Zeroizing::default());
        let made: Vec<_> = kept(&data).iter().map(|one| one.made).collect();
        assert_eq!(made, [999, 1_800_000_000]);
    }

    #[test]
    fn a_new_ca_is_made_in_time_and_signs_when_it_has_settled() {
        let at = |made| Kept {
            made,
            key: Zeroizing::default(),
            certificate: Zeroizing::default(),
        };
        let life = 9000;
        assert!(is_due(&[], 0, life));
        assert!(!is_due(&[at(0)], 6000, life));
        assert!(is_due(&[at(0)], 6001, life));
        assert!(!is_due(&[at(0), at(6001)], 6002, life));
        let signs = |all: &[Kept], now| signer(all, now).map(|one| one.made);
        assert_eq!(signs(&[], 0), None);
        // the first signs at once
        assert_eq!(signs(&[at(10)], 10), Some(10));
        assert_eq!(signs(&[at(0), at(6001)], 6001 + SETTLE - 1), Some(0));
        assert_eq!(signs(&[at(0), at(6001)], 6001 + SETTLE), Some(6001));
    }
}
