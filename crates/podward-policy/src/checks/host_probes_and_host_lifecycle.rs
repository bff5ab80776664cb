//! Probes and lifecycle hooks go to the pod itself (baseline, since 1.34).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

/// Where the kubelet makes a request of its own.
const HANDLERS: &[&[&str]] = &[
    &["livenessProbe"],
    &["readinessProbe"],
    &["startupProbe"],
    &["lifecycle", "postStart"],
    &["lifecycle", "preStop"],
];

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "hostProbesAndHostLifecycle",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "probes and hooks of the life cycle name no host",
        why: "the kubelet sends the request from the node, past network policies, to wherever the pod's author says",
        mend: "take host out: the kubelet asks the pod itself then",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    livenessProbe:\n      httpGet:\n        host: 10.0.0.1\n        port: 8080\n"
        )],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    livenessProbe:\n      httpGet:\n        port: 8080\n"
        )],
    },
    since: 34,
    replaces: None,
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = BTreeSet::new();
    let mut hosts = BTreeSet::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        let before = spots.len();
        for handler in HANDLERS {
            for action in ["httpGet", "tcpSocket"] {
                let host = container
                    .node
                    .at(handler)
                    .and_then(|handler| handler.at(&[action, "host"]))
                    .and_then(Node::as_str)
                    .filter(|host| !host.is_empty());
                let Some(host) = host else { continue };
                hosts.insert(host);
                let path = format!("{}.{action}.host", handler.join("."));
                spots.push(pod.spot_in(
                    container,
                    &path,
                    format!("{path} of container \"{}\" is \"{host}\"", container.name),
                    "take host out: without it the request goes to the pod's own address (127.0.0.1 is the node's)",
                ).taken_out(Safety::MayBreak("a probe of another host is one of the pod itself then")));
            }
        }
        if spots.len() > before {
            names.insert(container.name);
        }
    }
    Breach::unless_none(spots, "probe or lifecycle host", || {
        format!(
            "{} {} probe or lifecycle host{} {}",
            words::containers(&names.iter().copied().collect::<Vec<_>>()),
            words::uses(names.len()),
            words::s(hosts.len()),
            words::quoted(&hosts)
        )
    })
}
