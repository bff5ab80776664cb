//! What strict decoding refuses in the manifests that `PODWARD_CONFORMANCE` names.

use std::path::{Path, PathBuf};

use podward_manifest::{objects, parse, strict};

pub(crate) fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

/// Each was looked up: a slip of the hand, a field of another struct, a placeholder where a number
/// belongs.
const FAULTS: &[&str] = &[
    "kubernetes-examples/_archived/volumes/fibre_channel/fc.yaml:17 Pod: spec.volumes[0].fc.lun must be a whole number of 32 bits, and is text",
    "kubernetes-examples/_archived/volumes/rbd/rbd.yaml:25 Pod: unknown field \"spec.volumes[0].rbd.imageformat\"",
    "kubernetes-examples/_archived/volumes/rbd/rbd.yaml:26 Pod: unknown field \"spec.volumes[0].rbd.imagefeatures\"",
    "kubernetes-examples/_archived/volumes/scaleio/pod.yaml:17 Pod: unknown field \"spec.volumes[0].scaleIO.protectionDoamin\"",
    "kubernetes-examples/_archived/volumes/storageos/storageos-pod.yaml:35 Pod: unknown field \"spec.volumes[0].storageos.pool\"",
    "kubernetes-examples/_archived/volumes/storageos/storageos-pv.yaml:22 PersistentVolume: unknown field \"spec.storageos.secretName\"",
    "kyverno-pod-security/pod-security/restricted/require-run-as-nonroot/.chainsaw-test/pod-bad.yaml:223 Pod: unknown field \"spec.securityContext.allowPrivilegeEscalation\"",
    "kyverno-pod-security/pod-security/restricted/require-run-as-nonroot/.kyverno-test/resource.yaml:225 Pod: unknown field \"spec.securityContext.allowPrivilegeEscalation\"",
];

#[test]
fn real_manifests() {
    let Some(folder) = std::env::var_os("PODWARD_CONFORMANCE") else {
        eprintln!("real_manifests: skipped, PODWARD_CONFORMANCE is not set");
        return;
    };
    let folder = Path::new(&folder).join("manifests");
    let mut paths = Vec::new();
    files(&folder, &mut paths);
    let mut said = Vec::new();
    for path in paths {
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy();
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let Ok(documents) = parse(&name, &text) else {
            continue;
        };
        let lines = text.lines().count();
        for object in documents
            .into_iter()
            .filter_map(|d| objects(d).ok())
            .flatten()
        {
            for fault in strict(&object) {
                assert!(fault.position.line <= lines);
                let kind = &object.kind;
                said.push(format!(
                    "{name}:{} {kind}: {}",
                    fault.position.line, fault.message
                ));
            }
        }
    }
    assert_eq!(said, FAULTS);
}
