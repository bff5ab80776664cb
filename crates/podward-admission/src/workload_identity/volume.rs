//! The volume with the projected token, and where containers have it.

use aws_lc_rs::digest::{SHA256, digest};
use podward_api::workload_identity::{MOUNT_PATH, TOKEN_PATH};
use serde_json::{Map, Value, json};

use super::{list, text};

/// How the volume's name begins.
const PREFIX: &str = "azure-workload-identity-reserved";

/// The volume's name: of the pod's, so that no author's volume has it by chance.
pub(super) fn name(pod: &Value) -> String {
    let of = |field| text(pod, "/metadata", field).filter(|name| !name.is_empty());
    let seed = match (of("name"), of("generateName")) {
        (Some(name), _) => name.to_owned(),
        (None, prefix) => format!("{} (prefix)", prefix.unwrap_or_default()),
    };
    let digest = digest(&SHA256, seed.as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .take(15)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{PREFIX}-{hex}")
}

/// Adds the volume of this name. One that is something else is replaced, as by azure-workload-identity, and a warning
/// is given.
pub(super) fn project(
    spec: &mut Map<String, Value>,
    name: &str,
    sources: Vec<Value>,
) -> Option<String> {
    let sources = Value::Array(sources);
    let volumes = list(spec, "volumes");
    let there = volumes.iter_mut().find(|one| is_named(one, name));
    // what the API server fills in beside the sources stays
    let is_it = |one: &Value| one.pointer("/projected/sources") == Some(&sources);
    match there {
        Some(one) if is_it(one) => None,
        Some(one) => {
            *one = json!({"name": name, "projected": {"sources": sources}});
            Some(format!(
                "podward: the volume {name:?} is replaced: its name is kept for the token"
            ))
        }
        None => {
            volumes.push(json!({"name": name, "projected": {"sources": sources}}));
            None
        }
    }
}

/// Mounts the volume in a container. Where another volume is mounted in that place it stays, and its name is given: the
/// API server refuses a place that is mounted twice.
pub(super) fn mount(container: &mut Map<String, Value>, volume: &str) -> Option<Mounted> {
    let mounts = list(container, "volumeMounts");
    let is_at = |one: &Value| {
        let path = one.get("mountPath").and_then(Value::as_str);
        path.is_some_and(|path| path.trim_end_matches('/') == MOUNT_PATH)
    };
    let is_own = |one: &Value| is_named(one, volume);
    let mut others = mounts.iter().filter(|one| is_at(one) && !is_own(one));
    if let Some(other) = others.next() {
        return Some(Mounted {
            volume: other.get("name")?.as_str()?.to_owned(),
            is_whole: ["subPath", "subPathExpr"]
                .iter()
                .all(|field| other.get(field).is_none()),
        });
    }
    let mount = json!({"name": volume, "mountPath": MOUNT_PATH, "readOnly": true});
    let in_place = mounts.iter().position(|one| is_own(one) && is_at(one));
    let there = in_place.or_else(|| mounts.iter().position(is_own));
    match there.and_then(|at| mounts.get_mut(at)) {
        Some(one) => *one = mount,
        None => mounts.push(mount),
    }
    None
}

/// A volume of the author's in the token's place.
pub(super) struct Mounted {
    /// Its name.
    pub(super) volume: String,
    /// Whether all of it is there, and not a folder of it.
    is_whole: bool,
}

impl Mounted {
    /// Whether it is known to have a token where the variables say that there is one.
    pub(super) fn has_token(&self, volumes: Option<&Value>) -> bool {
        let mut volumes = volumes.and_then(Value::as_array).into_iter().flatten();
        let volume = volumes.find(|one| is_named(one, &self.volume));
        let sources = volume.and_then(|one| one.pointer("/projected/sources")?.as_array());
        let is_token = |one: &Value| {
            let path = one.pointer("/serviceAccountToken/path");
            path.and_then(Value::as_str) == Some(TOKEN_PATH)
        };
        self.is_whole && sources.is_some_and(|all| all.iter().any(is_token))
    }
}

fn is_named(one: &Value, name: &str) -> bool {
    one.get("name").and_then(Value::as_str) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_is_named_after_the_pod() {
        let hex = |seed: &str| -> String {
            let digest = digest(&SHA256, seed.as_bytes());
            digest
                .as_ref()
                .iter()
                .take(15)
                .map(|b| format!("{b:02x}"))
                .collect()
        };
        for (metadata, seed) in [
            (json!({"name": "web"}), "web"),
            (json!({"name": "", "generateName": "web-"}), "web- (prefix)"),
        ] {
            let name = name(&json!({ "metadata": metadata }));
            assert_eq!(name, format!("{PREFIX}-{}", hex(seed)));
            assert_eq!(name.len(), 63);
        }
    }

    fn mounted(mounts: &Value) -> (Value, Option<String>) {
        let mut container = Map::from_iter([("volumeMounts".to_owned(), mounts.clone())]);
        let other = mount(&mut container, "own");
        let once = container.clone();
        assert_eq!(mount(&mut container, "own").is_some(), other.is_some());
        assert_eq!(container, once);
        (
            container["volumeMounts"].clone(),
            other.map(|one| one.volume),
        )
    }

    #[test]
    fn a_mount_of_the_volume_is_made_right_and_another_in_its_place_stays() {
        let own = json!({"name": "own", "mountPath": MOUNT_PATH, "readOnly": true});
        let data = json!({"name": "own", "mountPath": "/data"});
        let other = json!({"name": "other", "mountPath": "/other"});
        for (mounts, want) in [
            (json!([]), json!([own])),
            (json!([other]), json!([other, own])),
            (json!([data, other]), json!([own, other])),
            (
                json!([data, {"name": "own", "mountPath": "/var/run/secrets/azure/wi/", "subPath": "x"}]),
                json!([data, own]),
            ),
        ] {
            assert_eq!(mounted(&mounts), (want, None));
        }
        for path in [MOUNT_PATH, "/var/run/secrets/azure/wi/"] {
            let mounts = json!([data, {"name": "mine", "mountPath": path}]);
            assert_eq!(mounted(&mounts), (mounts.clone(), Some("mine".into())));
        }
    }
}
