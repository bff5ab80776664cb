//! No port of the node (baseline).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "hostPorts",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no container uses a port of the node",
        why: "a port of the node is reached past network policies, and can take the place of a service of the node",
        mend: "take hostPort out and let a Service lead to the containerPort",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 8080\n      hostPort: 8080\n"
        )],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 8080\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut ports = BTreeSet::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        let before = spots.len();
        let list = container
            .node
            .get("ports")
            .map_or(&[] as &[Node], Node::items);
        for (index, port) in list.iter().enumerate() {
            let Some(number) = pod.host_port(container, port) else {
                continue;
            };
            ports.insert(number.to_string());
            let mend = if port.get("hostPort").is_some() {
                "take hostPort out and let a Service lead to the containerPort"
            } else {
                "take hostNetwork out: with it the API server makes every containerPort a hostPort"
            };
            let spot = pod.spot_in(
                container,
                &format!("ports[{index}].hostPort"),
                format!(
                    "container \"{}\" uses the node's port {number}",
                    container.name
                ),
                mend,
            );
            spots.push(if port.get("hostPort").is_some() {
                spot.taken_out(Safety::MayBreak(
                    "clients that ask the node find nothing there",
                ))
            } else {
                spot
            });
        }
        if spots.len() > before {
            names.push(container.name);
        }
    }
    Breach::unless_none(spots, "hostPort", || {
        let list: Vec<_> = ports.iter().map(String::as_str).collect();
        format!(
            "{} {} hostPort{} {}",
            words::containers(&names),
            words::uses(names.len()),
            words::s(list.len()),
            list.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::tests::sentence;

    #[test]
    fn ports_sort_as_text_and_the_host_network_gives_its_own() {
        let spec = "hostNetwork: true\n  containers: [{name: a, ports: [{containerPort: 9090}, {containerPort: 80}, {containerPort: 1, hostPort: 10000}]}]";
        assert_eq!(
            sentence(spec, crate::Level::Baseline),
            "host namespaces (hostNetwork=true), hostPort (container \"a\" uses hostPorts 10000, 80, 9090)"
        );
    }
}
