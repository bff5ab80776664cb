//! The primary group of every container is set and is not 0.

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "runAsGroup",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "runAsGroup is set for every container, and is not 0",
        why: "without it the primary group is the image's, most often 0: files of the group root can be read, and files made belong to it",
        mend: "set runAsGroup in the securityContext of the pod to an id that is not 0, such as 1000",
        source: "pod.securityContext.runAsGroup, container.securityContext.runAsGroup",
        remedy: Remedy::Decision,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            PLAIN,
            pod!(
                "  securityContext:\n    runAsUser: 1000\n    runAsGroup: 0\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
        passes: &[
            pod!(
                "  securityContext:\n    runAsGroup: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  hostUsers: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

const BREAKS: &str = "a program that reads its files by the group of its image does not find them";

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if os::windows(pod) || pod.own_users() {
        return;
    }
    let chosen = scene.settings.ids.run_as_group;
    for container in &pod.containers {
        let on_container = container.security(&["runAsGroup"]).is_some();
        let field = if on_container {
            pod.path_of(&container.path_of("securityContext.runAsGroup"))
        } else {
            pod.path_of("securityContext.runAsGroup")
        };
        let message = match pod.effective(container, "runAsGroup").map(Node::as_i64) {
            None => format!(
                "container \"{}\" has no primary group of its own: it is the image's, or 0",
                container.name
            ),
            Some(Some(0)) => format!(
                "the primary group of container \"{}\" is 0, that of root",
                container.name
            ),
            Some(_) => continue,
        };
        let spot = if on_container || pod.security(&["runAsGroup"]).is_none() {
            pod.spot_in(
                container,
                "securityContext.runAsGroup",
                message,
                PRACTICE.rule.mend,
            )
        } else {
            pod.spot("securityContext.runAsGroup", message, PRACTICE.rule.mend)
        };
        spots.push(spot.fixed_to_id(field, chosen, 1000, BREAKS));
    }
}
