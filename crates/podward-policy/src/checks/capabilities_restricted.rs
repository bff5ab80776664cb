//! All capabilities dropped, at most `NET_BIND_SERVICE` added (restricted, since 1.22; not asked
//! of Windows pods since 1.25).

use super::capabilities_baseline::{Added, words_of};
use podward_manifest::Node;
use serde_json::json;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "capabilities_restricted",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "every container drops ALL capabilities, and adds none but NET_BIND_SERVICE",
        why: "a process that becomes root in the pod holds every capability that was not dropped: it can forge packets, give files away and make devices",
        mend: "set securityContext.capabilities.drop: [\"ALL\"] in each container, and take what is added out",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        drop: [ALL]\n"
        )],
    },
    since: 22,
    replaces: Some("capabilities_baseline"),
    run,
};

fn run(pod: &Pod<'_>) -> Option<Breach> {
    if pod.is_since(25) && pod.windows() {
        return None;
    }
    let mut keep = Vec::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        let drops_all = container
            .security(&["capabilities", "drop"])
            .is_some_and(|drop| drop.items().iter().any(|c| c.as_str() == Some("ALL")));
        if !drops_all {
            keep.push(container.name);
            let spot = pod.spot_in(
                container,
                "securityContext.capabilities.drop",
                format!(
                    "container \"{}\" does not drop all capabilities",
                    container.name
                ),
                "set securityContext.capabilities.drop: [\"ALL\"] in the container",
            );
            // what is dropped already stays, with its comments
            let dropped = container.security(&["capabilities", "drop"]);
            let mut drop: Vec<_> = dropped
                .iter()
                .flat_map(|drop| drop.items())
                .map(Node::to_json)
                .collect();
            drop.push(json!("ALL"));
            spots.push(spot.fixed_to(
                drop,
                Safety::MayBreak("a program that runs as root may need a capability of the default ones, such as CHOWN or SETUID"),
            ));
        }
    }
    let added = Added::collect(pod, &["NET_BIND_SERVICE"]);
    spots.extend(added.spots);
    Breach::unless_none(spots, "unrestricted capabilities", || {
        let mut parts = Vec::new();
        if !keep.is_empty() {
            parts.push(format!(
                "{} must set securityContext.capabilities.drop=[\"ALL\"]",
                words::containers(&keep)
            ));
        }
        if !added.names.is_empty() {
            parts.push(words_of(&added.names, &added.capabilities));
        }
        parts.join("; ")
    })
}

#[cfg(test)]
mod tests {
    use crate::verdict::tests::sentence;

    #[test]
    fn names_count_as_they_are_written() {
        let spec = "containers: [{name: a, image: i, securityContext: {capabilities: {drop: [all], add: [NET_BIND_SERVICE, CAP_CHOWN]}}}]";
        let said = sentence(spec, crate::Level::Restricted);
        assert!(
            said.contains("unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"]; container \"a\" must not include \"CAP_CHOWN\" in securityContext.capabilities.add)"),
            "{said}"
        );
    }
}
