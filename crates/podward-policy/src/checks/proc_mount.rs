//! `/proc` keeps its masks (baseline, where the pod shares the node's users since 1.35; restricted
//! always, since 1.35).

use std::collections::BTreeSet;

use podward_manifest::Node;

use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::{Level, Safety, words};

const WHY: &str =
    "the masks of /proc keep a container from the kernel's memory, keys, timers and interrupts";

pub(super) const BASELINE: Check = Check {
    id: "procMount",
    level: Level::Baseline,
    since: 0,
    replaces: None,
    why: WHY,
    run: |pod| {
        if pod.is_since(35) && pod.own_users() {
            return None;
        }
        run(pod)
    },
};

pub(super) const RESTRICTED: Check = Check {
    id: "procMount_restricted",
    level: Level::Restricted,
    since: 35,
    replaces: Some("procMount"),
    why: WHY,
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut kinds = BTreeSet::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        let kind = container
            .security(&["procMount"])
            .and_then(Node::as_str)
            .filter(|kind| *kind != "Default");
        let Some(kind) = kind else { continue };
        names.push(container.name);
        kinds.insert(kind);
        spots.push(
            pod.spot_in(
                container,
                "securityContext.procMount",
                format!(
                    "procMount of container \"{}\" is \"{kind}\"",
                    container.name
                ),
                "take procMount out",
            )
            .fixed_to(
                "Default",
                Safety::MayBreak(
                    "a program that makes containers of its own needs the whole of /proc",
                ),
            ),
        );
    }
    Breach::unless_none(spots, "procMount", || {
        format!(
            "{} must not set securityContext.procMount to {}",
            words::containers(&names),
            words::quoted(&kinds)
        )
    })
}
