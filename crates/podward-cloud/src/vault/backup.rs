//! Backups: an object with all its versions, readable by this cloud alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::{Seal, pack, unpack};
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
}

/// The place that a backup is sealed for: none in a vault.
const PLACE: &[&str] = &["backup"];

fn key(bytes: &[u8]) -> Result<Seal, Fault> {
    Seal::of(bytes).ok_or_else(|| Fault::unavailable("the key of backups is no key"))
}

/// Writes an object out.
pub(super) fn seal<T: Object>(item: &Item<T>, with: &[u8]) -> Result<String, Fault> {
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
    let failed = || Fault::unavailable("no backup can be made");
    let saved = serde_json::to_vec(&saved).map_err(|_never| failed())?;
    let bodies = bodies.iter().map(|body| body.as_slice());
    let fields: Vec<&[u8]> = std::iter::once(saved.as_slice()).chain(bodies).collect();
    let sealed = key(with)?.seal(PLACE, pack(&fields)).ok_or_else(failed)?;
    Ok(URL_SAFE_NO_PAD.encode(sealed))
}

/// Reads an object back, of this kind only.
pub(super) fn open<T: Object>(blob: &str, with: &[u8]) -> Result<Item<T>, Fault> {
    let wrong = || Fault::bad("The backup blob is corrupt, of another kind, or not this cloud's");
    let bytes = URL_SAFE_NO_PAD.decode(blob.trim_end_matches('='));
    let bytes = bytes.map_err(|_no_base64| wrong())?;
    let opened = key(with)?.open(PLACE, &bytes).map_err(|_forged| wrong())?;
    let fields = unpack(&opened).ok_or_else(wrong)?;
    let (saved, bodies) = fields.split_first().ok_or_else(wrong)?;
    let saved: Saved = serde_json::from_slice(saved).map_err(|_other_form| wrong())?;
    if saved.kind != T::KIND.one || saved.versions.len() != bodies.len() {
        return Err(wrong());
    }
    let versions = saved
        .versions
        .into_iter()
        .zip(bodies)
        .map(|(version, body)| {
            Some(Version {
                id: version.id,
                attributes: version.attributes,
                tags: version.tags,
                managed: false,
                body: T::restore(body)?,
            })
        });
    Ok(Item {
        name: saved.name,
        versions: versions.collect::<Option<_>>().ok_or_else(wrong)?,
        deleted: None,
        policy: saved.policy,
    })
}
