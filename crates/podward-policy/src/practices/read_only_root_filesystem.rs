//! `readOnlyRootFilesystem` is true in every container (NSA/CISA hardening guide, "immutable
//! container file systems"; a Linux field).

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "readOnlyRootFilesystem",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "the root file system of every container is read-only",
        why: "who breaks into a program can change it and leave tools behind where its files can be written",
        mend: "set securityContext.readOnlyRootFilesystem: true in each container, and mount an emptyDir where it writes",
        source: "container.securityContext.readOnlyRootFilesystem; NSA/CISA Kubernetes Hardening Guide",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      readOnlyRootFilesystem: true\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if os::windows(pod) {
        return;
    }
    for container in &pod.containers {
        let field = container.security(&["readOnlyRootFilesystem"]);
        if field.and_then(Node::as_bool) == Some(true) {
            continue;
        }
        let message = format!(
            "container \"{}\" can write to its root file system",
            container.name
        );
        let spot = pod.spot_in(
            container,
            "securityContext.readOnlyRootFilesystem",
            message,
            PRACTICE.rule.mend,
        );
        spots.push(spot.fixed_to(
            true,
            Safety::MayBreak(
                "a program that writes outside of its volumes fails, such as to /tmp or to its cache",
            ),
        ));
    }
}
