//! Which configuration and which layers make an image.

use std::io::Read;

use serde_json::Value;

use super::archive::Archive;

/// Largest manifest or configuration, bytes.
const MAX_JSON: u64 = 8 << 20;
/// Most layers of an image; engines take 127.
const MAX_LAYERS: usize = 512;
/// Most images of an archive.
const MAX_IMAGES: usize = 256;
/// How deep indexes may lie in each other.
const MAX_DEPTH: usize = 4;

/// An image: names of files in its archive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) config: String,
    /// From the lowest.
    pub(super) layers: Vec<String>,
}

/// The images of an archive, as `docker save` or the OCI layout name them.
pub(super) fn images(archive: &Archive) -> Result<Vec<Image>, String> {
    let mut all = Vec::new();
    if let Some(list) = json(archive, "manifest.json")? {
        for image in list.as_array().into_iter().flatten() {
            let layers = image.get("Layers").and_then(Value::as_array);
            all.push(Image {
                config: text(image, "Config")
                    .ok_or("manifest.json names no Config")?
                    .to_owned(),
                layers: layers
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            });
        }
    } else if let Some(index) = json(archive, "index.json")? {
        of_index(archive, &index, 0, &mut all)?;
    } else {
        return Err("there is neither manifest.json nor index.json: this is no image of docker save, and no OCI layout".to_owned());
    }
    if all.len() > MAX_IMAGES || all.iter().any(|image| image.layers.len() > MAX_LAYERS) {
        return Err("there are more images or layers than podward reads".to_owned());
    }
    Ok(all)
}

fn of_index(
    archive: &Archive,
    index: &Value,
    depth: usize,
    all: &mut Vec<Image>,
) -> Result<(), String> {
    if depth > MAX_DEPTH || all.len() > MAX_IMAGES {
        return Err("indexes lie too deep in each other".to_owned());
    }
    for entry in index
        .get("manifests")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        // statements on an image are kept as one
        let about = entry
            .get("annotations")
            .and_then(|all| text(all, "vnd.docker.reference.type"));
        if about.is_some() {
            continue;
        }
        let name = blob(entry)?;
        // of several platforms often one is there
        let Some(manifest) = json(archive, &name)? else {
            continue;
        };
        if manifest.get("manifests").is_some() {
            of_index(archive, &manifest, depth + 1, all)?;
            continue;
        }
        let config = manifest
            .get("config")
            .ok_or_else(|| format!("{name} names no config"))?;
        let layers = manifest.get("layers").and_then(Value::as_array);
        all.push(Image {
            config: blob(config)?,
            layers: layers
                .into_iter()
                .flatten()
                .map(blob)
                .collect::<Result<_, _>>()?,
        });
    }
    Ok(())
}

/// A file in JSON; none where it is not there.
pub(super) fn json(archive: &Archive, name: &str) -> Result<Option<Value>, String> {
    let failed = |e: &dyn std::fmt::Display| format!("{name}: {e}");
    let Some(file) = archive.file(name).map_err(|e| failed(&e))? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    file.take(MAX_JSON + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| failed(&e))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_JSON) {
        return Err(failed(&"it is larger than 8 MiB"));
    }
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| failed(&e))
}

fn text<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    of.get(key).and_then(Value::as_str)
}

/// The file of a descriptor.
fn blob(descriptor: &Value) -> Result<String, String> {
    let digest = text(descriptor, "digest").unwrap_or_default();
    let parts = digest.split_once(':').filter(|(algorithm, hex)| {
        algorithm.bytes().all(|b| b.is_ascii_alphanumeric())
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    });
    let (algorithm, hex) = parts.ok_or_else(|| format!("\"{digest}\" is no digest"))?;
    Ok(format!("blobs/{algorithm}/{hex}"))
}
