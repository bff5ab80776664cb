//! How much a vault answers in a time, and what it says beyond that.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Limits of a vault, in transactions for each window of time; what is absent has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Making keys.
    pub key_creates: Option<u64>,
    /// Everything else with keys: RSA keys of 3072 bits count four times, of 4096 bits eight times.
    pub keys: Option<u64>,
    /// Setting secrets, importing keys and certificates.
    pub creates: Option<u64>,
    /// All other requests.
    pub others: Option<u64>,
    /// Length of the window.
    pub seconds: i64,
}

impl Throttle {
    /// What the service publishes for keys that software protects.
    pub const PUBLISHED: Self = Self {
        key_creates: Some(20),
        keys: Some(4_000),
        creates: Some(300),
        others: Some(4_000),
        seconds: 10,
    };
}

impl<'de> Deserialize<'de> for Throttle {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        struct Own {
            key_creates: Option<u64>,
            keys: Option<u64>,
            creates: Option<u64>,
            others: Option<u64>,
            seconds: Option<u32>,
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Throttle;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`published`, or keyCreates, keys, creates, others and seconds")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Throttle, E> {
                match text {
                    "published" => Ok(Throttle::PUBLISHED),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Throttle, A::Error> {
                let own = Own::deserialize(MapAccessDeserializer::new(map))?;
                let seconds = i64::from(own.seconds.unwrap_or(10));
                if !(1..=3_600).contains(&seconds) {
                    return Err(A::Error::custom("seconds must be from 1 to 3600"));
                }
                Ok(Throttle {
                    key_creates: own.key_creates,
                    keys: own.keys,
                    creates: own.creates,
                    others: own.others,
                    seconds,
                })
            }
        }
        from.deserialize_any(Either)
    }
}

/// What a request counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transaction {
    KeyCreate,
    /// With a key of so many bits, of an RSA key.
    Key(Option<u32>),
    Create,
    Other,
}

impl Transaction {
    /// What a request is, by method and path; `bits` tells those of a key.
    pub(crate) fn of(
        method: &str,
        path: &[&str],
        bits: impl FnOnce(&str, Option<&str>) -> Option<u32>,
    ) -> Self {
        match (method, path) {
            ("POST", ["keys", _, "create"]) => Self::KeyCreate,
            ("PUT", ["secrets" | "keys", _]) | ("POST", ["certificates", _, "import"]) => {
                Self::Create
            }
            (_, ["keys", name, version, ..]) if version.len() == 32 => {
                Self::Key(bits(name, Some(version)))
            }
            (_, ["keys", name, ..]) => Self::Key(bits(name, None)),
            (_, ["keys" | "deletedkeys", ..]) => Self::Key(None),
            _ => Self::Other,
        }
    }
}

/// What was answered in the windows that run.
#[derive(Debug, Default)]
pub(crate) struct Windows([Window; 4]);

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    started: i64,
    used: u64,
}

impl Windows {
    /// Counts a request; one that is too many is not counted, and may come again after so many seconds.
    pub(crate) fn admit(
        &mut self,
        limits: &Throttle,
        what: Transaction,
        now: i64,
    ) -> Result<(), i64> {
        let [creates_of_keys, keys, creates, others] = &mut self.0;
        let (window, limit, weight) = match what {
            Transaction::KeyCreate => (creates_of_keys, limits.key_creates, 1),
            Transaction::Key(Some(4096)) => (keys, limits.keys, 8),
            Transaction::Key(Some(3072)) => (keys, limits.keys, 4),
            Transaction::Key(_) => (keys, limits.keys, 1),
            Transaction::Create => (creates, limits.creates, 1),
            Transaction::Other => (others, limits.others, 1),
        };
        let Some(limit) = limit else { return Ok(()) };
        let age = now.saturating_sub(window.started);
        if !(0..limits.seconds).contains(&age) {
            *window = Window {
                started: now,
                used: 0,
            };
        }
        // the first one of a window is always answered: a limit below its weight would never let it through
        if window.used > 0 && window.used.saturating_add(weight) > limit || limit == 0 {
            let end = window.started.saturating_add(limits.seconds);
            return Err(end.saturating_sub(now).max(1));
        }
        window.used = window.used.saturating_add(weight);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_window_is_full_until_it_ends() {
        let mut windows = Windows::default();
        let mut ask = |what, now| windows.admit(&Throttle::PUBLISHED, what, now);
        for _ in 0..20 {
            assert_eq!(ask(Transaction::KeyCreate, 100), Ok(()));
        }
        assert_eq!(ask(Transaction::KeyCreate, 103), Err(7));
        assert_eq!(ask(Transaction::Other, 103), Ok(()), "each has its own");
        assert_eq!(ask(Transaction::KeyCreate, 110), Ok(()));
        for _ in 0..500 {
            assert_eq!(ask(Transaction::Key(Some(4096)), 200), Ok(()));
        }
        assert_eq!(ask(Transaction::Key(None), 200), Err(10));
        // a clock that was set back does not lock out for long
        assert_eq!(ask(Transaction::Key(None), 50), Ok(()));
    }

    #[test]
    fn what_a_request_counts_as() {
        let of = |method: &str, path: &str| {
            let path: Vec<&str> = path.split('/').collect();
            Transaction::of(method, &path, |_, version| {
                version.map_or(Some(3072), |_| Some(4096))
            })
        };
        let version = "0123456789abcdef0123456789abcdef";
        assert_eq!(of("POST", "keys/a/create"), Transaction::KeyCreate);
        assert_eq!(of("PUT", "keys/a"), Transaction::Create);
        assert_eq!(of("PUT", "secrets/a"), Transaction::Create);
        assert_eq!(of("GET", "secrets/a"), Transaction::Other);
        assert_eq!(of("POST", "keys/a/sign"), Transaction::Key(Some(3072)));
        let path = format!("keys/a/{version}/sign");
        assert_eq!(of("POST", &path), Transaction::Key(Some(4096)));
        assert_eq!(of("GET", "keys"), Transaction::Key(None));
        assert_eq!(of("POST", "certificates/a/import"), Transaction::Create);
    }

    #[test]
    fn limits_are_a_word_or_numbers() {
        let read = |value| serde_json::from_value::<Throttle>(value);
        assert_eq!(read(json!("published")).unwrap(), Throttle::PUBLISHED);
        let own = read(json!({"others": 5})).unwrap();
        assert_eq!((own.others, own.keys, own.seconds), (Some(5), None, 10));
        for wrong in [
            json!("some"),
            json!({"other": 5}),
            json!({"seconds": 0}),
            json!(5),
            json!({"keys": -1}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
