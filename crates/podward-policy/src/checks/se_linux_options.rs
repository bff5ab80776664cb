//! `SELinux` types of containers only, no user and no role (baseline; `container_engine_t` since
//! 1.31).

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check, Spot};
use crate::pod::Pod;
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

/// The types that a container may have, and the version that allows them.
pub const TYPES: &[(&str, u32)] = &[
    ("", 0),
    ("container_t", 0),
    ("container_init_t", 0),
    ("container_kvm_t", 0),
    ("container_engine_t", 31),
];

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "seLinuxOptions",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "SELinux options set no user, no role, and no type but those made for containers",
        why: "another SELinux type, user or role takes the container out of the confinement that keeps it from the node and from other pods",
        mend: "take seLinuxOptions out, or use a type made for containers",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    seLinuxOptions:\n      type: spc_t\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  securityContext:\n    seLinuxOptions:\n      type: container_t\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

const MEND: &str =
    "leave it away: the runtime gives container_t, and a level keeps the pods of a node apart";

/// The faults of one `seLinuxOptions`.
fn faults<'a>(pod: &Pod<'_>, options: &'a Node) -> impl Iterator<Item = (&'static str, &'a str)> {
    let text = |key| options.get(key).and_then(Node::as_str).unwrap_or_default();
    let allowed = |name: &str| {
        let found = TYPES.iter().find(|(known, _)| *known == name);
        found.is_some_and(|(_, since)| pod.is_since(*since))
    };
    [
        ("type", text("type"), !allowed(text("type"))),
        ("user", text("user"), !text("user").is_empty()),
        ("role", text("role"), !text("role").is_empty()),
    ]
    .into_iter()
    .filter(|(_, _, bad)| *bad)
    .map(|(key, value, _)| (key, value))
}

const BREAKS: Safety =
    Safety::MayBreak("a program that the confinement of containers stops is stopped by it then");

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut setters = words::Setters::default();
    let (mut user, mut role) = (false, false);
    let mut spots: Vec<Spot> = Vec::new();
    let mut note =
        |key: &str, value: &str, values: &mut std::collections::BTreeSet<String>| match key {
            "type" => {
                values.insert(value.to_owned());
            }
            "user" => user = true,
            _ => role = true,
        };
    if let Some(options) = pod.security(&["seLinuxOptions"]) {
        for (key, value) in faults(pod, options) {
            setters.pod = true;
            note(key, value, &mut setters.values);
            spots.push(
                pod.spot(
                    &format!("securityContext.seLinuxOptions.{key}"),
                    format!("the pod sets the SELinux {key} \"{value}\""),
                    MEND,
                )
                .taken_out(BREAKS),
            );
        }
    }
    for container in &pod.containers {
        let Some(options) = container.security(&["seLinuxOptions"]) else {
            continue;
        };
        let before = spots.len();
        for (key, value) in faults(pod, options) {
            note(key, value, &mut setters.values);
            spots.push(
                pod.spot_in(
                    container,
                    &format!("securityContext.seLinuxOptions.{key}"),
                    format!(
                        "container \"{}\" sets the SELinux {key} \"{value}\"",
                        container.name
                    ),
                    MEND,
                )
                .taken_out(BREAKS),
            );
        }
        if spots.len() > before {
            setters.containers.push(container.name);
        }
    }
    Breach::unless_none(spots, "seLinuxOptions", || {
        let mut parts = Vec::new();
        if !setters.values.is_empty() {
            parts.push(format!(
                "type{} {}",
                words::s(setters.values.len()),
                words::quoted(&setters.values)
            ));
        }
        if user {
            parts.push("user may not be set".to_owned());
        }
        if role {
            parts.push("role may not be set".to_owned());
        }
        format!(
            "{} set forbidden securityContext.seLinuxOptions: {}",
            setters.who(),
            parts.join("; ")
        )
    })
}
