//! No directory of the node (baseline).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "hostPathVolumes",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no volume is a directory of the node",
        why: "a directory of the node holds the credentials of its kubelet and the files of other pods, and writing to it takes the node",
        mend: "use a persistentVolumeClaim, an emptyDir or a CSI volume",
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
    replaces: None,
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut spots = Vec::new();
    let volumes = pod.at(&["volumes"]).map_or(&[] as &[Node], Node::items);
    for (index, volume) in volumes.iter().enumerate() {
        if volume
            .get("hostPath")
            .is_some_and(|source| !source.is_null())
        {
            let name = volume
                .get("name")
                .and_then(Node::as_str)
                .unwrap_or_default();
            names.push(name);
            spots.push(pod.spot(
                &format!("volumes[{index}].hostPath"),
                format!("volume \"{name}\" is a directory of the node"),
                "use an emptyDir for scratch space, a PersistentVolumeClaim for data, a configMap or a CSI volume for what the node hands out",
            ));
        }
    }
    Breach::unless_none(spots, "hostPath volumes", || {
        format!("volume{} {}", words::s(names.len()), words::quoted(&names))
    })
}
