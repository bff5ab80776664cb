//! Only volumes that are no part of the node's own file system or drivers (restricted).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Severity, Version, words};

/// The sources that a volume may have at the level restricted.
pub const ALLOWED: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// The other sources of core/v1 `Volume`, the one that is told of two first. What is none of them the server does not see, and a
/// volume without a source becomes an emptyDir.
const FORBIDDEN: &[&str] = &[
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
];

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "restrictedVolumes",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "volumes are of the kinds that hold nothing of the node",
        why: "other kinds of volume read the node's disks, or are mounted by the node with its own rights and credentials",
        mend: "use configMap, csi, downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected or secret",
        source: STANDARDS,
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: logs\n    hostPath:\n      path: /var/log\n"
        )],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: logs\n    emptyDir: {}\n"
        )],
    },
    since: 0,
    replaces: Some("hostPathVolumes"),
    run,
};

fn source<'a>(volume: &'a Node, among: &[&'static str]) -> Option<&'static str> {
    among
        .iter()
        .find(|kind| {
            volume
                .get(kind)
                .is_some_and(|source: &'a Node| !source.is_null())
        })
        .copied()
}

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut kinds = BTreeSet::new();
    let mut spots = Vec::new();
    let volumes = pod.at(&["volumes"]).map_or(&[] as &[Node], Node::items);
    for (index, volume) in volumes.iter().enumerate() {
        if source(volume, ALLOWED).is_some() {
            continue;
        }
        let Some(kind) = source(volume, FORBIDDEN) else {
            continue;
        };
        let name = volume
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or_default();
        names.push(name);
        kinds.insert(kind);
        let mend = if kind == "hostPath" {
            "use an emptyDir for scratch space, a PersistentVolumeClaim for data, a configMap or a CSI volume for what the node hands out"
        } else {
            "use a PersistentVolumeClaim, or an inline CSI volume of the driver that serves it"
        };
        spots.push(pod.spot(
            &format!("volumes[{index}].{kind}"),
            format!("volume \"{name}\" is of the kind \"{kind}\""),
            mend,
        ));
    }
    Breach::unless_none(spots, "restricted volume types", || {
        format!(
            "volume{} {} {} restricted volume type{} {}",
            words::s(names.len()),
            words::quoted(&names),
            words::uses(names.len()),
            words::s(kinds.len()),
            words::quoted(&kinds)
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::tests::sentence;

    #[test]
    fn a_volume_without_a_source_is_an_empty_directory() {
        let spec = "volumes: [{name: a}, {name: b, hostPath: null}, {name: c, nfs: {}}]";
        let said = sentence(spec, crate::Level::Restricted);
        assert!(
            said.starts_with(
                "restricted volume types (volume \"c\" uses restricted volume type \"nfs\")"
            ),
            "{said}"
        );
    }
}
