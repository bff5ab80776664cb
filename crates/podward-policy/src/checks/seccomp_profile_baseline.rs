//! seccomp is not switched off (baseline, since 1.19; the annotations before it do not count).

use podward_manifest::Node;

use crate::check::{Breach, Check, Spot};
use crate::pod::Pod;
use crate::{Level, words};

pub(super) const WHY: &str = "without a seccomp profile every system call of the kernel is open to attack, also those that no container needs";

pub(super) const CHECK: Check = Check {
    id: "seccompProfile_baseline",
    level: Level::Baseline,
    replaces: None,
    why: WHY,
    run: |pod| {
        let (setters, spots) = forbidden(pod);
        breach(&setters, spots)
    },
};

const MEND: &str = "set the type to RuntimeDefault, or Localhost for a profile of your own";

/// Whether a profile filters system calls.
fn filters(profile: &Node) -> Result<(), &str> {
    match profile
        .get("type")
        .and_then(Node::as_str)
        .unwrap_or_default()
    {
        "RuntimeDefault" | "Localhost" => Ok(()),
        other => Err(other),
    }
}

/// Profiles that filter nothing.
pub(super) fn forbidden<'a>(pod: &Pod<'a>) -> (words::Setters<'a>, Vec<Spot>) {
    let mut setters = words::Setters::default();
    let mut spots = Vec::new();
    if let Some(Err(kind)) = pod.security(&["seccompProfile"]).map(filters) {
        setters.pod = true;
        setters.values.insert(kind.to_owned());
        spots.push(pod.spot(
            "securityContext.seccompProfile.type",
            format!("the pod's seccomp profile is \"{kind}\""),
            MEND,
        ));
    }
    for container in &pod.containers {
        if let Some(Err(kind)) = container.security(&["seccompProfile"]).map(filters) {
            setters.containers.push(container.name);
            setters.values.insert(kind.to_owned());
            spots.push(pod.spot_in(
                container,
                "securityContext.seccompProfile.type",
                format!(
                    "the seccomp profile of container \"{}\" is \"{kind}\"",
                    container.name
                ),
                MEND,
            ));
        }
    }
    (setters, spots)
}

pub(super) fn breach(setters: &words::Setters<'_>, spots: Vec<Spot>) -> Option<Breach> {
    Breach::unless_none(spots, "seccompProfile", || {
        format!(
            "{} must not set securityContext.seccompProfile.type to {}",
            setters.who(),
            words::quoted(&setters.values)
        )
    })
}
