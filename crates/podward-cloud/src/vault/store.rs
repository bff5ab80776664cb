//! What a vault holds, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rsa::KeySize;
use podward_api::{SecretString, pem};
use serde_json::json;
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::key::Key;
use super::material::{Curve, Material};
use super::objects::{Kind, Object};
use super::pending::Pending;
use super::secret::Secret;
use super::shelf::{Attributes, Shelf, Tags, Version};
use crate::config::{self, ConfigError, Vault};
use crate::keys::rsa_key;

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
}

/// A version that is made now, of the configuration or of its owner.
fn version<T>(id: &str, now: i64, managed: bool, body: T) -> Version<T> {
    Version {
        id: id.to_owned(),
        attributes: Attributes::new(now),
        tags: None,
        managed,
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

/// A key of the configuration. `file` begins the name of the file that keeps an RSA key.
fn generate(key: &config::Key, folder: Option<&Path>, file: &str) -> Result<Key, String> {
    let curve = key.curve.as_deref().map_or(Some(Curve::P256), Curve::of);
    if key.kind == "EC" {
        return Key::later(move || Material::ec(curve?).ok());
    }
    let (size, bits) = match key.size {
        Some(4096) => (KeySize::Rsa4096, 4096),
        Some(3072) => (KeySize::Rsa3072, 3072),
        _ => (KeySize::Rsa2048, 2048),
    };
    let (folder, file) = (folder.map(Path::to_owned), format!("{file}.{bits}.key"));
    Key::later(move || Material::of_rsa(rsa_key(folder.as_deref(), &file, size).ok()?))
}

impl Store {
    /// What a vault's configuration names and `last`, the one before it, did not name just so.
    /// RSA keys are kept in `keys`, so that not every start makes them.
    pub(crate) fn filled(
        vault: &Vault,
        last: Option<&Vault>,
        keys: Option<&Path>,
        index: usize,
        now: i64,
    ) -> Result<Self, ConfigError> {
        let mut store = Self::default();
        let at = |kind: &str, i: usize, field: &str| format!("vaults[{index}].{kind}[{i}].{field}");
        let random = |path: String| new_version().map_err(|e| ConfigError::new(path, e));
        for (i, secret) in vault.secrets.iter().enumerate() {
            if last.is_some_and(|last| last.secrets.contains(secret)) {
                continue;
            }
            let value = match (&secret.value, secret.generate) {
                (Some(value), false) => value.clone(),
                (None, true) => SecretString::new(random(at("secrets", i, "generate"))?),
                _ => {
                    return Err(ConfigError::new(
                        at("secrets", i, "name"),
                        "give either value or generate: true",
                    ));
                }
            };
            check_secret(&secret.name, value.expose())
                .map_err(|e| ConfigError::new(at("secrets", i, "name"), e))?;
            let id = random(at("secrets", i, "name"))?;
            if store.secrets.get(&secret.name).is_some() {
                return Err(ConfigError::new(
                    at("secrets", i, "name"),
                    "another secret has this name",
                ));
            }
            store.set_secret(&secret.name, value, secret.content_type.clone(), &id, now);
        }
        for (i, key) in vault.keys.iter().enumerate() {
            if last.is_some_and(|last| last.keys.contains(key)) {
                continue;
            }
            let fault = |field: &str, text: &str| Err(ConfigError::new(at("keys", i, field), text));
            if !valid_name(&key.name) {
                return fault("name", "must be 1 to 127 letters, digits and hyphens");
            }
            match (key.kind.as_str(), key.size, key.curve.as_deref()) {
                ("RSA", None | Some(2048 | 3072 | 4096), None)
                | ("EC", None, None | Some("P-256" | "P-256K" | "P-384" | "P-521")) => {}
                ("RSA", ..) => return fault("size", "an RSA key has a size of 2048, 3072 or 4096"),
                ("EC", ..) => {
                    return fault(
                        "curve",
                        "an EC key has the curve P-256, P-256K, P-384 or P-521",
                    );
                }
                _ => return fault("type", "must be RSA or EC"),
            }
            let file = format!("vault.{}.{}", vault.name, key.name).to_ascii_lowercase();
            let made = generate(key, keys, &file)
                .map_err(|e| ConfigError::new(at("keys", i, "name"), e))?;
            let id = random(at("keys", i, "name"))?;
            store.keys.add(&key.name, version(&id, now, false, made));
        }
        for (i, certificate) in vault.certificates.iter().enumerate() {
            if last.is_some_and(|last| last.certificates.contains(certificate)) {
                continue;
            }
            let id = random(at("certificates", i, "name"))?;
            store
                .certificate(certificate, &id, now)
                .map_err(|e| ConfigError::new(at("certificates", i, "name"), e))?;
        }
        Ok(store)
    }

    /// Drops what `last` named and `vault` does not, and takes what was `added` as new versions.
    pub(crate) fn follow(&mut self, last: Option<&Vault>, vault: &Vault, added: Self) {
        let named = |vault: &Vault| {
            let secrets = vault.secrets.iter().map(|secret| &secret.name);
            let keys = vault.keys.iter().map(|key| &key.name);
            let certificates = vault.certificates.iter().map(|one| &one.name);
            let all = secrets.chain(keys).chain(certificates);
            all.map(|name| name.to_ascii_lowercase())
                .collect::<BTreeSet<_>>()
        };
        if let Some(last) = last {
            for name in named(last).difference(&named(vault)) {
                self.secrets.remove(name);
                self.keys.remove(name);
                self.certificates.remove(name);
            }
        }
        self.secrets.take(added.secrets);
        self.keys.take(added.keys);
        self.certificates.take(added.certificates);
    }

    /// Adds a version of a secret.
    pub(crate) fn set_secret(
        &mut self,
        name: &str,
        value: SecretString,
        content_type: Option<String>,
        id: &str,
        now: i64,
    ) {
        let body = Secret {
            value,
            content_type,
        };
        self.secrets.add(name, version(id, now, false, body));
    }

    /// Whether a secret of this name was deleted and may come back.
    pub(crate) fn is_deleted(&self, secret: &str) -> bool {
        self.secrets.deleted(secret).is_some()
    }

    /// Deletes an object or brings it back; a certificate takes its key and its secret along.
    pub(super) fn mark(&mut self, kind: Kind, name: &str, deleted: Option<i64>) {
        let all = kind == Certificate::KIND;
        if all {
            self.certificates.mark(name, deleted);
            self.pending.remove(&name.to_ascii_lowercase());
        }
        if all || kind == Key::KIND {
            self.keys.mark(name, deleted);
        }
        if all || kind == Secret::KIND {
            self.secrets.mark(name, deleted);
        }
    }

    /// Gives the key and the secret of a certificate's version the attributes and tags that it was given.
    pub(super) fn share(
        &mut self,
        kind: Kind,
        name: &str,
        id: &str,
        attributes: &Attributes,
        tags: Option<&Tags>,
    ) {
        if kind != Certificate::KIND {
            return;
        }
        let key = self.keys.live_mut(name);
        if let Some(key) = key.and_then(|item| item.version_mut(Some(id))) {
            (key.attributes, key.tags) = (attributes.clone(), tags.cloned());
        }
        let secret = self.secrets.live_mut(name);
        if let Some(secret) = secret.and_then(|item| item.version_mut(Some(id))) {
            (secret.attributes, secret.tags) = (attributes.clone(), tags.cloned());
        }
    }

    /// Forgets an object; a certificate takes its key and its secret along.
    pub(super) fn purge(&mut self, kind: Kind, name: &str) {
        let all = kind == Certificate::KIND;
        if all {
            self.certificates.remove(name);
        }
        if all || kind == Key::KIND {
            self.keys.remove(name);
        }
        if all || kind == Secret::KIND {
            self.secrets.remove(name);
        }
    }

    /// Makes a self-signed certificate, with the secret and the key of its name.
    fn certificate(
        &mut self,
        wanted: &config::Certificate,
        id: &str,
        now: i64,
    ) -> Result<(), String> {
        if !valid_name(&wanted.name) {
            return Err("must be 1 to 127 letters, digits and hyphens".into());
        }
        let content_type = wanted
            .content_type
            .as_deref()
            .unwrap_or("application/x-pem-file");
        if content_type != "application/x-pem-file" {
            return Err("only the content type application/x-pem-file is served yet".into());
        }
        let failed = |e: &dyn std::fmt::Display| format!("the certificate cannot be made: {e}");
        let key = rcgen::KeyPair::generate().map_err(|e| failed(&e))?;
        let mut params =
            rcgen::CertificateParams::new(wanted.dns_names.clone()).map_err(|e| failed(&e))?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        let common = wanted
            .subject
            .split(',')
            .find_map(|part| part.trim().strip_prefix("CN="))
            .unwrap_or(&wanted.subject);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, common);
        let made = params.self_signed(&key).map_err(|e| failed(&e))?;
        let private = pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()));
        let both = SecretString::new([private.as_str(), &pem("CERTIFICATE", made.der())].concat());
        let secret = Secret {
            value: both,
            content_type: Some(content_type.to_owned()),
        };
        let material = Material::of_pkcs8(&Zeroizing::new(key.serialize_der()));
        let material = material.ok_or("the certificate's key cannot be read")?;
        let leaf = Certificate {
            der: made.der().to_vec(),
        };
        self.secrets
            .add(&wanted.name, version(id, now, true, secret));
        let key = Key::of(Arc::new(material));
        self.keys.add(&wanted.name, version(id, now, true, key));
        self.certificates
            .add(&wanted.name, version(id, now, false, leaf));
        if let Some(item) = self.certificates.live_mut(&wanted.name) {
            item.policy = Some(json!({
                "key_props": {"exportable": true, "kty": "EC", "crv": "P-256", "reuse_key": false},
                "secret_props": {"contentType": content_type},
                "x509_props": {"subject": wanted.subject, "sans": {"dns_names": wanted.dns_names}},
                "issuer": {"name": "Self"},
            }));
        }
        Ok(())
    }
}
