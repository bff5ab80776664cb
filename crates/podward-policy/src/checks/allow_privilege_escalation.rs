//! `allowPrivilegeEscalation` must be false on every container (restricted, since 1.8; not asked
//! of Windows pods since 1.25).

use podward_manifest::Node;

use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::{Level, Safety, words};

pub(super) const CHECK: Check = Check {
    id: "allowPrivilegeEscalation",
    level: Level::Restricted,
    since: 8,
    replaces: None,
    why: "a set-uid program in the image can make a process root that was started without it",
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
