//! No namespace of the node (baseline).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "hostNamespaces",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "the pod is in no namespace of the node: hostNetwork, hostPID and hostIPC are not true",
        why: "in a namespace of the node a pod sees its network traffic, its processes with their environments, or its shared memory",
        mend: "take hostNetwork, hostPID and hostIPC out",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  hostPID: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[PLAIN],
    },
    since: 0,
    replaces: None,
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
