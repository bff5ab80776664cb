//! No name leads to the metadata service of the cloud, where tokens of the node are.

use std::net::IpAddr;

use podward_manifest::Node;

use crate::check::Spot;
use crate::finding::Edit;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "metadataHostAlias",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "no host alias leads to 169.254.169.254",
        why: "the metadata service gives tokens of the node's identity; by a name it is reached past filters on the address, by a request that the pod is made to send (SSRF)",
        mend: "take the host alias out",
        source: "pod.spec.hostAliases[].ip",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  hostAliases:\n  - ip: 169.254.169.254\n    hostnames: [metadata]\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  hostAliases:\n  - ip: 10.0.0.7\n    hostnames: [db]\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    run: Run::Pods(run),
};

/// Azure, AWS and Google; AWS by IPv6; Alibaba; Azure's host agent.
const METADATA: &[&str] = &[
    "169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
];

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let aliases = pod.at(&["hostAliases"]);
    let aliases = aliases.map_or(&[] as &[Node], Node::items).iter();
    for (index, alias) in aliases.enumerate() {
        let Some(ip) = alias.get("ip").and_then(Node::as_str) else {
            continue;
        };
        // an IPv4 address may be written within IPv6, too
        let plain = ip.parse().map(|ip: IpAddr| ip.to_canonical().to_string());
        if plain.is_ok_and(|ip| METADATA.contains(&ip.as_str())) {
            let names = alias
                .get("hostnames")
                .map_or(&[] as &[Node], Node::items)
                .iter();
            let names: Vec<_> = names.filter_map(Node::as_str).collect();
            let message = format!(
                "{} leads to {ip}, the metadata service of the node",
                names.join(", ")
            );
            let spot = pod.spot(
                &format!("hostAliases[{index}].ip"),
                message,
                PRACTICE.rule.mend,
            );
            let alias = pod.path_of(&format!("hostAliases[{index}]"));
            let breaks = Safety::MayBreak(
                "a program that asks the metadata service by this name does not find it",
            );
            spots.push(spot.fixed_by(vec![Edit::removal(alias)], breaks));
        }
    }
}
