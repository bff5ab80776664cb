//! No namespace of the node (baseline).

use podward_manifest::Node;

use crate::Level;
use crate::Safety;
use crate::check::{Breach, Check};
use crate::pod::Pod;

pub(super) const CHECK: Check = Check {
    id: "hostNamespaces",
    level: Level::Baseline,
    since: 0,
    replaces: None,
    why: "in a namespace of the node a pod sees its network traffic, its processes with their environments, or its shared memory",
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let shared: Vec<&str> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|field| pod.at(&[field]).and_then(Node::as_bool) == Some(true))
        .collect();
    let spots = shared
        .iter()
        .map(|field| {
            pod.spot(
                field,
                format!("{field} is true"),
                format!("take {field} out"),
            )
            .fixed_to(false, Safety::MayBreak("a program that looks at the node from its own network, processes or memory sees its pod only"))
        })
        .collect();
    Breach::unless_none(spots, "host namespaces", || {
        let parts: Vec<_> = shared.iter().map(|field| format!("{field}=true")).collect();
        parts.join(", ")
    })
}
