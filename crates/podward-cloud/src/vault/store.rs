//! What a vault holds, in memory.

use std::collections::BTreeMap;

use podward_api::SecretString;

use super::DataError;
use super::certificate::Certificate;
use super::data::Kept;
use super::issuer::Issuers;
use super::key::Key;
use super::objects::{Kind, Object};
use super::pending::Pending;
use super::secret::Secret;
use super::shelf::{Attributes, Shelf, Version};
use super::step::{Change, Step};
use crate::throttle::Windows;

/// Largest value of a secret, bytes.
const MAX_VALUE: usize = 25 << 10;

/// A vault's objects.
#[derive(Default)]
pub(crate) struct Store {
    pub(super) secrets: Shelf<Secret>,
    pub(super) keys: Shelf<Key>,
    pub(super) certificates: Shelf<Certificate>,
    /// Requests for certificates, by name in lower case: the last one of each.
    pub(super) pending: BTreeMap<String, Pending>,
    /// Marks of what cloud.yaml said when it was last applied, by kind and name in lower case.
    pub(super) applied: BTreeMap<(&'static str, String), Vec<u8>>,
    /// Who may sign certificates, and the vault's contacts.
    pub(super) issuers: Issuers,
    /// What was answered lately.
    pub(super) windows: Windows,
    /// Where every change is written to; in memory alone where there is none.
    pub(super) kept: Option<Kept>,
}

/// A version that is made now, of the configuration or of its owner.
pub(super) fn version<T>(id: &str, now: i64, body: T) -> Version<T> {
    Version {
        id: id.to_owned(),
        attributes: Attributes::new(now),
        tags: None,
        managed: false,
        body,
    }
}

/// 32 hex digits.
pub(crate) fn new_version() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_unspecified| "the machine gives no random numbers".to_owned())?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// Whether a name may name an object.
pub(crate) fn valid_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Whether a secret may be set.
pub(crate) fn check_secret(name: &str, value: &str) -> Result<(), String> {
    if !valid_name(name) {
        return Err(format!("The request URI contains an invalid name: {name}"));
    }
    if value.len() > MAX_VALUE {
        return Err("the value is longer than 25 KiB".into());
    }
    Ok(())
}

impl Store {
    /// Adds a version of a secret.
    ///
    /// # Errors
    /// When it cannot be written; then nothing changes.
    pub(crate) fn set_secret(
        &mut self,
        name: &str,
        value: SecretString,
        id: &str,
        now: i64,
    ) -> Result<(), DataError> {
        let body = Secret {
            value,
            content_type: None,
        };
        let step = Step::put(name, version(id, now, body));
        self.take(Change(vec![step]))
    }

    /// Whether a secret of this name was deleted and may come back.
    pub(crate) fn is_deleted(&self, secret: &str) -> bool {
        self.secrets.deleted(secret).is_some()
    }

    /// What gives the key and the secret of a certificate's version the attributes and tags that it was given.
    pub(super) fn shared<T>(&self, kind: Kind, name: &str, like: &Version<T>) -> Vec<Step> {
        let mut steps = Vec::new();
        if kind != Certificate::KIND {
            return steps;
        }
        let key = self.keys.live(name);
        if let Some(key) = key.and_then(|item| item.version(Some(&like.id))) {
            steps.push(Step::put(name, alike(key, like)));
        }
        let secret = self.secrets.live(name);
        if let Some(secret) = secret.and_then(|item| item.version(Some(&like.id))) {
            steps.push(Step::put(name, alike(secret, like)));
        }
        steps
    }
}

fn alike<T: Clone, O>(one: &Version<T>, like: &Version<O>) -> Version<T> {
    Version {
        attributes: like.attributes.clone(),
        tags: like.tags.clone(),
        ..one.clone()
    }
}
