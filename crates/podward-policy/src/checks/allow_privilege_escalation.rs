//! `allowPrivilegeEscalation` must be false on every container (restricted, since 1.8; not asked
//! of Windows pods since 1.25).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "allowPrivilegeEscalation",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "allowPrivilegeEscalation is false in every container",
        why: "a set-uid program in the image can make a process root that was started without it",
        mend: "set securityContext.allowPrivilegeEscalation: false in each container; the pod's securityContext has no such field",
        source: STANDARDS,
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      allowPrivilegeEscalation: false\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    since: 8,
    replaces: None,
    run,
};

/// What somebody allowed was allowed for a reason.
const BREAKS: Safety =
    Safety::MayBreak("a set-uid program such as sudo runs no longer as root in the container");

fn run(pod: &Pod<'_>) -> Option<Breach> {
    if pod.is_since(25) && pod.windows() {
        return None;
    }
    let mut names = Vec::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        let set = container
            .security(&["allowPrivilegeEscalation"])
            .and_then(Node::as_bool);
        if set != Some(false) {
            names.push(container.name);
            let fault = if set.is_none() {
                "is not set"
            } else {
                "is true"
            };
            let spot = pod.spot_in(
                container,
                "securityContext.allowPrivilegeEscalation",
                format!("allowPrivilegeEscalation {fault} in container \"{}\"", container.name),
                "set securityContext.allowPrivilegeEscalation: false in the container (the pod has no such field)",
            );
            spots.push(match (container.has_power(), set) {
                // the server refuses the two together
                (true, _) => spot,
                (false, None) => spot.fixed_to(false, Safety::Safe),
                (false, Some(_)) => spot.fixed_to(false, BREAKS),
            });
        }
    }
    Breach::unless_none(spots, "allowPrivilegeEscalation != false", || {
        format!(
            "{} must set securityContext.allowPrivilegeEscalation=false",
            words::containers(&names)
        )
    })
}
