//! `runAsNonRoot` is true for every container, and false nowhere (restricted; since 1.35 not asked
//! of pods with users of their own; asked of Windows pods too).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::os;
use crate::pod::{Container, Pod, User};
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "runAsNonRoot",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "runAsNonRoot is true for every container, and false nowhere",
        why: "root in a container is root on the node once it finds a way out, and owns every volume until then",
        mend: "set runAsNonRoot: true in the securityContext of the pod, with a runAsUser that is not 0 where the image's user is root",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[pod!(
            "  securityContext:\n    runAsNonRoot: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

const BREAKS: Safety = Safety::MayBreak(
    "a container whose image runs as root, or as a user it names by a word, does not start any more",
);

/// The kubelet starts no container that runs as user 0 and must not: which user it is to be is a
/// person's decision.
const ROOT: Safety = Safety::Decision(
    "no container starts that has runAsNonRoot: true beside runAsUser: 0: another user has to be chosen with it",
);

fn run(pod: &Pod<'_>) -> Option<Breach> {
    if pod.is_since(35) && pod.own_users() {
        return None;
    }
    let of_pod = pod.security(&["runAsNonRoot"]).and_then(Node::as_bool);
    // where every user is a number that is not 0, the kubelet has nothing to refuse
    let users_known = pod
        .containers
        .iter()
        .all(|container| matches!(pod.user(container), User::Id(_)));
    // a number is nobody on Windows
    let safety = if users_known && !os::windows(pod) {
        Safety::Safe
    } else {
        BREAKS
    };
    // what the pod says holds where a container says nothing, and there user 0 would not start
    let starts_no_more = |container: &Container<'_>| {
        let inherits = container.security(&["runAsNonRoot"]).is_none();
        inherits && pod.user(container) == User::Root
    };
    let any_root = pod.containers.iter().any(starts_no_more);
    let mut bad = words::Setters::default();
    let mut silent = Vec::new();
    let mut bad_spots = Vec::new();
    let mut silent_spots = Vec::new();
    if of_pod == Some(false) {
        bad.pod = true;
        bad_spots.push(
            pod.spot(
                "securityContext.runAsNonRoot",
                "runAsNonRoot of the pod is false",
                "set it to true, with a runAsUser that is not 0",
            )
            .fixed_to(true, if any_root { ROOT } else { BREAKS }),
        );
    }
    for container in &pod.containers {
        match container
            .security(&["runAsNonRoot"])
            .and_then(Node::as_bool)
        {
            Some(true) => {}
            Some(false) => {
                bad.containers.push(container.name);
                let is_root = pod.user(container) == User::Root;
                bad_spots.push(
                    pod.spot_in(
                        container,
                        "securityContext.runAsNonRoot",
                        format!("runAsNonRoot of container \"{}\" is false", container.name),
                        "set it to true, with a runAsUser that is not 0",
                    )
                    .fixed_to(true, if is_root { ROOT } else { BREAKS }),
                );
            }
            None if of_pod == Some(true) => {}
            None => {
                silent.push(container.name);
                let message = match pod.user(container) {
                    User::Id(id) => format!(
                        "nothing keeps container \"{}\" from root but its user id {id}",
                        container.name
                    ),
                    _ => format!("container \"{}\" may run as root", container.name),
                };
                let spot = pod.spot_in(
                    container,
                    "securityContext.runAsNonRoot",
                    message,
                    "set runAsNonRoot: true in the securityContext of the pod, with a runAsUser that is not 0 where the image's user is root",
                );
                let of_pod = pod.path_of("securityContext.runAsNonRoot");
                silent_spots.push(match (pod.user(container), any_root) {
                    (User::Root, _) => spot.fixed_at(of_pod, true, ROOT),
                    // that of the pod would be that of others too, which run as user 0
                    (_, true) => spot.fixed_to(true, safety),
                    (_, false) => spot.fixed_at(of_pod, true, safety),
                });
            }
        }
    }
    if bad_spots.is_empty() {
        return Breach::unless_none(silent_spots, "runAsNonRoot != true", || {
            format!(
                "pod or {} must set securityContext.runAsNonRoot=true",
                words::containers(&silent)
            )
        });
    }
    Breach::unless_none(bad_spots, "runAsNonRoot != true", || {
        format!(
            "{} must not set securityContext.runAsNonRoot=false",
            bad.who()
        )
    })
}
