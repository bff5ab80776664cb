//! The group of the pod's volumes is set where a volume honours it, and is not 0.

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "fsGroup",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "fsGroup is set where a volume honours it, and is not 0",
        why: "without it files of a volume belong to whoever made it, most often root: the program cannot write there, and is made root so that it can",
        mend: "set fsGroup in the securityContext of the pod to an id that is not 0, such as 1000",
        source: "pod.securityContext.fsGroup",
        remedy: Remedy::Decision,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
            ),
            pod!(
                "  securityContext:\n    fsGroup: 0\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
        passes: &[
            pod!(
                "  securityContext:\n    fsGroup: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

const BREAKS: &str = "files of the volume change their group, which another program may count on";

/// Sources whose files the kubelet or the driver gives to `fsGroup`, and that hold what is written.
const HONOUR: &[&str] = &["persistentVolumeClaim", "ephemeral", "csi"];

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if os::windows(pod) {
        return;
    }
    let honours =
        |(_, volume): &(usize, &Node)| HONOUR.iter().any(|kind| volume.get(kind).is_some());
    let by = pod.volumes().find(honours);
    let name = |volume: &Node| {
        volume
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let (message, is_hint) = match (pod.security(&["fsGroup"]).map(Node::as_i64), by) {
        (Some(Some(0)), _) if !pod.own_users() => (
            "the group of the pod's volumes is 0, that of root".to_owned(),
            false,
        ),
        (Some(_), _) => return,
        (None, Some((_, volume))) => (
            format!(
                "the volume \"{}\" has no group that the pod's programs are in",
                name(volume)
            ),
            false,
        ),
        (None, None) => (
            "the pod's volumes have no group; none of them needs one today".to_owned(),
            true,
        ),
    };
    let spot = pod.spot("securityContext.fsGroup", message, PRACTICE.rule.mend);
    let field = pod.path_of("securityContext.fsGroup");
    let spot = spot.fixed_to_id(field, scene.settings.ids.fs_group, 1000, BREAKS);
    spots.push(if is_hint { spot.hint() } else { spot });
}
