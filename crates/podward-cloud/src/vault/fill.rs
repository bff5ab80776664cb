//! What cloud.yaml says of a vault, as changes of what the vault holds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use podward_api::SecretString;
use serde_json::{Value, json};

use super::bundle::Bundle;
use super::certificate::{self, Certificate};
use super::data::{Seal, pack};
use super::key::{Key, Plan, inability};
use super::material::{Curve, EC, Material, RSA};
use super::objects::{Kind, Object};
use super::policy::Policy;
use super::secret::Secret;
use super::sent::Sent;
use super::shelf::{Attributes, Item, Tags, Version};
use super::step::{Change, Step};
use super::store::{Store, check_secret, new_version, valid_name, version};
use super::wanted::policy_of;
use super::x509;
use crate::config::{self, ConfigError, Vault};

/// A vault's part of the configuration, while it is read.
pub(crate) struct Filling<'a> {
    /// The vault as it is.
    pub(crate) store: &'a Store,
    /// Its configuration.
    pub(crate) vault: &'a Vault,
    /// Its place in the list of vaults.
    pub(crate) index: usize,
    /// Where files with RSA keys are.
    pub(crate) keys: Option<&'a Path>,
    /// What makes marks.
    pub(crate) seal: &'a Seal,
    /// Unix seconds.
    pub(crate) now: i64,
}

impl Filling<'_> {
    /// What is to be changed, so that all is there that the vault's configuration names. What it says as the last
    /// one did stays as it is, whatever became of it since.
    pub(crate) fn steps(&self) -> Result<Change, ConfigError> {
        let mut steps = Vec::new();
        let mut named = BTreeSet::new();
        for (i, secret) in self.vault.secrets.iter().enumerate() {
            let at = |field: &str| self.at(Secret::KIND, i, field);
            self.once(Secret::KIND, &secret.name, &mut named, &at)?;
            self.secret(secret, &at, &mut steps)?;
        }
        for (i, key) in self.vault.keys.iter().enumerate() {
            let at = |field: &str| self.at(Key::KIND, i, field);
            self.once(Key::KIND, &key.name, &mut named, &at)?;
            self.key(key, &at, &mut steps)?;
        }
        for (i, one) in self.vault.certificates.iter().enumerate() {
            let at = |field: &str| self.at(Certificate::KIND, i, field);
            self.once(Certificate::KIND, &one.name, &mut named, &at)?;
            let name = one.name.to_ascii_lowercase();
            for kind in [Secret::KIND, Key::KIND] {
                if named.contains(&(kind.one, name.clone())) {
                    let text = format!("a {} has this name", kind.one);
                    return Err(ConfigError::new(at("name"), text));
                }
            }
            self.certificate(one, &at, &mut steps)?;
        }
        // a vault that is kept loses nothing to a file; in any other the file is all there is
        if self.store.kept.is_none() {
            for (kind, name) in self.store.applied.keys() {
                if !named.contains(&(*kind, name.clone())) {
                    let kinds = [Secret::KIND, Key::KIND, Certificate::KIND];
                    let kind = kinds.into_iter().find(|one| one.one == *kind);
                    let all = kind.iter().flat_map(|kind| super::step::along(*kind));
                    steps.extend(all.map(|kind| Step::Purge(*kind, name.clone())));
                    steps.extend(kind.map(|kind| Step::Applied(kind, name.clone(), None)));
                }
            }
        }
        Ok(Change(steps))
    }

    fn at(&self, kind: Kind, i: usize, field: &str) -> String {
        format!("vaults[{}].{}[{i}].{field}", self.index, kind.many)
    }

    fn once(
        &self,
        kind: Kind,
        name: &str,
        named: &mut BTreeSet<(&'static str, String)>,
        at: &dyn Fn(&str) -> String,
    ) -> Result<(), ConfigError> {
        if !valid_name(name) {
            let text = "must be 1 to 127 letters, digits and hyphens";
            return Err(ConfigError::new(at("name"), text));
        }
        if !named.insert((kind.one, name.to_ascii_lowercase())) {
            let text = format!("another {} has this name", kind.one);
            return Err(ConfigError::new(at("name"), text));
        }
        Ok(())
    }

    /// Whether the configuration says something else of an object than it did when it was last applied; and notes it.
    fn news(&self, kind: Kind, name: &str, said: &[&[u8]], steps: &mut Vec<Step>) -> News {
        let mark = self.seal.mark(&pack(said));
        let last = self
            .store
            .applied
            .get(&(kind.one, name.to_ascii_lowercase()));
        match last {
            Some(last) if *last == mark => News::Nothing,
            last => {
                let news = last.map_or(News::First, |_| News::Changed);
                steps.push(Step::Applied(kind, name.to_owned(), Some(mark)));
                news
            }
        }
    }

    /// An object that is in the way of the configuration, or is there already; what was deleted is brought back.
    fn there<T>(&self, item: Option<&Item<T>>, kind: Kind, steps: &mut Vec<Step>) -> bool {
        if let Some(item) = item
            && item.deleted.is_some()
        {
            steps.push(Step::Mark(kind, item.name.clone(), None));
        }
        item.is_some()
    }

    fn secret(
        &self,
        secret: &config::Secret,
        at: &dyn Fn(&str) -> String,
        steps: &mut Vec<Step>,
    ) -> Result<(), ConfigError> {
        let value = match (&secret.value, secret.generate) {
            (Some(value), false) => value.clone(),
            (None, true) => SecretString::new(fresh(at("generate"))?),
            _ => {
                let text = "give either value or generate: true";
                return Err(ConfigError::new(at("name"), text));
            }
        };
        check_secret(&secret.name, value.expose()).map_err(|e| ConfigError::new(at("name"), e))?;
        let kind = secret.content_type.as_deref().map(str::as_bytes);
        let said = secret.value.as_ref().map(|value| value.expose().as_bytes());
        let mut said: Vec<&[u8]> = [said, kind]
            .into_iter()
            .map(|field| field.unwrap_or(b"\0"))
            .collect();
        let (given, more) = Given::of(&secret.attributes, &secret.tags, self.now, at)?;
        said.extend(more.as_ref().map(String::as_bytes));
        let news = self.news(Secret::KIND, &secret.name, &said, steps);
        let item = self.store.secrets.get(&secret.name);
        if news == News::Nothing {
            return Ok(());
        }
        if item.is_some_and(Item::managed) {
            let text = "a certificate has this name, and its secret with it";
            return Err(ConfigError::new(at("name"), text));
        }
        let latest = item.and_then(|item| item.version(None));
        let same = latest.filter(|one| {
            let same = one.body.value == value && one.body.content_type == secret.content_type;
            same || secret.generate
        });
        self.there(item, Secret::KIND, steps);
        if let Some(same) = same {
            if more.is_some() {
                steps.push(Step::put(&secret.name, given.put_on(same.clone())));
            }
            return Ok(());
        }
        let body = Secret {
            value,
            content_type: secret.content_type.clone(),
        };
        let id = fresh(at("name"))?;
        let made = given.put_on(version(&id, self.now, body));
        steps.push(Step::put(&secret.name, made));
        Ok(())
    }

    fn key(
        &self,
        key: &config::Key,
        at: &dyn Fn(&str) -> String,
        steps: &mut Vec<Step>,
    ) -> Result<(), ConfigError> {
        let fault = |field: &str, text: &str| Err(ConfigError::new(at(field), text));
        let curve = key.curve.as_deref().map_or(Some(Curve::P256), Curve::of);
        let (body, said) = match (key.kind.as_str(), key.size, curve) {
            ("RSA", None | Some(2048 | 3072 | 4096), Some(_)) if key.curve.is_none() => {
                let bits = key.size.unwrap_or(2048);
                let file = format!("vault.{}.{}.{bits}.key", self.vault.name, key.name);
                let file = self
                    .keys
                    .map(|keys| (keys.to_owned(), file.to_ascii_lowercase()));
                (None, (bits.to_string(), Some(Plan { bits, file })))
            }
            ("EC", None, Some(curve)) => (Some(curve), (curve.name().to_owned(), None)),
            ("RSA", ..) => return fault("size", "an RSA key has a size of 2048, 3072 or 4096"),
            ("EC", ..) => {
                let text = "an EC key has the curve P-256, P-256K, P-384 or P-521";
                return fault("curve", text);
            }
            _ => return fault("type", "must be RSA or EC"),
        };
        let (said, plan) = said;
        let operations = key.key_ops.clone();
        let able = if plan.is_some() { RSA } else { EC };
        let mut named = operations.iter().flatten();
        if named.any(|one| inability(one, able).is_some()) {
            return fault("keyOps", "names what a key of this type cannot do");
        }
        let (given, more) = Given::of(&key.attributes, &key.tags, self.now, at)?;
        let operations_said = operations
            .as_ref()
            .map(|all| format!("may {}", all.join(" ")));
        let said: Vec<_> = [Some(&said), more.as_ref(), operations_said.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_bytes)
            .collect();
        let news = self.news(Key::KIND, &key.name, &said, steps);
        let item = self.store.keys.get(&key.name);
        if news == News::Nothing {
            return Ok(());
        }
        if item.is_some_and(Item::managed) {
            return fault("name", "a certificate has this name, and its key with it");
        }
        if self.there(item, Key::KIND, steps) && news == News::First {
            return Ok(());
        }
        let body = match (body, plan) {
            (Some(curve), _) => {
                let made = Material::ec(curve);
                let made = made.map_err(|e| ConfigError::new(at("name"), e.message))?;
                Key::of(Arc::new(made))
            }
            (None, Some(plan)) => Key::planned(plan),
            (None, None) => return Ok(()),
        };
        let id = fresh(at("name"))?;
        let made = version(&id, self.now, body.that_may(operations));
        steps.push(Step::put(&key.name, given.put_on(made)));
        Ok(())
    }

    fn certificate(
        &self,
        wanted: &config::Certificate,
        at: &dyn Fn(&str) -> String,
        steps: &mut Vec<Step>,
    ) -> Result<(), ConfigError> {
        let policy = policy_of(wanted, at)?;
        let (given, more) = Given::of(&wanted.attributes, &wanted.tags, self.now, at)?;
        if wanted.attributes.nbf.or(wanted.attributes.exp).is_some() {
            let text = "the times of a certificate stand in it";
            return Err(ConfigError::new(at("attributes"), text));
        }
        let said = policy.to_string();
        let said: Vec<_> = [Some(&said), more.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_bytes)
            .collect();
        let news = self.news(Certificate::KIND, &wanted.name, &said, steps);
        if news == News::Nothing {
            return Ok(());
        }
        let name = wanted.name.as_str();
        let own_secret = self.store.secrets.get(name).is_none_or(Item::managed);
        if !own_secret || !self.store.keys.get(name).is_none_or(Item::managed) {
            let text = "a key or a secret of the vault has this name";
            return Err(ConfigError::new(at("name"), text));
        }
        let item = self.store.certificates.get(name);
        if self.there(item, Certificate::KIND, steps) {
            if item.is_some_and(|item| item.deleted.is_some()) {
                steps.push(Step::Mark(Key::KIND, name.to_owned(), None));
                steps.push(Step::Mark(Secret::KIND, name.to_owned(), None));
            }
            if news == News::First {
                return Ok(());
            }
        }
        let made = self.self_signed(name, policy, &fresh(at("name"))?, &given);
        steps.extend(made.map_err(|e| ConfigError::new(at("subject"), e))?);
        Ok(())
    }

    fn self_signed(
        &self,
        name: &str,
        policy: Value,
        id: &str,
        given: &Given,
    ) -> Result<Vec<Step>, String> {
        let policy: Policy = serde_json::from_value(policy).map_err(|e| e.to_string())?;
        let make = || {
            let policy = policy.checked()?;
            let key = Arc::new(policy.key()?);
            let leaf = policy.self_signed(&key, self.now)?;
            let mut attributes = given.attributes.clone();
            if let Some(read) = x509::read(&leaf) {
                attributes.nbf = Some(read.not_before);
                attributes.exp = Some(read.not_after);
            }
            let bundle = Bundle {
                key,
                leaf,
                chain: Vec::new(),
                before: None,
            };
            certificate::made(name, id, &bundle, &policy, &attributes, given.tags.as_ref())
        };
        make().map_err(|fault: super::fault::Fault| fault.message)
    }
}

/// Attributes and tags that a version starts with.
struct Given {
    attributes: Attributes,
    tags: Option<Tags>,
}

impl Given {
    /// As configured; and what is said of it, where something is.
    fn of(
        attributes: &config::Attributes,
        tags: &BTreeMap<String, String>,
        now: i64,
        at: &dyn Fn(&str) -> String,
    ) -> Result<(Self, Option<String>), ConfigError> {
        let sent = Sent::configured(attributes, tags);
        let said = sent.as_ref().map(|_| json!([attributes, tags]).to_string());
        let made = sent.unwrap_or_default().made(now);
        let made = made.map_err(|fault| ConfigError::new(at("attributes"), fault.message));
        made.map(|(attributes, tags)| (Self { attributes, tags }, said))
    }

    fn put_on<T>(self, mut version: Version<T>) -> Version<T> {
        let created = version.attributes.created;
        version.attributes = Attributes {
            created,
            ..self.attributes
        };
        version.tags = self.tags;
        version
    }
}

/// What the configuration says of an object, beside what it said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Nothing,
    First,
    Changed,
}

fn fresh(path: String) -> Result<String, ConfigError> {
    new_version().map_err(|e| ConfigError::new(path, e))
}
