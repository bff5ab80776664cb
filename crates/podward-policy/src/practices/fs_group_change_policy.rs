//! Volumes with an fsGroup change the owner of their files once, not at each start (stable since 1.23).

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "fsGroupChangePolicy",
        severity: Severity::Info,
        profile: Profile::Podward,
        title: "a pod with an fsGroup and a persistent volume sets fsGroupChangePolicy",
        why: "the kubelet goes through every file of the volume each time the pod starts, which takes minutes where there are many",
        mend: "set fsGroupChangePolicy: OnRootMismatch in the securityContext of the pod",
        source: "pod.securityContext.fsGroupChangePolicy",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    fsGroup: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
        )],
        passes: &[
            pod!(
                "  securityContext:\n    fsGroup: 1000\n    fsGroupChangePolicy: OnRootMismatch\n  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: data\n    persistentVolumeClaim:\n      claimName: data\n"
            ),
            pod!(
                "  securityContext:\n    fsGroup: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let keeps = |(_, volume): (usize, &Node)| {
        volume.get("persistentVolumeClaim").is_some() || volume.get("ephemeral").is_some()
    };
    if !pod.is_since(20)
        || os::windows(pod)
        || pod.security(&["fsGroup"]).is_none()
        || pod.security(&["fsGroupChangePolicy"]).is_some()
        || !pod.volumes().any(keeps)
    {
        return;
    }
    let spot = pod.spot(
        "securityContext.fsGroupChangePolicy",
        "the owner of every file of the volume is set again at each start",
        PRACTICE.rule.mend,
    );
    spots.push(spot.fixed_to(
        "OnRootMismatch",
        Safety::MayBreak("files that got another group by other means keep it"),
    ));
}
