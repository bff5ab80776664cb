//! Which operating system a pod is for.

use podward_manifest::Node;

use crate::pod::Pod;

/// The label of a node that names its operating system, now and before 1.14.
const LABELS: &[&str] = &["kubernetes.io/os", "beta.kubernetes.io/os"];

/// The names that the API server takes (core validation `validateOS`).
const NAMES: [&str; 2] = ["linux", "windows"];

/// What `spec.os` says, or means where it has the letters of a name.
pub(crate) fn said<'a>(pod: &Pod<'a>) -> Option<&'a str> {
    let written = written(pod)?;
    Some(meant(written).unwrap_or(written))
}

/// The name whose letters are written.
fn meant(written: &str) -> Option<&'static str> {
    let mut names = NAMES.into_iter();
    names.find(|name| name.eq_ignore_ascii_case(written))
}

/// What `spec.os` says, letter by letter.
fn written<'a>(pod: &Pod<'a>) -> Option<&'a str> {
    pod.at(&["os", "name"])?.as_str()
}

/// A name in `spec.os` that the API server refuses, and the one that is meant, if one is.
pub(crate) fn misspelt<'a>(pod: &Pod<'a>) -> Option<(&'a str, Option<&'static str>)> {
    let written = written(pod).filter(|written| !NAMES.contains(written))?;
    Some((written, meant(written)))
}

/// Whether the pod is for Windows: it says so, or its node is chosen to be and it says nothing else.
/// Pod Security knows the first alone.
pub(crate) fn windows(pod: &Pod<'_>) -> bool {
    said(pod).or_else(|| selected(pod)) == Some("windows")
}

/// Whether the pod is, or may be, for Windows: what is asked of it then must not come out only once it
/// says so.
pub(crate) fn may_be_windows(pod: &Pod<'_>) -> bool {
    windows(pod)
        || (said(pod).or_else(|| selected(pod)).is_none() && hints_at_windows(pod).is_some())
}

/// What speaks of Windows in a pod that does not say what it is for.
pub(crate) fn hints_at_windows(pod: &Pod<'_>) -> Option<&'static str> {
    let options = ["windowsOptions"];
    let has_options = || {
        pod.security(&options).is_some()
            || pod
                .containers
                .iter()
                .any(|c| c.security(&options).is_some())
    };
    if tolerates_windows(pod) {
        Some("it tolerates the taint of Windows nodes")
    } else if has_options() {
        Some("it has windowsOptions")
    } else {
        None
    }
}

/// What the node selector or the required affinity asks for.
pub(crate) fn selected<'a>(pod: &Pod<'a>) -> Option<&'a str> {
    let by_selector = LABELS
        .iter()
        .find_map(|label| pod.at(&["nodeSelector", label])?.as_str());
    by_selector.or_else(|| by_affinity(pod))
}

fn by_affinity<'a>(pod: &Pod<'a>) -> Option<&'a str> {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let terms = pod.at(&["affinity", "nodeAffinity", required, "nodeSelectorTerms"])?;
    // the terms are alternatives: only what all of them say is asked for
    let mut found = None;
    for term in terms.items() {
        let expressions = term.get("matchExpressions")?.items().iter();
        let mut of_term = expressions.filter_map(|expression| {
            let key = expression.get("key")?.as_str()?;
            let is_in = expression.get("operator")?.as_str()? == "In";
            let values = expression.get("values")?.items();
            let [value] = values else { return None };
            (LABELS.contains(&key) && is_in).then(|| value.as_str())?
        });
        let system = of_term.next()?;
        if found.is_some_and(|found| found != system) {
            return None;
        }
        found = Some(system);
    }
    found
}

/// Whether the pod tolerates the taint that nodes of Windows have by custom.
fn tolerates_windows(pod: &Pod<'_>) -> bool {
    let tolerations = pod.at(&["tolerations"]);
    tolerations
        .map_or(&[] as &[Node], Node::items)
        .iter()
        .any(|toleration| {
            let text = |key| {
                toleration
                    .get(key)
                    .and_then(Node::as_str)
                    .unwrap_or_default()
            };
            let key = text("key");
            (key == "os" || key.ends_with("/os")) && text("value").eq_ignore_ascii_case("windows")
        })
}
