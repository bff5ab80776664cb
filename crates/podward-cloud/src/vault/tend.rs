//! What becomes due in a vault: new versions of keys and certificates, by their policies.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use podward_api::access::{Door, Event, ObjectRef, Outcome};

use super::bundle::Bundle;
use super::certificate::{self, Certificate};
use super::fault::Fault;
use super::issuer::Signs;
use super::key::Key;
use super::objects::{DAY, Kind, Object};
use super::pending;
use super::policy::Policy;
use super::rotation;
use super::shelf::{Attributes, Item, Tags, Version};
use super::step::Step;
use super::store::{Store, new_version};
use super::x509;
use crate::Cloud;

/// An object that is due.
struct Due<B, P> {
    name: String,
    /// The version that was the latest.
    latest: String,
    tags: Option<Tags>,
    body: B,
    policy: P,
}

fn locked(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the latest version has been there for a day: no policy makes more than one a day, whatever it says.
const fn rests(latest: &Attributes, now: i64) -> bool {
    now.saturating_sub(latest.created) >= DAY
}

/// What is the latest of an object that can become due.
fn latest<T>(item: &Item<T>) -> Option<&Version<T>> {
    let latest = item.version(None).filter(|one| one.attributes.enabled);
    latest.filter(|one| item.deleted.is_none() && !one.managed)
}

/// Whether the version is still the latest: making another takes time, in which a client may have made one.
fn is_latest<T>(item: Option<&Item<T>>, id: &str) -> bool {
    let latest = item.and_then(latest);
    latest.is_some_and(|latest| latest.id == id)
}

impl Cloud {
    /// Makes what is due by now: new versions of keys by their rotation policies, and of certificates that are signed here by
    /// their lifetime actions. What fails is told in the access log, and tried again the next time. Making keys takes
    /// time: call it where that holds up nobody.
    pub fn tend(&self) {
        for (vault, store) in &self.holding().vaults {
            for due in self.keys_due(store) {
                let (kind, name) = (Key::KIND, due.name.clone());
                let made = self.rotate(vault, store, due);
                self.tell(vault, kind, &name, "rotate", made);
            }
            for due in self.certificates_due(store) {
                let (kind, name) = (Certificate::KIND, due.name.clone());
                let made = self.renew(vault, store, &due);
                self.tell(vault, kind, &name, "renew", made);
            }
        }
    }

    fn keys_due(&self, store: &Mutex<Store>) -> Vec<Due<Key, Option<i64>>> {
        let now = self.clock.now();
        let store = locked(store);
        let due = store.keys.all().filter_map(|item| {
            let (latest, policy) = (latest(item)?, item.policy.as_ref()?);
            let due =
                rests(&latest.attributes, now) && rotation::is_due(policy, &latest.attributes, now);
            due.then(|| Due {
                name: item.name.clone(),
                latest: latest.id.clone(),
                tags: latest.tags.clone(),
                body: latest.body.clone(),
                policy: rotation::end_of(policy, now),
            })
        });
        due.collect()
    }

    fn certificates_due(&self, store: &Mutex<Store>) -> Vec<Due<Option<Key>, Policy>> {
        let now = self.clock.now();
        let store = locked(store);
        let due = store.certificates.all().filter_map(|item| {
            let latest = latest(item)?;
            let policy: Policy = serde_json::from_value(item.policy.clone()?).ok()?;
            let policy = policy.checked().ok()?;
            let signs = store.issuers.signs(policy.issuer())?;
            let due = matches!(signs, Signs::Itself | Signs::Ca)
                && rests(&latest.attributes, now)
                && policy.is_due(&latest.attributes, now);
            due.then(|| Due {
                name: item.name.clone(),
                latest: latest.id.clone(),
                tags: latest.tags.clone(),
                body: store
                    .keys
                    .live(&item.name)
                    .and_then(|key| key.version(None))
                    .map(|key| key.body.clone())
                    .filter(|_| policy.reuses_key()),
                policy,
            })
        });
        due.collect()
    }

    fn rotate(
        &self,
        vault: &str,
        store: &Mutex<Store>,
        due: Due<Key, Option<i64>>,
    ) -> Result<(), Fault> {
        let made = due.body.material().map(|material| material.another());
        let made = made.ok_or_else(|| Fault::unavailable("the key was never made"))??;
        let id = new_version().map_err(Fault::unavailable)?;
        let mut store = locked(store);
        if !is_latest(store.keys.live(&due.name), &due.latest) {
            return Ok(());
        }
        self.record(vault, Key::KIND, (&due.name, &id), "rotate")?;
        let version = Version {
            id,
            attributes: Attributes {
                exp: due.policy,
                ..Attributes::new(self.clock.now())
            },
            tags: due.tags,
            managed: false,
            body: Key::of(Arc::new(made)).that_may(due.body.operations),
        };
        store.commit(vec![Step::put(&due.name, version)])
    }

    fn renew(
        &self,
        vault: &str,
        store: &Mutex<Store>,
        due: &Due<Option<Key>, Policy>,
    ) -> Result<(), Fault> {
        let now = self.clock.now();
        let reused = due.body.as_ref().and_then(|key| key.material().cloned());
        let key = reused.map_or_else(|| due.policy.key().map(Arc::new), Ok)?;
        let signs = locked(store).issuers.signs(due.policy.issuer());
        let signs = signs.ok_or_else(|| pending::no_issuer(due.policy.issuer()))?;
        let bundle = Bundle::made(self, &due.policy, signs, &key, now)?;
        let bundle = bundle.ok_or_else(|| Fault::unavailable("nobody here signs for it"))?;
        let mut attributes = Attributes::new(now);
        if let Some(read) = x509::read(&bundle.leaf) {
            (attributes.nbf, attributes.exp) = (Some(read.not_before), Some(read.not_after));
        }
        let id = new_version().map_err(Fault::unavailable)?;
        let tags = due.tags.as_ref();
        let steps = certificate::made(&due.name, &id, &bundle, &due.policy, &attributes, tags)?;
        let mut store = locked(store);
        if !is_latest(store.certificates.live(&due.name), &due.latest) {
            return Ok(());
        }
        self.record(vault, Certificate::KIND, (&due.name, &id), "renew")?;
        store.commit(steps)
    }

    fn record(
        &self,
        vault: &str,
        kind: Kind,
        (name, version): (&str, &str),
        what: &str,
    ) -> Result<(), Fault> {
        let event = Event {
            outcome: Outcome::Granted,
            reason: format!("the policy of the {} makes it due", kind.one),
            object: Some(ObjectRef {
                vault: vault.into(),
                kind: kind.one.into(),
                name: name.into(),
                version: version.into(),
            }),
            ..own(kind, name, what)
        };
        let recorded = self.recorder.record(event);
        recorded.map_err(|e| Fault::unavailable(e.to_string()))
    }

    fn tell(&self, vault: &str, kind: Kind, name: &str, what: &str, made: Result<(), Fault>) {
        if let Err(fault) = made {
            let event = Event {
                reason: format!("vault {vault}: {}", fault.message),
                ..own(kind, name, what)
            };
            // what is not even told is tried again all the same
            let _ = self.recorder.record(event);
        }
    }
}

/// An event of the cloud itself.
fn own(kind: Kind, name: &str, what: &str) -> Event {
    Event {
        door: Door::Vault,
        asked: format!("{what} {}/{name}", kind.one),
        rule: format!("policy of the {}", kind.one),
        request_id: crate::ids::new_id().to_string(),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use podward_api::access::{RecordError, Recorder};
    use serde_json::json;

    use super::*;
    use crate::{At, Clock, Keys, LocalIssuer, Signer};

    struct Counted(AtomicI64);

    impl Recorder for Counted {
        fn record(&self, event: Event) -> Result<(), RecordError> {
            assert_eq!(event.outcome, Outcome::Granted);
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[test]
    fn keys_and_certificates_are_made_anew_when_they_are_due() {
        let config = serde_json::from_value(json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": "7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11", "name": "t"}],
            "vaults": [{
                "name": "dev", "tenant": "t",
                "keys": [{"name": "turns", "type": "EC"}, {"name": "stays", "type": "EC"}],
                "certificates": [{"name": "web", "subject": "CN=web"}],
            }],
        }))
        .unwrap();
        let clock = Arc::new(At(AtomicI64::new(1_800_000_000)));
        let counted = Arc::new(Counted(AtomicI64::new(0)));
        let cloud = Cloud::new(
            config,
            LocalIssuer::of(Arc::new(Signer::load(None, "x").unwrap())),
            Keys::load(None).unwrap(),
            Arc::clone(&counted) as Arc<dyn Recorder>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            None,
        )
        .unwrap();
        let holding = cloud.holding();
        let store = &holding.vaults["dev"];
        let policy = json!({
            "lifetimeActions": [{"trigger": {"timeAfterCreate": "P30D"}, "action": {"type": "Rotate"}}],
            "attributes": {"expiryTime": "P90D"},
        });
        let set = Step::Policy(Key::KIND, "turns".into(), policy);
        locked(store).commit(vec![set]).unwrap();
        let versions = || {
            let store = locked(store);
            let of_keys =
                ["turns", "stays", "web"].map(|name| store.keys.live(name).unwrap().versions.len());
            let web = store.certificates.live("web").unwrap();
            (
                of_keys,
                web.versions.len(),
                store.secrets.live("web").unwrap().versions.len(),
            )
        };
        let wait = |days: i64| {
            clock.0.fetch_add(days * DAY, Ordering::Relaxed);
            cloud.tend();
            cloud.tend();
        };
        wait(29);
        assert_eq!(versions(), ([1, 1, 1], 1, 1));
        wait(1);
        assert_eq!(versions(), ([2, 1, 1], 1, 1));
        let end = {
            let store = locked(store);
            let turned = store.keys.live("turns").unwrap().version(None).unwrap();
            turned.attributes.exp
        };
        assert_eq!(end, Some(clock.now() + 90 * DAY));
        // 80 percent of a year
        wait(263);
        assert_eq!(versions(), ([3, 1, 2], 2, 2));
        assert_eq!(counted.0.load(Ordering::Relaxed), 3);
    }
}
