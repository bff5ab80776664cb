//! `runAsUser` is 0 nowhere (restricted, since 1.23; since 1.35 not asked of pods with users of
//! their own).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "runAsUser",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "runAsUser is 0 nowhere",
        why: "user 0 of the pod is user 0 of the node",
        mend: "set another user id, or take runAsUser out where the image's own user is not root",
        source: STANDARDS,
        remedy: Remedy::Decision,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    runAsUser: 0\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 23,
    replaces: None,
    run,
};

const MEND: &str = "use a number that is not 0, best one above 10000 that no user of the node has";

fn run(pod: &Pod<'_>) -> Option<Breach> {
    if pod.is_since(35) && pod.own_users() {
        return None;
    }
    let mut setters = words::Setters::default();
    let mut spots = Vec::new();
    if pod.security(&["runAsUser"]).and_then(Node::as_i64) == Some(0) {
        setters.pod = true;
        spots.push(pod.spot("securityContext.runAsUser", "the pod runs as user 0", MEND));
    }
    for container in &pod.containers {
        if container.security(&["runAsUser"]).and_then(Node::as_i64) == Some(0) {
            setters.containers.push(container.name);
            spots.push(pod.spot_in(
                container,
                "securityContext.runAsUser",
                format!("container \"{}\" runs as user 0", container.name),
                MEND,
            ));
        }
    }
    Breach::unless_none(spots, "runAsUser=0", || {
        format!("{} must not set runAsUser=0", setters.who())
    })
}
