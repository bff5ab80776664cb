//! No container is in the group root.

use podward_manifest::Node;

use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "supplementalGroups",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "supplementalGroups does not hold 0",
        why: "files of the group root can be read and written in every volume that the pod mounts",
        mend: "take 0 out of supplementalGroups",
        source: "pod.securityContext.supplementalGroups",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    supplementalGroups: [0, 2000]\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  securityContext:\n    supplementalGroups: [2000]\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let groups = pod.security(&["supplementalGroups"]);
    let groups = groups.map_or(&[] as &[Node], Node::items).iter();
    for (index, _) in groups
        .enumerate()
        .filter(|(_, group)| group.as_i64() == Some(0))
    {
        spots.push(
            pod.spot(
                &format!("securityContext.supplementalGroups[{index}]"),
                "every container is in the group 0, that of root",
                PRACTICE.rule.mend,
            )
            .taken_out(Safety::MayBreak(
                "files that only the group 0 may read cannot be read any more",
            )),
        );
    }
}
