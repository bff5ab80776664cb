//! What the pod asks for is there in the version of Kubernetes that counts (the version in which it was on by default).

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "featureVersion",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "what the pod asks for is there in the version of Kubernetes it is judged for",
        why: "an API server that does not know a field drops it, and one whose feature is off ignores it: what it asks for does not hold",
        mend: "take it out, or upgrade; podward check --kubernetes-version says which version counts",
        source: "feature gates: https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/; documentation of the secrets store CSI driver",
        remedy: Remedy::ByHand,
        as_of: Version::V1(28),
        file: "web.yaml",
        fails: &[
            pod!(
                "  hostUsers: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  securityContext:\n    appArmorProfile:\n      type: RuntimeDefault\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
        passes: &[
            pod!(
                "  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: secrets\n    csi:\n      driver: secrets-store.csi.k8s.io\n      readOnly: true\n      volumeAttributes:\n        secretProviderClass: web\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

/// Path of a field of the pod's spec, and the minor version that had it on by default.
const POD: &[(&[&str], u32)] = &[
    (&["ephemeralContainers"], 23),
    (&["hostUsers"], 33),
    (&["os"], 24),
    (&["securityContext", "appArmorProfile"], 30),
    (&["securityContext", "fsGroupChangePolicy"], 20),
    (&["securityContext", "seccompProfile"], 19),
    (&["securityContext", "supplementalGroupsPolicy"], 33),
    (&["securityContext", "windowsOptions"], 16),
    (&["securityContext", "windowsOptions", "hostProcess"], 23),
];
/// The same of a container.
const CONTAINER: &[(&[&str], u32)] = &[
    (&["securityContext", "appArmorProfile"], 30),
    (&["securityContext", "procMount"], 33),
    (&["securityContext", "seccompProfile"], 19),
    (&["securityContext", "windowsOptions"], 16),
    (&["securityContext", "windowsOptions", "hostProcess"], 23),
];
/// The driver that mounts secrets of a vault.
const SECRETS_STORE: &str = "secrets-store.csi.k8s.io";

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    // all of it is there
    if pod.is_since(33) {
        return;
    }
    let asked = scene.settings.version.minor();
    let say = |what: &str, since: u32| {
        format!("{what} does nothing before Kubernetes 1.{since}, and 1.{asked} is what counts")
    };
    for (path, since) in POD.iter().filter(|(_, since)| !pod.is_since(*since)) {
        if pod.at(path).is_some() {
            let path = path.join(".");
            spots.push(pod.spot(&path, say(&path, *since), PRACTICE.rule.mend));
        }
    }
    for container in &pod.containers {
        for (path, since) in CONTAINER.iter().filter(|(_, since)| !pod.is_since(*since)) {
            if container.node.at(path).is_some_and(|node| !node.is_null()) {
                let path = path.join(".");
                spots.push(pod.spot_in(container, &path, say(&path, *since), PRACTICE.rule.mend));
            }
        }
    }
    let (system, since) = if os::windows(pod) {
        ("Windows", 18)
    } else {
        ("Linux", 16)
    };
    for (index, volume) in pod.volumes() {
        let driver = volume.at(&["csi", "driver"]).and_then(Node::as_str);
        if driver == Some(SECRETS_STORE) && !pod.is_since(since) {
            let message = format!(
                "the secrets store CSI driver needs Kubernetes 1.{since} on {system}, and 1.{asked} is what counts"
            );
            spots.push(pod.spot(
                &format!("volumes[{index}].csi.driver"),
                message,
                PRACTICE.rule.mend,
            ));
        }
    }
}
