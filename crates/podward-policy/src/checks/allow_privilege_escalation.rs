//! `allowPrivilegeEscalation` must be false on every container (restricted, since 1.8; not asked
//! of Windows pods since 1.25).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::{Container, Pod};
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
/// Only by gaining privileges has a program that is not root what the container adds.
const GAINS: Safety = Safety::MayBreak(
    "a program whose file carries a capability that the container adds has it no longer",
);
const CALLS: Safety = Safety::MayBreak(
    "the container calls a program that gains privileges, such as sudo, which fails",
);

/// Programs that work by gaining privileges: they are set-uid, or call one that is.
const GAINERS: &[&str] = &[
    "doas",
    "fusermount",
    "fusermount3",
    "newgidmap",
    "newgrp",
    "newuidmap",
    "pkexec",
    "rootlesskit",
    "su",
    "sudo",
    "sudoedit",
];

/// Whether a value that is not written may be false as well: what is not set is allowed.
fn safety(container: &Container<'_>, is_written: bool) -> Safety {
    let adds = container.security(&["capabilities", "add"]);
    if is_written {
        BREAKS
    } else if adds.is_some_and(|add| !add.items().is_empty()) {
        GAINS
    } else if calls_a_gainer(container) {
        CALLS
    } else {
        Safety::Safe
    }
}

/// Whether what a container runs, by itself or for a probe or a hook, names such a program.
fn calls_a_gainer(container: &Container<'_>) -> bool {
    let of_hooks = [
        &["command"][..],
        &["args"],
        &["livenessProbe", "exec", "command"],
        &["readinessProbe", "exec", "command"],
        &["startupProbe", "exec", "command"],
        &["lifecycle", "postStart", "exec", "command"],
        &["lifecycle", "preStop", "exec", "command"],
    ];
    let lists = of_hooks.iter().filter_map(|path| container.node.at(path));
    let texts = lists.flat_map(Node::items).filter_map(Node::as_str);
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    texts
        .flat_map(|text| text.split(|c| !is_part(c)))
        .any(|word| GAINERS.contains(&word))
}

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
            // the server refuses the two together
            spots.push(if container.has_power() {
                spot
            } else {
                spot.fixed_to(false, safety(container, set.is_some()))
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
