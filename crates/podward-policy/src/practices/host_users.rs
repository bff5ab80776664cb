//! The pod has users of its own (user namespaces, on by default since 1.33).

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "hostUsers",
        severity: Severity::Info,
        profile: Profile::Podward,
        title: "hostUsers is false: root in the pod is nobody on the node",
        why: "who breaks out of a container is the same user on the node, and root there is root",
        mend: "set hostUsers: false; nodes need Linux 6.3 and a runtime that knows user namespaces, such as containerd 2.0",
        source: "pod.spec.hostUsers; KEP-127",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[
            pod!(
                "  hostUsers: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  hostNetwork: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let true_at = |field| pod.at(&[field]).and_then(Node::as_bool) == Some(true);
    // the API server refuses both together
    let shares = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .any(true_at);
    let block = pod
        .containers
        .iter()
        .any(|c| c.list("volumeDevices").next().is_some());
    if !pod.is_since(33) || os::windows(pod) || pod.own_users() || shares || block {
        return;
    }
    let spot = pod.spot(
        "hostUsers",
        "users of the pod are users of the node",
        PRACTICE.rule.mend,
    );
    spots.push(spot.fixed_to(
        false,
        Safety::MayBreak("a node or a volume that does not know user namespaces refuses the pod"),
    ));
}
