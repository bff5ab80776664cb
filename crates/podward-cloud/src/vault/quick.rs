//! Which work with keys is done at once: handing it to another thread would take a fifth as long as the work.

use axum::http::Method;
use axum::http::request::Parts;

use super::operation;
use super::path::segments;
use super::store::Store;
use crate::Cloud;
use crate::names::{Place, Service};

/// Largest RSA key with which work is quick, bits: a signature takes less than a millisecond.
const MOST_BITS: u32 = 2048;

/// Whether a request reads or uses a key that is there, and takes less than a millisecond.
pub(crate) fn is_quick(cloud: &Cloud, place: &Place, parts: &Parts) -> bool {
    let Service::Vault(vault) = &place.service else {
        return false;
    };
    let holding = cloud.holding();
    // whoever holds a vault for long writes
    let store = holding.vaults.get(vault).map(|store| store.try_lock());
    match (store, key_of(&parts.method, parts.uri.path())) {
        (Some(Ok(store)), Some((name, version))) => is_at_hand(&store, name, version),
        _ => false,
    }
}

/// Name and version of the key that is read or used.
fn key_of<'a>(method: &Method, path: &'a str) -> Option<(&'a str, Option<&'a str>)> {
    match (method, segments(method, path).as_slice()) {
        (&Method::GET, ["keys", name]) => Some((name, None)),
        (&Method::GET, ["keys", name, version]) => Some((name, Some(version))),
        (&Method::POST, ["keys", name, asked]) if operation::is_one(asked) => Some((name, None)),
        (&Method::POST, ["keys", name, version, asked]) if operation::is_one(asked) => {
            Some((name, Some(version)))
        }
        _ => None,
    }
}

fn is_at_hand(store: &Store, name: &str, version: Option<&str>) -> bool {
    let Some(item) = store.keys.live(name) else {
        return false;
    };
    let key = item.version(version).and_then(|one| one.body.at_hand());
    // a request waits for every version that is being made
    item.versions.iter().all(|one| one.body.is_there())
        && key.is_some_and(|key| key.bits().is_none_or(|bits| bits <= MOST_BITS))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::key::{Key, Plan};
    use super::super::material::{Curve, Material};
    use super::super::step::Step;
    use super::super::store::version;
    use super::*;

    #[test]
    fn what_takes_long_or_waits_is_not_quick() {
        let mut store = Store::default();
        let made = |material: Material| Key::of(Arc::new(material));
        let plan = || {
            Key::planned(Plan {
                bits: 2048,
                file: None,
            })
        };
        let keys = [
            ("curve", "1", made(Material::ec(Curve::P521).unwrap())),
            ("rsa", "1", made(Material::rsa(2048).unwrap())),
            ("large", "1", made(Material::rsa(3072).unwrap())),
            ("turns", "1", made(Material::ec(Curve::P256).unwrap())),
            ("turns", "2", plan()),
        ];
        for (name, id, key) in keys {
            let step = Step::put(name, version(id, 0, key));
            store.commit(vec![step]).unwrap();
        }
        for (name, of, quick) in [
            ("curve", None, true),
            ("rsa", None, true),
            ("RSA", Some("1"), true),
            ("rsa", Some("2"), false),
            ("large", None, false),
            ("turns", Some("1"), false),
            ("none", None, false),
        ] {
            assert_eq!(is_at_hand(&store, name, of), quick, "{name} {of:?}");
        }
    }

    #[test]
    fn only_reading_and_using_a_key_is_quick() {
        let (get, post) = (Method::GET, Method::POST);
        assert_eq!(key_of(&get, "/keys/k"), Some(("k", None)));
        assert_eq!(key_of(&get, "/keys/k/1"), Some(("k", Some("1"))));
        assert_eq!(key_of(&post, "/keys/k//sign"), Some(("k", None)));
        assert_eq!(key_of(&post, "/keys/k/1/unwrapKey"), Some(("k", Some("1"))));
        for path in [
            "/keys/k/create",
            "/keys/k/rotate",
            "/keys/k",
            "/secrets/k/sign",
        ] {
            assert_eq!(key_of(&post, path), None, "{path}");
        }
        assert_eq!(key_of(&Method::PUT, "/keys/k"), None);
        assert_eq!(key_of(&get, "/keys"), None);
    }
}
