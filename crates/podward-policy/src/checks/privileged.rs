//! No privileged container (baseline).

use podward_manifest::Node;

use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::{Level, Safety, words};

pub(super) const CHECK: Check = Check {
    id: "privileged",
    level: Level::Baseline,
    since: 0,
    replaces: None,
    why: "a privileged container has every capability and every device: it is root on the node",
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        if container.security(&["privileged"]).and_then(Node::as_bool) == Some(true) {
            names.push(container.name);
            spots.push(pod.spot_in(
                container,
                "securityContext.privileged",
                format!("container \"{}\" is privileged", container.name),
                "take privileged out; if one capability is what it needs, add that one",
            ).fixed_to(false, Safety::MayBreak("a program that changes the node, its devices or its kernel is not let any more")));
        }
    }
    Breach::unless_none(spots, "privileged", || {
        format!(
            "{} must not set securityContext.privileged=true",
            words::containers(&names)
        )
    })
}
