//! Only the runtime's own capabilities may be added (baseline).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::capabilities::{instead, opens};
use crate::check::{Breach, Check, Spot};
use crate::pod::{Container, Pod};
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

/// The capabilities that a container runtime gives by itself (Pod Security Standards, baseline).
pub const DEFAULT: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "capabilities_baseline",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no capabilities are added but those that a container runtime gives by itself",
        why: "a capability beyond the runtime's own lets a process change what it shares with the node: its network, its clock, its devices, its kernel",
        mend: "take it out of capabilities.add",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        add: [NET_RAW]\n"
        )],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        add: [CHOWN]\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

const BREAKS: Safety = Safety::MayBreak("a program that uses the capability fails");

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let added = Added::collect(pod, DEFAULT);
    Breach::unless_none(added.spots, "non-default capabilities", || {
        words_of(&added.names, &added.capabilities)
    })
}

/// Capabilities that are added and may not be.
#[derive(Default)]
pub(super) struct Added<'a> {
    pub(super) names: Vec<&'a str>,
    pub(super) capabilities: BTreeSet<&'a str>,
    pub(super) spots: Vec<Spot>,
}

impl<'a> Added<'a> {
    pub(super) fn collect(pod: &Pod<'a>, allowed: &[&str]) -> Self {
        let mut all = Self::default();
        for container in &pod.containers {
            all.container(pod, container, allowed);
        }
        all
    }

    fn container(&mut self, pod: &Pod<'a>, container: &Container<'a>, allowed: &[&str]) {
        let list = container
            .security(&["capabilities", "add"])
            .map_or(&[] as &[Node], Node::items);
        let mut forbids = false;
        for (index, capability) in list.iter().enumerate() {
            // what is nothing is text without letters to the server
            let capability = capability.as_str().unwrap_or_default();
            if allowed.contains(&capability) {
                continue;
            }
            forbids = true;
            self.capabilities.insert(capability);
            let upper = capability.to_uppercase();
            let spelling = upper.strip_prefix("CAP_").map_or_else(String::new, |bare| {
                format!(" (Kubernetes writes it without CAP_: \"{bare}\")")
            });
            let mend = format!(
                "take it out of capabilities.add{spelling}; {}",
                instead(capability)
            );
            self.spots.push(
                pod.spot_in(
                    container,
                    &format!("securityContext.capabilities.add[{index}]"),
                    format!(
                        "container \"{}\" adds the capability \"{capability}\": {}",
                        container.name,
                        opens(capability)
                    ),
                    mend,
                )
                .taken_out(BREAKS),
            );
        }
        if forbids {
            self.names.push(container.name);
        }
    }
}

/// `container "a" must not include "X" in securityContext.capabilities.add`.
pub(super) fn words_of(names: &[&str], capabilities: &BTreeSet<&str>) -> String {
    format!(
        "{} must not include {} in securityContext.capabilities.add",
        words::containers(names),
        words::quoted(capabilities)
    )
}
