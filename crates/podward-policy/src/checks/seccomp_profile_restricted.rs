//! seccomp filters the calls of every container (restricted, since 1.19; not asked of Windows pods
//! since 1.25).

use super::STANDARDS;
use super::seccomp_profile_baseline::{WHY, breach, forbidden};
use crate::check::{Breach, Check};
use crate::pod::Pod;
use crate::profiles::{against_seccomp, mend_beside};
use crate::rule::{PLAIN, pod};
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "seccompProfile_restricted",
        severity: Severity::Error,
        profile: Profile::Level(Level::Restricted),
        title: "the seccomp profile of every container is RuntimeDefault or Localhost",
        why: WHY,
        mend: "set seccompProfile.type: RuntimeDefault in the securityContext of the pod",
        source: STANDARDS,
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[pod!(
            "  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 19,
    replaces: Some("seccompProfile_baseline"),
    run,
};

/// The default profile lets through what an ordinary program calls.
const BREAKS: Safety = Safety::MayBreak(
    "a program that administers the node may make a call that the profile refuses",
);

fn run(pod: &Pod<'_>) -> Option<Breach> {
    if pod.is_since(25) && pod.windows() {
        return None;
    }
    let (setters, spots) = forbidden(pod);
    if !spots.is_empty() {
        return breach(&setters, spots);
    }
    if pod.security(&["seccompProfile"]).is_some() {
        return None;
    }
    let mut names = Vec::new();
    let mut silent = Vec::new();
    let annotation = against_seccomp(pod, None);
    let safety = if pod.has_power() {
        BREAKS
    } else {
        Safety::Safe
    };
    for container in &pod.containers {
        if container.security(&["seccompProfile"]).is_none() {
            names.push(container.name);
            let spot = pod.spot_in(
                container,
                "securityContext.seccompProfile",
                format!("container \"{}\" has no seccomp profile", container.name),
                "set seccompProfile: {type: RuntimeDefault} in the securityContext of the pod",
            );
            silent.push(match annotation {
                Some(key) => spot.mended_by_hand(mend_beside(key)),
                None => spot.fixed_at(
                    pod.path_of("securityContext.seccompProfile.type"),
                    "RuntimeDefault",
                    safety,
                ),
            });
        }
    }
    Breach::unless_none(silent, "seccompProfile", || {
        format!(
            "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
            words::containers(&names)
        )
    })
}
