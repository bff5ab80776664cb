//! A pod for Windows says so in spec.os, by which alone Pod Security knows it (stable since 1.25).

use podward_manifest::Node;

use super::windows_pod_linux_field;
use crate::check::Spot;
use crate::os;
use crate::pod::Pod;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "osUnset",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "a pod that is meant for Windows says so in spec.os.name",
        why: "Pod Security asks of it what only Linux has, such as a seccomp profile, and the API server lets fields through that do nothing on Windows: a node selector or a toleration does not count",
        mend: "set spec.os.name: windows",
        source: "pod.spec.os.name; Pod Security Standards, \"OS-specific policy controls\"",
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  nodeSelector:\n    kubernetes.io/os: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  affinity:\n    nodeAffinity:\n      requiredDuringSchedulingIgnoredDuringExecution:\n        nodeSelectorTerms:\n        - matchExpressions:\n          - key: kubernetes.io/os\n            operator: In\n            values: [windows]\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
        passes: &[
            pod!(
                "  os:\n    name: windows\n  nodeSelector:\n    kubernetes.io/os: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  nodeSelector:\n    kubernetes.io/os: linux\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

/// Without a chosen node it may run on Linux, where what it has of Windows does nothing.
const BREAKS: Safety =
    Safety::MayBreak("a pod that runs on a Linux node does not start there any more");

const BOTH: &str =
    "say in spec.os.name which system the pod is for, and take out what only the other one knows";

/// Whether a process of the host is asked for, which no cross-platform chart writes for Linux as well.
fn is_of_host(pod: &Pod<'_>) -> bool {
    let field = ["windowsOptions", "hostProcess"];
    let is_one = |node: Option<&Node>| node.and_then(Node::as_bool) == Some(true);
    is_one(pod.security(&field)) || pod.containers.iter().any(|c| is_one(c.security(&field)))
}

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if !pod.is_since(25) || os::said(pod).is_some() {
        return;
    }
    let (by, safety) = match (os::selected(pod), os::hints_at_windows(pod)) {
        (Some("windows"), _) => ("its node is chosen to be windows", Some(Safety::Safe)),
        // for which of the two it is made nobody can tell, and the fields of the other would go
        (None, Some(by)) if !is_of_host(pod) && windows_pod_linux_field::has_any(pod) => (by, None),
        (None, Some(by)) => (by, Some(BREAKS)),
        _ => return,
    };
    let message = format!("spec.os does not say that the pod is for Windows, though {by}");
    let spot = pod.spot("os.name", message, PRACTICE.rule.mend);
    spots.push(match safety {
        Some(safety) => spot.fixed_to("windows", safety),
        None => spot.mended_by_hand(BOTH),
    });
}
