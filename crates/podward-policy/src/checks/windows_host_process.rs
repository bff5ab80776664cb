//! No Windows container on the node itself (baseline).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

const PATH: &[&str] = &["windowsOptions", "hostProcess"];

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "windowsHostProcess",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no container is a process of its Windows node",
        why: "a HostProcess container is a process of the Windows node, with its files, network and accounts",
        mend: "take windowsOptions.hostProcess out",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  os:\n    name: windows\n  securityContext:\n    windowsOptions:\n      hostProcess: true\n  hostNetwork: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

const BREAKS: Safety = Safety::MayBreak("a program that manages the node is kept from it");

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut setters = words::Setters::default();
    let mut spots = Vec::new();
    if pod.security(PATH).and_then(Node::as_bool) == Some(true) {
        setters.pod = true;
        spots.push(
            pod.spot(
                "securityContext.windowsOptions.hostProcess",
                "the pod is a HostProcess pod",
                "take hostProcess out",
            )
            .fixed_to(false, BREAKS),
        );
    }
    for container in &pod.containers {
        if container.security(PATH).and_then(Node::as_bool) == Some(true) {
            setters.containers.push(container.name);
            spots.push(
                pod.spot_in(
                    container,
                    "securityContext.windowsOptions.hostProcess",
                    format!(
                        "container \"{}\" is a HostProcess container",
                        container.name
                    ),
                    "take hostProcess out",
                )
                .fixed_to(false, BREAKS),
            );
        }
    }
    Breach::unless_none(spots, "hostProcess", || {
        format!(
            "{} must not set securityContext.windowsOptions.hostProcess=true",
            setters.who()
        )
    })
}
