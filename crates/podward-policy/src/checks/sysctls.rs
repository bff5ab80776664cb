//! Only sysctls that reach no further than the pod (baseline; the list grew in 1.27, 1.29, 1.32 and
//! 1.37).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::finding::Edit;
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version};

/// The sysctls that a pod may set, and that a kubelet sets without being told to.
pub const SAFE: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_notsent_lowat",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_slow_start_after_idle",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// The version that made a sysctl safe, where it was not from the beginning.
const SINCE: &[(&str, u32)] = &[
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
    ("net.ipv4.tcp_slow_start_after_idle", 37),
    ("net.ipv4.tcp_notsent_lowat", 37),
];

fn since(name: &str) -> u32 {
    let later = SINCE.iter().find(|(known, _)| *known == name);
    later.map_or(0, |(_, since)| *since)
}

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "sysctls",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "only kernel settings are set that are kept apart for each pod",
        why: "a setting of the kernel that is not kept apart for each pod changes the node and every pod on it",
        mend: "take it out; who runs the node can set it there",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    sysctls:\n    - name: kernel.msgmax\n      value: \"65536\"\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  securityContext:\n    sysctls:\n    - name: net.ipv4.ip_unprivileged_port_start\n      value: \"80\"\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut spots = Vec::new();
    let list = pod
        .security(&["sysctls"])
        .map_or(&[] as &[Node], Node::items);
    for (index, sysctl) in list.iter().enumerate() {
        let name = sysctl
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or_default();
        if !(SAFE.contains(&name) && pod.is_since(since(name))) {
            names.push(name);
            spots.push(
                pod.spot(
                    &format!("securityContext.sysctls[{index}].name"),
                    format!("the pod sets the kernel setting \"{name}\""),
                    "take it out; who runs the node can set it there",
                )
                .fixed_by(
                    vec![Edit::removal(
                        pod.path_of(&format!("securityContext.sysctls[{index}]")),
                    )],
                    Safety::MayBreak("a program that counts on the setting has the node's"),
                ),
            );
        }
    }
    Breach::unless_none(spots, "forbidden sysctls", || names.join(", "))
}
