//! No directory of the node (baseline).

use podward_manifest::Node;

use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::{Level, words};

pub(super) const CHECK: Check = Check {
    id: "hostPathVolumes",
    level: Level::Baseline,
    since: 0,
    replaces: None,
    why: "a directory of the node holds the credentials of its kubelet and the files of other pods, and writing to it takes the node",
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
