//! A container that is not root listens on no port below 1024 (ip(7), ip_unprivileged_port_start).

use std::collections::BTreeSet;
use std::sync::Arc;

use podward_manifest::Node;

use crate::check::Spot;
use crate::finding::{Edit, Elsewhere, Fix};
use crate::os;
use crate::pod::{Container, Pod, User};
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "privilegedPort",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "a container that is not root listens on no port below 1024",
        why: "whether a program that is not root may listen there depends on the runtime: containerd from 2.0 on lets it (it sets net.ipv4.ip_unprivileged_port_start to 0), 1.x does not; the program then ends at its start, and is made root so that it works",
        mend: "let the program listen on a port from 1024 on, set containerPort to it, and map it by the targetPort of the Service: clients keep their port; or set the sysctl net.ipv4.ip_unprivileged_port_start to 0 in the pod, which Pod Security allows",
        source: "container.ports[].containerPort; service.spec.ports[].targetPort; ip-sysctl, ip_unprivileged_port_start",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 80\n"
            ),
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n  - port: 80 # for clients\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 80\n    readinessProbe:\n      httpGet:\n        port: 80\n",
            // one port that the container names, and one that only the Service does
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  selector:\n    app: web\n  ports:\n  - name: http\n    port: 80\n    targetPort: 8080\n  - name: https\n    port: 444\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    app: web\nspec:\n  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 8080\n    - containerPort: 81\n",
        ],
        passes: &[
            pod!(
                "  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 8080\n"
            ),
            pod!(
                "  securityContext:\n    runAsUser: 1000\n    sysctls:\n    - name: net.ipv4.ip_unprivileged_port_start\n      value: \"80\"\n  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 80\n"
            ),
            pod!(
                "  securityContext:\n    runAsUser: 0\n  containers:\n  - name: web\n    image: example.com/web:1\n    ports:\n    - containerPort: 80\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

const BREAKS: Safety = Safety::MayBreak(
    "the program has to be told to listen on the other port, by its configuration or another image",
);

/// The first port that everyone may listen on, unless the kernel is told another.
const UNPRIVILEGED: i64 = 1024;
/// What is added to a privileged port to make another; 80 becomes 8080 and 443 becomes 8443.
const UP: i64 = 8000;

/// Images that listen below 1024 unless they are told otherwise, by the last part of their name.
const KNOWN: &[(&str, i64)] = &[
    ("caddy", 80),
    ("drupal", 80),
    ("haproxy", 80),
    ("httpd", 80),
    ("joomla", 80),
    ("nextcloud", 80),
    ("nginx", 80),
    ("nginx-slim", 80),
    ("traefik", 80),
    ("wordpress", 80),
];

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if os::windows(pod) {
        return;
    }
    let from = first_unprivileged(pod);
    let usual = pod.containers.iter().filter(|c| c.is_usual()).count();
    for container in &pod.containers {
        let user = pod.user(container);
        if user == User::Root || container.is_ephemeral() {
            continue;
        }
        let before = spots.len();
        let named = listens(pod, container, from);
        let ports = named.iter().map(|(_, port, _)| *port).collect();
        for (field, port, node_port) in named {
            let spot = of_port(scene, container, &field, port);
            let spot = if node_port || spot.fix.is_none() {
                // the ports of the node and of the pod are one there
                Spot { fix: None, ..spot }
            } else {
                spot
            };
            spots.push(if user.is_not_root() {
                spot
            } else {
                spot.hint()
            });
        }
        if usual == 1 && container.is_usual() {
            served(scene, container, (from, ports), spots);
        }
        if before == spots.len() && container.list("ports").next().is_none() {
            spots.extend(of_image(pod, container, from));
        }
    }
}

/// Most Services that a fix changes together with a pod.
const MAX_SERVICES: usize = 20;

/// What the pod's own sysctl says, or the kernel's default.
fn first_unprivileged(pod: &Pod<'_>) -> i64 {
    let sysctls = pod.security(&["sysctls"]);
    let sysctls = sysctls.map_or(&[] as &[Node], Node::items).iter();
    sysctls
        .filter(|sysctl| {
            // the kubelet takes both ways to write a name (sysctl(8))
            let name = sysctl
                .get("name")
                .and_then(Node::as_str)
                .unwrap_or_default();
            name.replace('/', ".") == "net.ipv4.ip_unprivileged_port_start"
        })
        .filter_map(|sysctl| sysctl.get("value")?.as_str()?.parse().ok())
        .next_back()
        .unwrap_or(UNPRIVILEGED)
}

/// The privileged ports that a container names, each once: where, which, and whether it is one of
/// the node's as well.
fn listens(pod: &Pod<'_>, container: &Container<'_>, from: i64) -> Vec<(String, i64, bool)> {
    let mut found: Vec<(String, i64, bool)> = Vec::new();
    let mut add = |field: String, port: Option<&Node>, on_node: bool| {
        let Some(port) = port.and_then(Node::as_i64) else {
            return;
        };
        if (1..from).contains(&port) && !found.iter().any(|(_, known, _)| *known == port) {
            found.push((field, port, on_node));
        }
    };
    for (index, port) in container.list("ports") {
        let on_node = port.get("hostPort").is_some_and(|port| !port.is_null());
        add(
            format!("ports[{index}].containerPort"),
            port.get("containerPort"),
            on_node,
        );
    }
    // a port that another container names is that one's
    let elsewhere = |port: &Node| {
        let mut others = pod
            .containers
            .iter()
            .filter(|one| one.name != container.name);
        others.any(|one| {
            let mut ports = one.list("ports");
            ports.any(|(_, named)| {
                let named = named.get("containerPort").and_then(Node::as_i64);
                named.is_some() && named == port.as_i64()
            })
        })
    };
    for (field, port) in probes(container) {
        if !elsewhere(port) {
            add(field, Some(port), false);
        }
    }
    found
}

/// The ports of the probes and hooks of a container, which the kubelet asks.
fn probes<'a>(container: &Container<'a>) -> Vec<(String, &'a Node)> {
    let mut found = Vec::new();
    let probes = [
        &["livenessProbe"][..],
        &["readinessProbe"],
        &["startupProbe"],
        &["lifecycle", "postStart"],
        &["lifecycle", "preStop"],
    ];
    for probe in probes {
        let Some(node) = container.node.at(probe) else {
            continue;
        };
        for kind in ["httpGet", "tcpSocket", "grpc"] {
            let Some(action) = node.get(kind) else {
                continue;
            };
            if action.get("host").is_none()
                && let Some(port) = action.get("port")
            {
                found.push((format!("{}.{kind}.port", probe.join(".")), port));
            }
        }
    }
    found
}

fn of_port(scene: &Scene<'_>, container: &Container<'_>, field: &str, port: i64) -> Spot {
    let pod = &scene.pod;
    let labels = pod.labels();
    let mut services = scene.neighbours().services(pod.namespace(), &labels);
    services.retain(|service| service.ports.iter().any(|p| p.target == Some(port)));
    let other = free_port(pod, port);
    let leads = match services.first() {
        Some(service) => format!(
            "; the Service {} ({}) leads to it",
            service.name, service.path
        ),
        None => String::new(),
    };
    let message = format!(
        "container \"{}\" listens on port {port}, which is privileged{}{leads}",
        container.name,
        who(pod, container)
    );
    let mend = format!(
        "let the program listen on {other} and set containerPort to it{}; or set the sysctl net.ipv4.ip_unprivileged_port_start to {port} or less in the pod",
        if services.is_empty() {
            ", and the targetPort of its Service".to_owned()
        } else {
            format!(" and targetPort: {other} in the Service, whose clients keep their port")
        }
    );
    let spot = pod.spot_in(container, field, message, mend);
    if pod.host_network() || services.len() > MAX_SERVICES {
        return spot;
    }
    let is_it = |node: &Node| node.as_i64() == Some(port);
    let own = container
        .list("ports")
        .filter(|(_, entry)| entry.get("containerPort").is_some_and(is_it))
        .map(|(index, _)| container.path_of(&format!("ports[{index}].containerPort")));
    // the containers of a pod share its network: any of them may be asked by the probe of another
    let asked = pod.containers.iter().flat_map(|one| {
        let asked = probes(one).into_iter().filter(|(_, node)| is_it(node));
        asked.map(|(field, _)| one.path_of(&field))
    });
    let edits = own
        .chain(asked)
        .map(|path| Edit::set(pod.path_of(&path), other));
    let elsewhere = services.iter().map(|service| Elsewhere {
        path: Arc::clone(&service.path),
        start: service.start,
        edits: service
            .ports
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.target == Some(port))
            .map(|(index, _)| Edit::set(format!("spec.ports[{index}].targetPort"), other))
            .collect(),
        blocked: None,
    });
    let policies = scene.neighbours().policies().iter();
    let lets_in = policies.filter_map(|policy| policy.moved(pod.namespace(), &labels, port, other));
    let fix = Fix {
        edits: edits.collect(),
        elsewhere: elsewhere.chain(lets_in).collect(),
        safety: BREAKS,
    };
    Spot {
        fix: Some(fix),
        ..spot
    }
}

/// What the user of a container makes of it.
fn who(pod: &Pod<'_>, container: &Container<'_>) -> &'static str {
    if pod.user(container).is_not_root() {
        ", and is not root"
    } else {
        ": whether it is root is not known"
    }
}

/// A port from 1024 on in the place of a privileged one, that no container of the pod has.
fn free_port(pod: &Pod<'_>, port: i64) -> i64 {
    let taken: Vec<i64> = pod
        .containers
        .iter()
        .flat_map(|container| container.list("ports"))
        .filter_map(|(_, port)| port.get("containerPort")?.as_i64())
        .collect();
    let mut other = port + UP;
    while taken.contains(&other) {
        other += 1000;
    }
    other
}

/// Ports that only Services name: those of a pod with one container are its own. `told` are those that
/// the container names.
fn served(
    scene: &Scene<'_>,
    container: &Container<'_>,
    (from, mut told): (i64, BTreeSet<i64>),
    spots: &mut Vec<Spot>,
) {
    let pod = &scene.pod;
    let labels = pod.labels();
    if labels.is_empty() {
        return;
    }
    for service in scene.neighbours().services(pod.namespace(), &labels) {
        for port in &service.ports {
            let Some(target) = port.target.filter(|target| (1..from).contains(target)) else {
                continue;
            };
            // once for each port, whatever number of Services leads to it
            if !told.insert(target) {
                continue;
            }
            let spot = of_port(scene, container, "ports", target);
            let spot = Spot {
                message: format!(
                    "the Service {} sends its port {} to port {target} of container \"{}\", which is privileged{}",
                    service.name,
                    port.port,
                    container.name,
                    who(pod, container)
                )
                .into(),
                ..spot
            };
            spots.push(if pod.user(container).is_not_root() {
                spot
            } else {
                spot.hint()
            });
        }
    }
}

/// A hint where only the image's name speaks of a port.
fn of_image(pod: &Pod<'_>, container: &Container<'_>, from: i64) -> Option<Spot> {
    let image = container.node.get("image").and_then(Node::as_str)?;
    let name = image.rsplit('/').next()?.split([':', '@']).next()?;
    let (name, port) = KNOWN.iter().find(|(known, _)| *known == name)?;
    if *port >= from || !pod.user(container).is_not_root() {
        return None;
    }
    let message = format!(
        "the image {name} listens on port {port} unless it is told otherwise, and container \"{}\" is not root",
        container.name
    );
    Some(
        pod.spot_in(container, "image", message, PRACTICE.rule.mend)
            .hint(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::tests::with_spec;

    #[test]
    fn another_port_is_one_that_nobody_has() {
        with_spec(
            "containers: [{name: a, ports: [{containerPort: 80}, {containerPort: 8080}]}]",
            |workload| {
                let pod = Pod::new(workload, crate::Version::Latest);
                assert_eq!((free_port(&pod, 80), free_port(&pod, 443)), (9080, 8443));
            },
        );
    }
}
