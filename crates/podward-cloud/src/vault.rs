//! What a vault holds, in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use podward_api::{SecretString, pem};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::config::{Certificate, ConfigError, Key, Vault};
use crate::keys::{rsa_key, rsa_numbers};

/// Largest value of a secret, bytes.
const MAX_VALUE: usize = 25 << 10;

/// A vault's objects. Versions are in the order of their making; the last is the latest.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) secrets: BTreeMap<String, Vec<Secret>>,
    pub(crate) keys: BTreeMap<String, PublicKey>,
    pub(crate) certificates: BTreeMap<String, Leaf>,
}

/// One version of a secret.
pub(crate) struct Secret {
    pub(crate) version: String,
    pub(crate) value: SecretString,
    pub(crate) content_type: Option<String>,
    pub(crate) created: i64,
    /// The certificate's key, where the secret backs one.
    pub(crate) managed: bool,
}

/// A key, of which only the public half is ever told.
pub(crate) struct PublicKey {
    pub(crate) version: String,
    pub(crate) created: i64,
    jwk: Arc<OnceLock<Value>>,
}

/// A certificate.
pub(crate) struct Leaf {
    pub(crate) version: String,
    pub(crate) der: Vec<u8>,
    pub(crate) subject: String,
    pub(crate) created: i64,
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

impl PublicKey {
    /// The key as JWK, without `kid`. The first use waits until it is made.
    pub(crate) fn jwk(&self) -> &Value {
        self.jwk.wait()
    }

    /// `keep` is the folder and the beginning of the name of the file that holds the key.
    fn generate(
        key: &Key,
        keep: (Option<&Path>, String),
        version: String,
        created: i64,
    ) -> Result<Self, String> {
        let jwk = Arc::new(OnceLock::new());
        let slot = Arc::clone(&jwk);
        let (is_rsa, size, curve) = (
            key.kind.starts_with("RSA"),
            key.size.unwrap_or(2048),
            key.curve.clone(),
        );
        let (folder, name) = (keep.0.map(Path::to_owned), keep.1);
        let make = move || {
            // a key that cannot be made is told as one without numbers, which every client refuses
            let made = if is_rsa {
                rsa(size, folder.as_deref(), &name)
            } else {
                ec(curve.as_deref().unwrap_or("P-256"))
            };
            let _ = slot.set(made.unwrap_or(Value::Null));
        };
        std::thread::Builder::new()
            .name("vault-key".into())
            .spawn(make)
            .map_err(|e| e.to_string())?;
        Ok(Self {
            version,
            created,
            jwk,
        })
    }
}

fn rsa(size: u32, folder: Option<&Path>, name: &str) -> Option<Value> {
    let file = format!("{name}.{size}.key");
    let size = match size {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    };
    let pair = rsa_key(folder, &file, size).ok()?;
    let (n, e) = rsa_numbers(pair.public_key().as_ref())?;
    let operations = [
        "encrypt",
        "decrypt",
        "sign",
        "verify",
        "wrapKey",
        "unwrapKey",
    ];
    Some(
        json!({"kty": "RSA", "key_ops": operations, "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)}),
    )
}

fn ec(curve: &str) -> Option<Value> {
    let algorithm = match curve {
        "P-256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
        "P-384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => return None,
    };
    let pair = EcdsaKeyPair::generate(algorithm).ok()?;
    let point = pair.public_key().as_ref().get(1..)?;
    let (x, y) = point.split_at_checked(point.len() / 2)?;
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Some(
        json!({"kty": "EC", "crv": curve, "key_ops": ["sign", "verify"], "x": number(x), "y": number(y)}),
    )
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
            let version = random(at("secrets", i, "name"))?;
            if store
                .secrets
                .contains_key(&secret.name.to_ascii_lowercase())
            {
                return Err(ConfigError::new(
                    at("secrets", i, "name"),
                    "another secret has this name",
                ));
            }
            store.set_secret(
                &secret.name,
                value,
                secret.content_type.clone(),
                &version,
                now,
            );
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
                | ("EC", None, None | Some("P-256" | "P-384")) => {}
                ("RSA", ..) => return fault("size", "an RSA key has a size of 2048, 3072 or 4096"),
                ("EC", ..) => return fault("curve", "an EC key has the curve P-256 or P-384"),
                _ => return fault("type", "must be RSA or EC"),
            }
            let file = format!("vault.{}.{}", vault.name, key.name).to_ascii_lowercase();
            let made = PublicKey::generate(key, (keys, file), random(at("keys", i, "name"))?, now)
                .map_err(|e| ConfigError::new(at("keys", i, "name"), e))?;
            store.keys.insert(key.name.to_ascii_lowercase(), made);
        }
        for (i, certificate) in vault.certificates.iter().enumerate() {
            if last.is_some_and(|last| last.certificates.contains(certificate)) {
                continue;
            }
            let version = random(at("certificates", i, "name"))?;
            store
                .certificate(certificate, &version, now)
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
        for (name, versions) in added.secrets {
            self.secrets.entry(name).or_default().extend(versions);
        }
        self.keys.extend(added.keys);
        self.certificates.extend(added.certificates);
    }

    /// Adds a version of a secret.
    pub(crate) fn set_secret(
        &mut self,
        name: &str,
        value: SecretString,
        content_type: Option<String>,
        version: &str,
        now: i64,
    ) {
        let made = Secret {
            version: version.into(),
            value,
            content_type,
            created: now,
            managed: false,
        };
        self.secrets
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(made);
    }

    /// Makes a self-signed certificate, with the secret and the key of its name.
    fn certificate(&mut self, wanted: &Certificate, version: &str, now: i64) -> Result<(), String> {
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
        let name = wanted.name.to_ascii_lowercase();
        let private = pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()));
        let both = SecretString::new([private.as_str(), &pem("CERTIFICATE", made.der())].concat());
        self.set_secret(
            &wanted.name,
            both,
            Some(content_type.to_owned()),
            version,
            now,
        );
        if let Some(secret) = self.secrets.get_mut(&name).and_then(|all| all.last_mut()) {
            secret.managed = true;
        }
        let point = key.public_key_raw().get(1..).unwrap_or_default().to_vec();
        let (x, y) = point.split_at_checked(point.len() / 2).unwrap_or_default();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = json!({"kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"], "x": number(x), "y": number(y)});
        let jwk = Arc::new(OnceLock::from(jwk));
        self.keys.insert(
            name.clone(),
            PublicKey {
                version: version.into(),
                created: now,
                jwk,
            },
        );
        let leaf = Leaf {
            version: version.into(),
            der: made.der().to_vec(),
            subject: wanted.subject.clone(),
            created: now,
        };
        self.certificates.insert(name, leaf);
        Ok(())
    }
}

impl Leaf {
    /// The certificate, standard base64.
    pub(crate) fn cer(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// SHA-1 of the certificate, base64url: the thumbprint that the service still uses.
    pub(crate) fn thumbprint(&self) -> String {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        URL_SAFE_NO_PAD.encode(digest.as_ref())
    }
}
