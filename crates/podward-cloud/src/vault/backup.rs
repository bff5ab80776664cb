//! Backups: an object with all its versions, readable by this cloud alone.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use super::fault::Fault;
use super::objects::Object;
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
    body: Value,
}

/// What tells a backup of another form from this one.
const FORM: &[u8] = b"podward vault backup 1";

fn key(bytes: &[u8]) -> Result<RandomizedNonceKey, Fault> {
    RandomizedNonceKey::new(&AES_256_GCM, bytes)
        .map_err(|_unspecified| Fault::unavailable("the key of backups is no key"))
}

/// Writes an object out.
pub(super) fn seal<T: Object>(item: &Item<T>, with: &[u8]) -> Result<String, Fault> {
    let versions = item.versions.iter().map(|version| {
        let body = version.body.save();
        let body = body.ok_or_else(|| Fault::unavailable("the object is still being made"))?;
        Ok(SavedVersion {
            id: version.id.clone(),
            attributes: version.attributes.clone(),
            tags: version.tags.clone(),
            body,
        })
    });
    let saved = Saved {
        kind: T::KIND.one.to_owned(),
        name: item.name.clone(),
        policy: item.policy.clone(),
        versions: versions.collect::<Result<_, Fault>>()?,
    };
    let failed = |e: &dyn std::fmt::Display| Fault::unavailable(format!("no backup: {e}"));
    let mut text = serde_json::to_vec(&saved).map_err(|e| failed(&e))?;
    let nonce = key(with)?
        .seal_in_place_append_tag(Aad::from(FORM), &mut text)
        .map_err(|e| failed(&e))?;
    Ok(URL_SAFE_NO_PAD.encode([nonce.as_ref().as_slice(), &text].concat()))
}

/// Reads an object back, of this kind only.
pub(super) fn open<T: Object>(blob: &str, with: &[u8]) -> Result<Item<T>, Fault> {
    let wrong = || Fault::bad("The backup blob is corrupt, of another kind, or not this cloud's");
    let bytes = URL_SAFE_NO_PAD.decode(blob.trim_end_matches('='));
    let mut bytes = Zeroizing::new(bytes.map_err(|_no_base64| wrong())?);
    let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(wrong)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_length| wrong())?;
    let text = key(with)?.open_in_place(nonce, Aad::from(FORM), sealed);
    let text = text.map_err(|_forged| wrong())?;
    let saved: Saved = serde_json::from_slice(text).map_err(|_other_form| wrong())?;
    if saved.kind != T::KIND.one {
        return Err(wrong());
    }
    let versions = saved.versions.into_iter().map(|version| {
        Some(Version {
            id: version.id,
            attributes: version.attributes,
            tags: version.tags,
            managed: false,
            body: T::restore(&version.body)?,
        })
    });
    Ok(Item {
        name: saved.name,
        versions: versions.collect::<Option<_>>().ok_or_else(wrong)?,
        deleted: None,
        policy: saved.policy,
    })
}
