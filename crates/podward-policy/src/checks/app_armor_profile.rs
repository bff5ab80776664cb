//! The `AppArmor` profile may only be the runtime's or one of the node (baseline; fields, and the
//! annotations that came before them).

use std::collections::BTreeSet;

use podward_manifest::Node;

use super::STANDARDS;
use crate::check::{Breach, Check, Spot};
use crate::pod::Pod;
use crate::profiles::{APP_ARMOR, against_app_armor, mend_beside};
use crate::rule::pod;
use crate::{Level, Profile, Remedy, Rule, Safety, Severity, Version, words};

pub(super) const CHECK: Check = Check {
    rule: &Rule {
        id: "appArmorProfile",
        severity: Severity::Error,
        profile: Profile::Level(Level::Baseline),
        title: "no AppArmor profile but the runtime's or one that was loaded on the node",
        why: "without an AppArmor profile a process may mount file systems and write to /proc and /sys wherever its capabilities let it",
        mend: "leave appArmorProfile away, or set its type to RuntimeDefault or Localhost",
        source: STANDARDS,
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    appArmorProfile:\n      type: Unconfined\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[pod!(
            "  securityContext:\n    appArmorProfile:\n      type: RuntimeDefault\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    since: 0,
    replaces: None,
    run,
};

const MEND: &str = "leave appArmorProfile away, or set its type to RuntimeDefault";

fn forbidden(profile: Option<&Node>) -> Option<&str> {
    let kind = profile?.get("type").and_then(Node::as_str).unwrap_or("");
    (!matches!(kind, "RuntimeDefault" | "Localhost")).then_some(kind)
}

/// A profile that was switched off was so for a reason.
const BREAKS: Safety =
    Safety::MayBreak("a program is refused the mounts and files that the runtime's profile denies");

/// With its fix, unless there is an annotation beside which the server refuses it.
fn mended(spot: Spot, annotation: Option<&str>) -> Spot {
    match annotation {
        Some(key) => spot.mended_by_hand(mend_beside(key)),
        None => spot.fixed_to("RuntimeDefault", BREAKS),
    }
}

fn run(pod: &Pod<'_>) -> Option<Breach> {
    let mut setters = words::Setters::default();
    let mut annotated = BTreeSet::new();
    let mut spots = Vec::new();
    if let Some(kind) = forbidden(pod.security(&["appArmorProfile"])) {
        setters.pod = true;
        setters.values.insert(kind.to_owned());
        let spot = pod.spot(
            "securityContext.appArmorProfile.type",
            format!("the pod's AppArmor profile is \"{kind}\""),
            MEND,
        );
        spots.push(mended(spot, against_app_armor(pod, None)));
    }
    for container in &pod.containers {
        if let Some(kind) = forbidden(container.security(&["appArmorProfile"])) {
            setters.containers.push(container.name);
            setters.values.insert(kind.to_owned());
            let spot = pod.spot_in(
                container,
                "securityContext.appArmorProfile.type",
                format!(
                    "the AppArmor profile of container \"{}\" is \"{kind}\"",
                    container.name
                ),
                MEND,
            );
            spots.push(mended(spot, against_app_armor(pod, Some(container))));
        }
    }
    for (key, value) in pod.annotations() {
        let Some(name) = key.as_str().filter(|name| name.starts_with(APP_ARMOR)) else {
            continue;
        };
        let profile = value.as_str().unwrap_or_default();
        if !profile.is_empty() && profile != "runtime/default" && !profile.starts_with("localhost/")
        {
            setters.annotations += 1;
            annotated.insert(format!("{name}={}", words::escaped(profile)));
            spots.push(pod.spot_at_annotation(
                name,
                value.start,
                format!("an annotation sets the AppArmor profile \"{profile}\""),
                MEND,
            ));
        }
    }
    let values = || setters.values.iter().chain(&annotated);
    let reason = format!("forbidden AppArmor profile{}", words::s(values().count()));
    Breach::unless_none(spots, reason, || {
        format!(
            "{} must not set AppArmor profile type to {}",
            setters.who(),
            words::quoted(values())
        )
    })
}
