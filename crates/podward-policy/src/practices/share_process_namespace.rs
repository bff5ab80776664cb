//! Containers of a pod do not see each other's processes.

use podward_manifest::Node;

use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "shareProcessNamespace",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "shareProcessNamespace is not true",
        why: "each container sees the processes of the others, and those of the same user their environment, memory and files (/proc/PID/root)",
        mend: "take shareProcessNamespace out; to debug, kubectl debug --target shares the processes of one container for as long as it is needed",
        source: "pod.spec.shareProcessNamespace",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  shareProcessNamespace: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[PLAIN],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if pod.at(&["shareProcessNamespace"]).and_then(Node::as_bool) == Some(true) {
        let message = "every container of the pod sees the processes of the others";
        let spot = pod.spot("shareProcessNamespace", message, PRACTICE.rule.mend);
        spots.push(spot.fixed_to(
            false,
            Safety::MayBreak(
                "a container that signals or watches the processes of another does not find them",
            ),
        ));
    }
}
