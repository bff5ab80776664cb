//! The pods that a namespace has when it comes to ask for more.

use std::collections::{BTreeMap, BTreeSet};

use podward_manifest::Object;
use serde_json::Value;

use crate::gate::{Exemptions, read};
use crate::pods::{Judged, Pods};
use crate::standards::{Family, Mode, Standards};

/// Most pods that are looked at, as by Pod Security admission.
pub const MOST: usize = 3000;

/// The warnings of pods, as JSON, that do not meet what their namespace asks for now. `in_time` says after each pod
/// whether there is time for another.
#[must_use]
pub fn warnings(
    namespace: &str,
    pods: &[Value],
    asked: &[Standards],
    exemptions: &Exemptions,
    mut in_time: impl FnMut() -> bool,
) -> Vec<String> {
    let pods: Vec<Object> = pods
        .iter()
        .filter_map(|pod| read(&pod.to_string()).ok())
        .collect();
    let pods = prioritized(&pods, exemptions);
    let total = pods.len();
    let mut looked_at = 0;
    // reasons, with the pods they are of
    let mut broken: Vec<BTreeMap<String, BTreeSet<&str>>> = vec![BTreeMap::new(); asked.len()];
    for pod in pods.iter().take(MOST) {
        looked_at += 1;
        let mut judged = Pods::of(pod);
        for (standards, broken) in asked.iter().zip(&mut broken) {
            let breaches = judged.breaches(standards, Mode::Enforce);
            let reasons: Vec<_> = breaches.iter().map(Judged::reasons).collect();
            if !reasons.is_empty() {
                let of = broken.entry(reasons.join(", ")).or_default();
                of.insert(&pod.name);
            }
        }
        if !in_time() {
            break;
        }
    }
    let mut warnings = Vec::new();
    if looked_at < total {
        warnings.push(format!(
            "new PodSecurity enforce level only checked against the first {looked_at} of {total} existing pods"
        ));
    }
    for (standards, broken) in asked.iter().zip(broken) {
        if broken.is_empty() {
            continue;
        }
        let what = match standards.family {
            Family::PodSecurity => "PodSecurity",
            Family::Podward if standards.rules.is_empty() => "PodSecurity",
            Family::Podward => "podward",
        };
        warnings.push(format!(
            "existing pods in namespace \"{namespace}\" violate the new {what} enforce level \"{}\"",
            standards.enforce
        ));
        let mut told: Vec<_> = broken
            .iter()
            .map(|(reasons, of)| of_pods(reasons, of))
            .collect();
        told.sort();
        warnings.extend(told);
    }
    warnings
}

fn of_pods(reasons: &str, pods: &BTreeSet<&str>) -> String {
    let first = pods.first().copied().unwrap_or_default();
    match pods.len() {
        0 | 1 => format!("{first}: {reasons}"),
        2 => format!("{first} (and 1 other pod): {reasons}"),
        more => format!("{first} (and {} other pods): {reasons}", more - 1),
    }
}

/// One pod of each controller first, then the others of it.
fn prioritized<'a>(pods: &'a [Object], exemptions: &Exemptions) -> Vec<&'a Object> {
    let mut known = BTreeSet::new();
    let looked_at = pods.iter().filter(|pod| {
        let class = pod.node.at(&["spec", "runtimeClassName"]);
        let class = class.and_then(|class| class.as_str()).unwrap_or_default();
        !exemptions.runtime_class(class)
    });
    let (mut first, others): (Vec<_>, Vec<_>) =
        looked_at.partition(|pod| controller(pod).is_none_or(|uid| known.insert(uid)));
    first.extend(others);
    first
}

fn controller(pod: &Object) -> Option<&str> {
    let owners = pod.node.at(&["metadata", "ownerReferences"])?;
    let is_controller = |owner: &&podward_manifest::Node| {
        owner
            .get("controller")
            .and_then(podward_manifest::Node::as_bool)
            == Some(true)
    };
    owners
        .items()
        .iter()
        .find(is_controller)?
        .get("uid")?
        .as_str()
}

#[cfg(test)]
mod tests {
    use podward_policy::{Level, Profile};
    use serde_json::json;

    use super::*;
    use crate::standards::Standard;

    fn pod(name: &str, owner: Option<&str>, spec: &Value) -> Value {
        let owners = owner.map(|uid| json!([{"uid": uid, "controller": true}]));
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "ownerReferences": owners}, "spec": spec})
    }

    #[test]
    fn pods_that_break_the_same_are_told_once_and_one_of_each_controller_first() {
        let ports =
            |port: u16| json!({"containers": [{"name": "c", "ports": [{"hostPort": port}]}]});
        let (host, plain) = (
            json!({"hostPID": true, "containers": []}),
            json!({"containers": []}),
        );
        let kata = json!({"hostPID": true, "runtimeClassName": "kata"});
        let pods = [
            pod("w", Some("1"), &plain),
            pod("c", Some("1"), &host),
            pod("b", None, &host),
            pod("d", Some("2"), &host),
            pod("a", None, &ports(80)),
            pod("k", None, &kata),
        ];
        let exempt = Exemptions {
            runtime_classes: vec!["kata".into()],
            ..Exemptions::default()
        };
        let baseline = Standards {
            enforce: Standard {
                profile: Profile::Level(Level::Baseline),
                ..Standard::NONE
            },
            ..Standards::none(Family::PodSecurity)
        };
        let asked = [baseline];
        assert_eq!(
            warnings("ns", &pods, &asked, &exempt, || true),
            [
                "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
                "a: hostPort",
                "b (and 2 other pods): host namespaces",
            ]
        );
        // two are looked at in time: the first of the first controller, and one without
        let mut left = 2;
        let in_time = || {
            left -= 1;
            left > 0
        };
        assert_eq!(
            warnings("ns", &pods, &asked, &exempt, in_time),
            [
                "new PodSecurity enforce level only checked against the first 2 of 5 existing pods",
                "existing pods in namespace \"ns\" violate the new PodSecurity enforce level \"baseline:latest\"",
                "b: host namespaces",
            ]
        );
    }
}
