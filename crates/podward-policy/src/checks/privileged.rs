//! No privileged container (baseline).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check};
use crate::pod::{Container, Pod};
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "privileged",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no container is privileged",
        why: "a privileged container has every capability and every device: it is root on the node",
        mend: "take privileged out; if one capability is what it needs, add that one",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      privileged: true\n"
        )],
        passes: &[PLAIN],
    },
    since: 0,
    replaces: None,
    run,
};

const BREAKS: Safety = Safety::MayBreak(
    "a program that changes the node, its devices or its kernel is not let any more",
);

/// Whether what a container mounts is to be seen on the node, which the API server lets privileged ones
/// alone ask for (core validation, `validateMountPropagation`).
fn shows_mounts(container: &Container<'_>) -> bool {
    container.list("volumeMounts").any(|(_, mount)| {
        let propagation = mount.get("mountPropagation").and_then(Node::as_str);
        propagation == Some("Bidirectional")
    })
}

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut names = Vec::new();
    let mut spots = Vec::new();
    for container in &pod.containers {
        if container.security(&["privileged"]).and_then(Node::as_bool) == Some(true) {
            names.push(container.name);
            let spot = pod.spot_in(
                container,
                "securityContext.privileged",
                format!("container \"{}\" is privileged", container.name),
                "take privileged out; if one capability is what it needs, add that one",
            );
            spots.push(if shows_mounts(container) {
                spot.mended_by_hand(
                    "take privileged out, and with it mountPropagation: Bidirectional of its volumeMounts: the API server takes that of privileged containers alone",
                )
            } else {
                spot.fixed_to(false, BREAKS)
            });
        }
    }
    Breach::unless_none(spots, "privileged", || {
        format!(
            "{} must not set securityContext.privileged=true",
            words::containers(&names)
        )
    })
}
