//! What a change does, step by step: written first where the vault is kept, then made in memory.

use serde_json::Value;

use super::DataError;
use super::certificate::Certificate;
use super::data::Place;
use super::fault::Fault;
use super::issuer::Issuers;
use super::key::Key;
use super::objects::{Kind, Object};
use super::pending::Pending;
use super::secret::Secret;
use super::shelf::{Shelf, Version};
use super::store::Store;

/// One step of a change.
pub(super) enum Step {
    /// A version, new or in the place of the one with its id, of the object of this name.
    Put(String, Any),
    /// The policy of an object that is there.
    Policy(Kind, String, Value),
    /// Deletes an object at a time, or brings it back.
    Mark(Kind, String, Option<i64>),
    /// Forgets an object with all its versions.
    Purge(Kind, String),
    /// The request for a certificate, or that there is none.
    Pending(String, Option<Box<Pending>>),
    /// All issuers and contacts.
    Issuers(Issuers),
    /// What cloud.yaml said of an object when it was last applied, or that it says nothing any more.
    Applied(Kind, String, Option<Vec<u8>>),
}

/// A change as a whole.
pub(crate) struct Change(pub(super) Vec<Step>);

/// A version of any kind of object.
pub(super) enum Any {
    Secret(Version<Secret>),
    Key(Version<Key>),
    Certificate(Version<Certificate>),
}

impl Any {
    /// Kind of the object.
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Secret(_) => Secret::KIND,
            Self::Key(_) => Key::KIND,
            Self::Certificate(_) => Certificate::KIND,
        }
    }
}

impl Step {
    /// A version of an object.
    pub(super) fn put<T: Object>(name: &str, version: Version<T>) -> Self {
        Self::Put(name.to_owned(), T::any(version))
    }
}

/// Kinds that go along: a certificate takes its key and its secret with it.
pub(super) const fn along(kind: Kind) -> &'static [Kind] {
    match kind.one.as_bytes() {
        b"certificate" => &[Certificate::KIND, Key::KIND, Secret::KIND],
        b"key" => &[Key::KIND],
        _ => &[Secret::KIND],
    }
}

impl Store {
    /// Makes a change: all of it or, where it cannot be written, nothing.
    pub(super) fn commit(&mut self, steps: Vec<Step>) -> Result<(), Fault> {
        self.take(Change(steps))
            .map_err(|e| Fault::unavailable(format!("the change cannot be kept: {e}")))
    }

    /// The same, for who is no client.
    pub(crate) fn take(&mut self, Change(steps): Change) -> Result<(), DataError> {
        if let Some(kept) = &self.kept
            && !steps.is_empty()
        {
            kept.data.write(&kept.vault, &steps)?;
        }
        for step in steps {
            self.make(step);
        }
        Ok(())
    }

    /// Begins to make the keys that are still planned.
    pub(crate) fn begin(&mut self) {
        let mut planned = Vec::new();
        for item in self.keys.all() {
            let versions = item.versions.iter();
            let versions = versions.filter(|version| version.body.is_planned());
            planned.extend(versions.map(|version| Step::put(&item.name, version.clone())));
        }
        for step in planned {
            self.make(step);
        }
    }

    fn make(&mut self, step: Step) {
        match step {
            Step::Put(name, Any::Secret(version)) => self.secrets.put(&name, version),
            Step::Put(name, Any::Key(mut version)) => {
                let place = self.kept.as_ref().map(|kept| Place {
                    kept: kept.clone(),
                    name: name.to_ascii_lowercase(),
                    version: version.id.clone(),
                });
                version.body.begin(place);
                self.keys.put(&name, version);
            }
            Step::Put(name, Any::Certificate(version)) => self.certificates.put(&name, version),
            Step::Policy(kind, name, policy) => {
                self.on(kind, OnShelf::Policy(&name, &policy));
            }
            Step::Mark(kind, name, deleted) => self.on(kind, OnShelf::Mark(&name, deleted)),
            Step::Purge(kind, name) => self.on(kind, OnShelf::Remove(&name)),
            Step::Pending(name, Some(pending)) => {
                self.pending.insert(name.to_ascii_lowercase(), *pending);
            }
            Step::Pending(name, None) => {
                self.pending.remove(&name.to_ascii_lowercase());
            }
            Step::Issuers(issuers) => self.issuers = issuers,
            Step::Applied(kind, name, mark) => {
                let at = (kind.one, name.to_ascii_lowercase());
                match mark {
                    Some(mark) => self.applied.insert(at, mark),
                    None => self.applied.remove(&at),
                };
            }
        }
    }

    fn on(&mut self, kind: Kind, what: OnShelf<'_>) {
        match kind.one {
            "secret" => what.to(&mut self.secrets),
            "key" => what.to(&mut self.keys),
            _ => what.to(&mut self.certificates),
        }
    }
}

/// What is the same for the objects of every kind.
enum OnShelf<'a> {
    Policy(&'a str, &'a Value),
    Mark(&'a str, Option<i64>),
    Remove(&'a str),
}

impl OnShelf<'_> {
    fn to<T>(self, shelf: &mut Shelf<T>) {
        match self {
            Self::Policy(name, policy) => shelf.set_policy(name, policy.clone()),
            Self::Mark(name, deleted) => shelf.mark(name, deleted),
            Self::Remove(name) => shelf.remove(name),
        }
    }
}
