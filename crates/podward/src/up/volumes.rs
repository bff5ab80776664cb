//! A pod's volumes, made as a kubelet makes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use podward_api::pod::{DownwardApi, KeyToPath, KeyedSource, Projected, Volume};
use podward_csi::{Payload, write};
use podward_identity::ServiceAccountTokens;
use serde_json::Value;
use zeroize::Zeroizing;

use super::csi;
use super::ids::own_number;
use super::node::Node;
use super::pods::Admitted;

/// Mode of files whose volume names none.
const DEFAULT_MODE: u32 = 0o644;

/// Lifetime of a projected token whose volume names none, seconds.
const DEFAULT_LIFETIME: u64 = 3600;

/// Where the volumes of a pod are, by name.
pub(super) type Places = BTreeMap<String, PathBuf>;

/// Makes all volumes of a pod.
pub(super) async fn make(node: &Node, admitted: &Admitted) -> Result<Places, String> {
    let root = node
        .run_folder
        .join("pods")
        .join(&admitted.pod.uid)
        .join("volumes");
    let mut places = Places::new();
    for volume in &admitted.spec.volumes {
        let place = one(node, admitted, volume, &root)
            .await
            .map_err(|e| format!("volume {:?}: {e}", volume.name))?;
        places.insert(volume.name.clone(), place);
    }
    Ok(places)
}

async fn one(
    node: &Node,
    admitted: &Admitted,
    volume: &Volume,
    root: &Path,
) -> Result<PathBuf, String> {
    let group = volume_group(node, admitted);
    let plugin = |name: &str| root.join(name).join(&volume.name);
    if let Some(host_path) = &volume.host_path {
        return Ok(PathBuf::from(&host_path.path));
    }
    if volume.csi.is_some() {
        let target = plugin("kubernetes.io~csi").join("mount");
        csi::publish(node, admitted, volume, group, &target).await?;
        return Ok(target);
    }
    let filled = content(node, admitted, volume)?;
    let folder = plugin(plugin_name(volume));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    match &filled {
        Some(payload) => {
            write(&folder, payload, group).map_err(|e| e.to_string())?;
            set_mode(&folder, 0o755)?;
        }
        // a source that only a cluster can give is an empty folder too
        None => set_mode(&folder, 0o777)?,
    }
    if let Some(group) = group {
        podward_sys::apply_fs_group(&folder, group, filled.is_some()).map_err(|e| e.to_string())?;
    }
    Ok(folder)
}

/// The folder of a kind of volume, named as a kubelet names it.
fn plugin_name(volume: &Volume) -> &'static str {
    if volume.config_map.is_some() {
        "kubernetes.io~configmap"
    } else if volume.secret.is_some() {
        "kubernetes.io~secret"
    } else if volume.downward_api.is_some() {
        "kubernetes.io~downward-api"
    } else if volume.projected.is_some() {
        "kubernetes.io~projected"
    } else {
        "kubernetes.io~empty-dir"
    }
}

/// The files of a volume that is filled with them; `None` of any other.
fn content(node: &Node, admitted: &Admitted, volume: &Volume) -> Result<Option<Payload>, String> {
    let mut payload = Payload::new();
    let mut from = |kind: &str, name: &str, source: &KeyedSource| {
        keyed(node, admitted, kind, name, source, None, &mut payload)
    };
    if let Some(source) = &volume.config_map {
        from("ConfigMap", &source.name, source)?;
    } else if let Some(source) = &volume.secret {
        from("Secret", &source.secret_name, source)?;
    } else if let Some(source) = &volume.downward_api {
        downward(node, admitted, source, &mut payload)?;
    } else if let Some(source) = &volume.projected {
        projected(node, admitted, source, &mut payload)?;
    } else {
        return Ok(None);
    }
    Ok(Some(payload))
}

/// Writes anew what objects of the folder and the issuer fill. A volume whose objects are gone keeps
/// what it holds.
pub(super) fn refresh(node: &Node, admitted: &Admitted, places: &Places) -> Result<(), String> {
    for volume in &admitted.spec.volumes {
        let Some(place) = places.get(&volume.name).filter(|_| volume.csi.is_none()) else {
            continue;
        };
        let at = |e: String| format!("volume {:?}: {e}", volume.name);
        if let Some(payload) = content(node, admitted, volume).map_err(at)? {
            write(place, &payload, volume_group(node, admitted)).map_err(|e| at(e.to_string()))?;
        }
    }
    Ok(())
}

/// After how long the first service account token of a pod is to be made anew: at four fifths of its
/// life, as a kubelet does.
pub(super) fn token_lifetime(admitted: &Admitted) -> Option<Duration> {
    let projected = admitted
        .spec
        .volumes
        .iter()
        .filter_map(|v| v.projected.as_ref());
    let tokens = projected
        .flat_map(|projected| &projected.sources)
        .filter_map(|source| source.service_account_token.as_ref());
    tokens
        .map(|token| token.expiration_seconds.unwrap_or(DEFAULT_LIFETIME))
        .min()
        .map(|seconds| Duration::from_secs(seconds).mul_f64(0.8))
}

/// The group that volumes are given to.
fn volume_group(node: &Node, admitted: &Admitted) -> Option<u32> {
    let group = admitted.spec.security_context.fs_group;
    group.map(|group| own_number(node.ids, group))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(|e| e.to_string())
}

/// The bytes of one key of a ConfigMap or Secret.
pub(super) fn value_of(kind: &str, object: &Value, key: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = |field: &str| object.get(field)?.get(key)?.as_str();
    let decode = |text: &str| {
        base64::engine::general_purpose::STANDARD
            .decode(text.trim())
            .ok()
    };
    let bytes = if kind == "Secret" {
        text("stringData")
            .map(|t| t.as_bytes().to_vec())
            .or_else(|| decode(text("data")?))
    } else {
        text("data")
            .map(|t| t.as_bytes().to_vec())
            .or_else(|| decode(text("binaryData")?))
    };
    bytes.map(Zeroizing::new)
}

/// All keys of a ConfigMap or Secret.
pub(super) fn keys_of(kind: &str, object: &Value) -> Vec<String> {
    let fields = if kind == "Secret" {
        ["data", "stringData"]
    } else {
        ["data", "binaryData"]
    };
    let mut keys: Vec<String> = fields
        .iter()
        .filter_map(|f| object.get(f)?.as_object())
        .flat_map(|m| m.keys().cloned())
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

fn keyed(
    node: &Node,
    admitted: &Admitted,
    kind: &str,
    name: &str,
    source: &KeyedSource,
    mode: Option<u32>,
    payload: &mut Payload,
) -> Result<(), String> {
    let view = node.cluster.snapshot();
    let Some(object) = view.get(kind, &admitted.pod.namespace, name) else {
        return if source.optional {
            Ok(())
        } else {
            Err(format!(
                "{kind} {}/{name} is not in the folder",
                admitted.pod.namespace
            ))
        };
    };
    let all: Vec<KeyToPath> = if source.items.is_empty() {
        keys_of(kind, object)
            .into_iter()
            .map(|key| KeyToPath {
                path: key.clone(),
                key,
                mode: None,
            })
            .collect()
    } else {
        source.items.clone()
    };
    for item in all {
        match value_of(kind, object, &item.key) {
            Some(bytes) => {
                let mode = item
                    .mode
                    .or(source.default_mode)
                    .or(mode)
                    .unwrap_or(DEFAULT_MODE);
                payload.insert(item.path, (mode, bytes));
            }
            None if source.optional => {}
            None => return Err(format!("{kind} {name} has no key {:?}", item.key)),
        }
    }
    Ok(())
}

fn downward(
    node: &Node,
    admitted: &Admitted,
    source: &DownwardApi,
    payload: &mut Payload,
) -> Result<(), String> {
    for item in &source.items {
        let path = item
            .field_ref
            .as_ref()
            .map(|field| field.field_path.as_str())
            .unwrap_or_default();
        let text = field(node, admitted, path)
            .ok_or_else(|| format!("the field {path:?} is not served"))?;
        payload.insert(
            item.path.clone(),
            (DEFAULT_MODE, Zeroizing::new(text.into_bytes())),
        );
    }
    Ok(())
}

fn projected(
    node: &Node,
    admitted: &Admitted,
    source: &Projected,
    payload: &mut Payload,
) -> Result<(), String> {
    let mode = source.default_mode;
    for projection in &source.sources {
        if let Some(source) = &projection.config_map {
            keyed(
                node,
                admitted,
                "ConfigMap",
                &source.name,
                source,
                mode,
                payload,
            )?;
        }
        if let Some(source) = &projection.secret {
            keyed(
                node,
                admitted,
                "Secret",
                &source.name,
                source,
                mode,
                payload,
            )?;
        }
        if let Some(source) = &projection.downward_api {
            downward(node, admitted, source, payload)?;
        }
        if let Some(token) = &projection.service_account_token {
            let audience = if token.audience.is_empty() {
                podward_cloud::ISSUER
            } else {
                &token.audience
            };
            let lifetime =
                Duration::from_secs(token.expiration_seconds.unwrap_or(DEFAULT_LIFETIME));
            let issued = node.issuer.issue(&admitted.pod, audience, lifetime)?;
            // the kubelet's rule: the group alone where there is one, else whoever is in the pod
            let mode = if admitted.spec.security_context.fs_group.is_some() {
                0o640
            } else {
                DEFAULT_MODE
            };
            let bytes = Zeroizing::new(issued.expose().as_bytes().to_vec());
            payload.insert(token.path.clone(), (mode, bytes));
        }
    }
    Ok(())
}

/// A field of the pod, as the downward API names it.
pub(super) fn field(node: &Node, admitted: &Admitted, path: &str) -> Option<String> {
    let pod = &admitted.pod;
    let entry = |prefix: &str| {
        path.strip_prefix(prefix)?
            .strip_prefix("['")?
            .strip_suffix("']")
    };
    let lines = |pairs: Vec<String>| pairs.join("\n");
    match path {
        "metadata.name" => Some(pod.name.clone()),
        "metadata.namespace" => Some(pod.namespace.clone()),
        "metadata.uid" => Some(pod.uid.clone()),
        "spec.serviceAccountName" => Some(pod.service_account.clone()),
        "spec.nodeName" => Some(node.name.clone()),
        "status.podIP" => Some(node.pod_ip().to_string()),
        "status.hostIP" => Some("127.0.0.1".into()),
        "metadata.labels" => Some(lines(
            pod.labels
                .iter()
                .map(|(k, v)| format!("{k}={v:?}"))
                .collect(),
        )),
        "metadata.annotations" => Some(lines(
            admitted
                .annotations
                .iter()
                .map(|(k, v)| format!("{k}={v:?}"))
                .collect(),
        )),
        _ => {
            if let Some(name) = entry("metadata.labels") {
                return Some(pod.labels.get(name).cloned().unwrap_or_default());
            }
            let name = entry("metadata.annotations")?;
            Some(
                admitted
                    .annotations
                    .iter()
                    .find(|(k, _)| k == name)
                    .map(|(_, v)| v.clone())
                    .unwrap_or_default(),
            )
        }
    }
}
