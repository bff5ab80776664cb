//! seccomp is not switched off (baseline; until 1.18 by annotations, since 1.19 by fields, and each
//! version sees only its own).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check, Spot};
use crate::pod::Pod;
use crate::profiles::{SECCOMP_OF_CONTAINER, SECCOMP_OF_POD, against_seccomp, mend_beside};
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const WHY: &str = "without a seccomp profile every system call of the kernel is open to attack, also those that no container needs";

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "seccompProfile_baseline",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no seccomp profile is Unconfined",
        why: WHY,
        mend: "leave seccompProfile away, or set its type to RuntimeDefault or Localhost",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    seccompProfile:\n      type: Unconfined\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[PLAIN],
    },
    since: 0,
    replaces: None,
    run: |pod| {
        if !pod.is_since(19) {
            return annotated(pod);
        }
        let (setters, spots) = forbidden(pod);
        breach(&setters, spots)
    },
};

const MEND: &str = "set the type to RuntimeDefault, or Localhost for a profile of your own";

/// A profile that was switched off was so for a reason.
const BREAKS: Safety =
    Safety::MayBreak("a program that makes an unusual system call is refused it");

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

/// With its fix, unless there is an annotation beside which the server refuses it.
fn mended(spot: Spot, annotation: Option<&str>) -> Spot {
    match annotation {
        Some(key) => spot.mended_by_hand(mend_beside(key)),
        None => spot.fixed_to("RuntimeDefault", BREAKS),
    }
}

/// Profiles that filter nothing.
pub(super) fn forbidden<'a>(pod: &Pod<'a>) -> (words::Setters<'a>, Vec<Spot>) {
    let mut setters = words::Setters::default();
    let mut spots = Vec::new();
    if let Some(Err(kind)) = pod.security(&["seccompProfile"]).map(filters) {
        setters.pod = true;
        setters.values.insert(kind.to_owned());
        let spot = pod.spot(
            "securityContext.seccompProfile.type",
            format!("the pod's seccomp profile is \"{kind}\""),
            MEND,
        );
        spots.push(mended(spot, against_seccomp(pod, None)));
    }
    for container in &pod.containers {
        if let Some(Err(kind)) = container.security(&["seccompProfile"]).map(filters) {
            setters.containers.push(container.name);
            setters.values.insert(kind.to_owned());
            let spot = pod.spot_in(
                container,
                "securityContext.seccompProfile.type",
                format!(
                    "the seccomp profile of container \"{}\" is \"{kind}\"",
                    container.name
                ),
                MEND,
            );
            spots.push(mended(spot, against_seccomp(pod, Some(container))));
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

/// Annotations of the pod, or of a container that it has, that switch the filter off.
fn annotated(pod: &Pod<'_>) -> Option<Breach> {
    let names: BTreeSet<&str> = pod.containers.iter().map(|c| c.name).collect();
    let mut forbidden = BTreeSet::new();
    let mut spots = Vec::new();
    for (key, value) in pod.annotations() {
        let Some(name) = key.as_str() else { continue };
        let counts = name == SECCOMP_OF_POD
            || name
                .strip_prefix(SECCOMP_OF_CONTAINER)
                .is_some_and(|of| names.contains(of));
        let profile = value.as_str().unwrap_or_default();
        let filters = matches!(profile, "runtime/default" | "docker/default")
            || profile.starts_with("localhost/");
        if counts && !filters {
            forbidden.insert(format!("{name}={}", words::escaped(profile)));
            spots.push(pod.spot_at_annotation(
                name,
                value.start,
                format!("an annotation sets the seccomp profile \"{profile}\""),
                "set it to runtime/default",
            ));
        }
    }
    Breach::unless_none(spots, "seccompProfile", || {
        let list: Vec<_> = forbidden.iter().map(String::as_str).collect();
        format!(
            "forbidden annotation{} {}",
            words::s(list.len()),
            list.join(", ")
        )
    })
}
