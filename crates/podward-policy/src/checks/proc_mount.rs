//! `/proc` keeps its masks (baseline, where the pod shares the node's users since 1.35; restricted
//! always, since 1.35).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

const WHY: &str =
    "the masks of /proc keep a container from the kernel's memory, keys, timers and interrupts";

pub(super) const BASELINE: Check = Check {
    rule: &Rule {
        id: "procMount",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "/proc is masked as the runtime does it, unless the pod has users of its own",
        why: WHY,
        mend: "take procMount out",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      procMount: Unmasked\n"
        )],
        passes: &[pod!(
            "  hostUsers: false\n  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      procMount: Unmasked\n"
        )],
    },
    since: 0,
    replaces: None,
    run: run_unless_own_users,
};

pub(super) const RESTRICTED: Check = Check {
    rule: &Rule {
        id: "procMount_restricted",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "/proc is masked as the runtime does it",
        why: WHY,
        mend: "take procMount out",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      procMount: Unmasked\n"
        )],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      procMount: Default\n"
        )],
    },
    since: 35,
    replaces: Some("procMount"),
    run,
};

fn run_unless_own_users(pod: &Pod<'_>) -> Option<Breach> {
    if pod.is_since(35) && pod.own_users() {
        return None;
    }
    run(pod)
}

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
