//! A directory of the node is mounted read-only.

use podward_manifest::Node;

use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "writableHostPath",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "a hostPath volume is mounted read-only",
        why: "who writes to the node's files can put a program, a key or a static pod there, and is root on the node",
        mend: "set readOnly: true in the volumeMount, or use a volume that is not of the node",
        source: "container.volumeMounts[].readOnly; NSA/CISA Kubernetes Hardening Guide",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: /host\n  volumes:\n  - name: host\n    hostPath:\n      path: /var/log\n"
        )],
        passes: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: /host\n      readOnly: true\n  volumes:\n  - name: host\n    hostPath:\n      path: /var/log\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let of_node: Vec<_> = pod
        .volumes()
        .filter_map(|(_, volume)| {
            let path = volume.at(&["hostPath", "path"])?.as_str()?;
            Some((volume.get("name")?.as_str()?, path))
        })
        .collect();
    if of_node.is_empty() {
        return;
    }
    for container in &pod.containers {
        for (index, mount) in container.list("volumeMounts") {
            let name = mount.get("name").and_then(Node::as_str);
            let Some((_, path)) = of_node.iter().find(|(volume, _)| Some(*volume) == name) else {
                continue;
            };
            if mount.get("readOnly").and_then(Node::as_bool) == Some(true) {
                continue;
            }
            let message = format!(
                "container \"{}\" can write to {path} of the node",
                container.name
            );
            let field = format!("volumeMounts[{index}].readOnly");
            let spot = pod.spot_in(container, &field, message, PRACTICE.rule.mend);
            spots.push(spot.fixed_to(true, Safety::MayBreak("a program that writes there fails")));
        }
    }
}
