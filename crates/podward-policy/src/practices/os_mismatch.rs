//! spec.os and what selects the node name one operating system (the kubelet checks the first).

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "osMismatch",
        severity: Severity::Error,
        profile: Profile::Podward,
        title: "spec.os names an operating system, and the selection of the node the same",
        why: "the API server takes linux and windows alone, and of two names no node takes the pod, or the kubelet of the one that does refuses it",
        mend: "name one operating system in spec.os.name and in the nodeSelector kubernetes.io/os",
        source: "pod.spec.os.name, pod.spec.nodeSelector; KEP-2802",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  os:\n    name: linux\n  nodeSelector:\n    kubernetes.io/os: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: Windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
        passes: &[
            pod!(
                "  os:\n    name: windows\n  nodeSelector:\n    kubernetes.io/os: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if let Some((written, meant)) = os::misspelt(pod) {
        let message = format!("spec.os.name is {written:?}, which is none of linux and windows");
        let mend = match meant {
            Some(meant) => format!("write os.name: {meant}"),
            None => "write linux or windows, or take os out".to_owned(),
        };
        spots.push(pod.spot("os.name", message, mend));
    } else if let (Some(said), Some(selected)) = (os::said(pod), os::selected(pod))
        && said != selected
    {
        let message = format!("the pod is for {said}, and its node is chosen to be {selected}");
        spots.push(pod.spot("os.name", message, PRACTICE.rule.mend));
    }
}
