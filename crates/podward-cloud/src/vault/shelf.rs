//! Objects of one kind: their versions, and those that were deleted and may come back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// State and times of a version, in unix seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) exp: Option<i64>,
    pub(super) created: i64,
    pub(super) updated: i64,
}

impl Attributes {
    /// Those of a version made now.
    pub(super) fn new(now: i64) -> Self {
        Self {
            enabled: true,
            created: now,
            updated: now,
            ..Self::default()
        }
    }
}

/// Labels of a version.
pub(super) type Tags = BTreeMap<String, String>;

/// One version of an object.
#[derive(Clone)]
pub(super) struct Version<T> {
    /// 32 hex digits.
    pub(super) id: String,
    pub(super) attributes: Attributes,
    pub(super) tags: Option<Tags>,
    /// Whether it is the key or the secret of a certificate.
    pub(super) managed: bool,
    pub(super) body: T,
}

/// An object. Versions are in the order of their making; the last is the latest.
pub(super) struct Item<T> {
    /// As it was first written.
    pub(super) name: String,
    pub(super) versions: Vec<Version<T>>,
    /// When it was deleted.
    pub(super) deleted: Option<i64>,
    /// What belongs to the object and not to a version: policies.
    pub(super) policy: Option<Value>,
}

impl<T> Item<T> {
    /// A version, or the latest.
    pub(super) fn version(&self, id: Option<&str>) -> Option<&Version<T>> {
        match id {
            Some(id) => self
                .versions
                .iter()
                .find(|one| one.id.eq_ignore_ascii_case(id)),
            None => self.versions.last(),
        }
    }

    /// Whether it belongs to a certificate.
    pub(super) fn managed(&self) -> bool {
        self.versions.last().is_some_and(|latest| latest.managed)
    }
}

/// Objects by name in lower case: names count without regard to case.
pub(super) struct Shelf<T>(BTreeMap<String, Item<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> Shelf<T> {
    /// An object, deleted or not.
    pub(super) fn get(&self, name: &str) -> Option<&Item<T>> {
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return self.0.get(&name.to_ascii_lowercase());
        }
        self.0.get(name)
    }

    /// An object that was not deleted.
    pub(super) fn live(&self, name: &str) -> Option<&Item<T>> {
        self.get(name).filter(|item| item.deleted.is_none())
    }

    /// An object that was deleted.
    pub(super) fn deleted(&self, name: &str) -> Option<&Item<T>> {
        self.get(name).filter(|item| item.deleted.is_some())
    }

    /// Objects in the order of their names, those after `after`, deleted ones or the others.
    pub(super) fn after(
        &self,
        after: &str,
        deleted: bool,
    ) -> impl Iterator<Item = (&str, &Item<T>)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let rest = self.0.range::<str, _>((Excluded(after), Unbounded));
        rest.map(|(name, item)| (name.as_str(), item))
            .filter(move |(_, item)| item.deleted.is_some() == deleted)
    }

    /// Puts a version in the place of the one with its id, or behind all others: the latest from now on.
    pub(super) fn put(&mut self, name: &str, version: Version<T>) {
        let item = self
            .0
            .entry(name.to_ascii_lowercase())
            .or_insert_with(|| Item {
                name: name.to_owned(),
                versions: Vec::new(),
                deleted: None,
                policy: None,
            });
        match item.versions.iter_mut().find(|one| one.id == version.id) {
            Some(one) => *one = version,
            None => item.versions.push(version),
        }
    }

    /// Takes an object away for good.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(&name.to_ascii_lowercase());
    }

    /// Gives an object its policy.
    pub(super) fn set_policy(&mut self, name: &str, policy: Value) {
        if let Some(item) = self.0.get_mut(&name.to_ascii_lowercase()) {
            item.policy = Some(policy);
        }
    }

    /// Deletes an object, or brings it back.
    pub(super) fn mark(&mut self, name: &str, deleted: Option<i64>) {
        if let Some(item) = self.0.get_mut(&name.to_ascii_lowercase()) {
            item.deleted = deleted;
        }
    }

    /// Names of what was deleted at this time or earlier.
    pub(super) fn deleted_until(&self, until: i64) -> Vec<String> {
        let old = self
            .0
            .iter()
            .filter(|(_, item)| item.deleted.is_some_and(|at| at <= until));
        old.map(|(name, _)| name.clone()).collect()
    }

    /// All objects, in the order of their names.
    pub(super) fn all(&self) -> impl Iterator<Item = &Item<T>> {
        self.0.values()
    }
}
