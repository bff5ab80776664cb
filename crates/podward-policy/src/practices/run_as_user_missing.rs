//! The user id of every container is set (Pod Security leaves it to the image).

use crate::check::Spot;
use crate::os;
use crate::pod::User;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "runAsUserMissing",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "runAsUser is set for every container, on it or on its pod",
        why: "the image decides who the program is: a new image may be root, and of a user that an image names by a word the kubelet cannot tell whether it is",
        mend: "set runAsUser in the securityContext of the pod to the id that the image is made for, such as 1000",
        source: "pod.securityContext.runAsUser, container.securityContext.runAsUser",
        remedy: Remedy::Decision,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            PLAIN,
            pod!(
                "  securityContext:\n    runAsNonRoot: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
        passes: &[
            pod!(
                "  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  hostUsers: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

const BREAKS: &str =
    "a program that cannot read its files as another user than its image's does not start";

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    // the users of a user namespace are nobody's outside of it
    if os::windows(pod) || pod.own_users() {
        return;
    }
    for container in &pod.containers {
        let message = match pod.user(container) {
            User::Root | User::Id(_) => continue,
            User::NotRoot => format!(
                "container \"{}\" runs as its image's user, and starts only if that is a number and not 0",
                container.name
            ),
            User::Unknown => format!(
                "container \"{}\" runs as whatever user its image says",
                container.name
            ),
        };
        let spot = pod.spot_in(
            container,
            "securityContext.runAsUser",
            message,
            PRACTICE.rule.mend,
        );
        let field = pod.path_of("securityContext.runAsUser");
        let chosen = scene.settings.ids.run_as_user;
        spots.push(spot.fixed_to_id(field, chosen, 1000, BREAKS));
    }
}
