//! Backups: an object with all its versions, readable by this cloud alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::certificate::Certificate;
use super::data::{Seal, pack, unpack};
use super::fault::Fault;
use super::key::Key;
use super::objects::Object;
use super::secret::Secret;
use super::shelf::{Attributes, Item, Tags, Version};

/// An object as it stands in a backup.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    kind: String,
    name: String,
    policy: Option<Value>,
    versions: Vec<SavedVersion>,
}

#[derive(Serialize, Deserialize)]
struct SavedVersion {
    id: String,
    attributes: Attributes,
    tags: Option<Tags>,
}

/// A certificate with its key and its secret.
pub(super) struct Whole {
    pub(super) certificate: Item<Certificate>,
    pub(super) key: Item<Key>,
    pub(super) secret: Item<Secret>,
}

/// The place that a backup is sealed for: none in a vault.
const PLACE: &[&str] = &["backup"];

fn key(bytes: &[u8]) -> Result<Seal, Fault> {
    Seal::of(bytes).ok_or_else(|| Fault::unavailable("the key of backups is no key"))
}

/// Writes an object out.
pub(super) fn seal<T: Object>(item: &Item<T>, with: &[u8]) -> Result<String, Fault> {
    sealed(&[written(item)?], with)
}

/// Writes a certificate out, with its key and its secret.
pub(super) fn seal_certificate(
    certificate: &Item<Certificate>,
    key: &Item<Key>,
    secret: &Item<Secret>,
    with: &[u8],
) -> Result<String, Fault> {
    let all = [written(certificate)?, written(key)?, written(secret)?];
    sealed(&all, with)
}

/// Reads an object back, of this kind only.
pub(super) fn open<T: Object>(blob: &str, with: &[u8]) -> Result<Item<T>, Fault> {
    let opened = opened(blob, with)?;
    match unpack(&opened).as_deref() {
        Some([one]) => read(one, false).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Reads a certificate back, with its key and its secret.
pub(super) fn open_certificate(blob: &str, with: &[u8]) -> Result<Whole, Fault> {
    let opened = opened(blob, with)?;
    let all = match unpack(&opened).as_deref() {
        Some([certificate, key, secret]) => (|| {
            Some(Whole {
                certificate: read(certificate, false)?,
                key: read(key, true)?,
                secret: read(secret, true)?,
            })
        })(),
        _ => None,
    };
    all.ok_or_else(wrong)
}

fn wrong() -> Fault {
    Fault::bad("The backup blob is corrupt, of another kind, or not this cloud's")
}

fn sealed(objects: &[Zeroizing<Vec<u8>>], with: &[u8]) -> Result<String, Fault> {
    let fields: Vec<&[u8]> = objects.iter().map(|one| one.as_slice()).collect();
    let sealed = key(with)?.seal(PLACE, pack(&fields));
    let sealed = sealed.ok_or_else(|| Fault::unavailable("no backup can be made"))?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

fn opened(blob: &str, with: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(blob.trim_end_matches('='));
    let bytes = bytes.map_err(|_no_base64| wrong())?;
    key(with)?.open(PLACE, &bytes).map_err(|_forged| wrong())
}

fn written<T: Object>(item: &Item<T>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let bodies = item.versions.iter().map(|version| version.body.save());
    let bodies: Option<Vec<_>> = bodies.collect();
    let bodies = bodies.ok_or_else(|| Fault::unavailable("the object was never made"))?;
    let versions = item.versions.iter().map(|version| SavedVersion {
        id: version.id.clone(),
        attributes: version.attributes.clone(),
        tags: version.tags.clone(),
    });
    let saved = Saved {
        kind: T::KIND.one.to_owned(),
        name: item.name.clone(),
        policy: item.policy.clone(),
        versions: versions.collect(),
    };
    let saved = serde_json::to_vec(&saved);
    let saved = saved.map_err(|_never| Fault::unavailable("no backup can be made"))?;
    let bodies = bodies.iter().map(|body| body.as_slice());
    let fields: Vec<&[u8]> = std::iter::once(saved.as_slice()).chain(bodies).collect();
    Ok(pack(&fields))
}

fn read<T: Object>(written: &[u8], managed: bool) -> Option<Item<T>> {
    let fields = unpack(written)?;
    let (saved, bodies) = fields.split_first()?;
    let saved: Saved = serde_json::from_slice(saved).ok()?;
    if saved.kind != T::KIND.one || saved.versions.len() != bodies.len() {
        return None;
    }
    let versions = saved.versions.into_iter().zip(bodies);
    let versions = versions.map(|(version, body)| {
        Some(Version {
            id: version.id,
            attributes: version.attributes,
            tags: version.tags,
            managed,
            body: T::restore(body)?,
        })
    });
    Some(Item {
        name: saved.name,
        versions: versions.collect::<Option<_>>()?,
        deleted: None,
        policy: saved.policy,
    })
}
