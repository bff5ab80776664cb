//! The groups of /etc/group in an image do not add to those of the manifest (on by default since 1.33).

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "supplementalGroupsPolicy",
        severity: Severity::Info,
        profile: Profile::Podward,
        title: "supplementalGroupsPolicy is Strict where the manifest sets users or groups",
        why: "/etc/group of the image adds groups to those that the manifest names, and no rule on manifests sees them",
        mend: "set supplementalGroupsPolicy: Strict in the securityContext of the pod; nodes need a runtime that knows it, such as containerd 2.0",
        source: "pod.securityContext.supplementalGroupsPolicy; KEP-3619",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    runAsUser: 1000\n    supplementalGroups: [2000]\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[
            pod!(
                "  securityContext:\n    runAsUser: 1000\n    supplementalGroups: [2000]\n    supplementalGroupsPolicy: Strict\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let sets = ["runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"];
    let sets_some = sets.iter().any(|field| pod.security(&[field]).is_some());
    let is_strict = pod
        .security(&["supplementalGroupsPolicy"])
        .and_then(Node::as_str)
        == Some("Strict");
    if !pod.is_since(33) || os::windows(pod) || !sets_some || is_strict {
        return;
    }
    let spot = pod.spot(
        "securityContext.supplementalGroupsPolicy",
        "the image may add groups to those of the manifest",
        PRACTICE.rule.mend,
    );
    spots.push(spot.fixed_to(
        "Strict",
        Safety::MayBreak("a program that needs a group of its image's /etc/group is not in it, and a node whose runtime does not know the policy refuses the pod"),
    ));
}
