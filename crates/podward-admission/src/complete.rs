//! What a pod gets as it is made: its identity, and fields that its namespace has defaults for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use podward_cluster::View;
use serde_json::Value;

use crate::bounds::{has_too_many_containers, is_too_large, too_large};
use crate::fill::{DEFAULT_LABEL, DEFAULT_VALUE, fill};
use crate::gate::read;
use crate::review::{Answer, Request};
use crate::standards::Labels;
use crate::workload_identity::{Environment, asks, inject};

/// Completes a pod that is made. A second call adds nothing.
///
/// A pod that cannot have what it asks for is refused with the words of the webhook that podward replaces.
#[must_use]
pub fn complete(
    request: &Request<'_>,
    namespace: Option<&Labels>,
    view: &View,
    given: &Environment,
) -> Answer {
    let made = request.operation == "CREATE" && request.sub_resource.is_empty();
    if !made || !request.resource.is_core("pods") {
        return Answer::allowed();
    }
    let Some(raw) = request.object else {
        return Answer::refused(400, "BadRequest", "the review has no object".into());
    };
    if is_too_large(raw.get()) {
        return too_large();
    }
    let Ok(before) = serde_json::from_str::<Value>(raw.get()) else {
        return Answer::refused(400, "BadRequest", "the object is no pod".into());
    };
    if has_too_many_containers(&before) {
        return too_large();
    }
    let mut pod = before.clone();
    let defaults = namespace.and_then(|labels| labels.get(DEFAULT_LABEL));
    if defaults.is_some_and(|profile| profile == DEFAULT_VALUE)
        && let Ok(object) = read(raw.get())
    {
        fill(&mut pod, &object);
    }
    let mut answer = Answer::allowed();
    if asks(&pod, given) {
        match inject(&mut pod, view, &request.namespace, given) {
            Ok(warnings) => answer.warnings = warnings,
            Err(error) => return Answer::refused(400, "BadRequest", error.to_string()),
        }
    }
    let patch = json_patch::diff(&before, &pod);
    if !patch.0.is_empty()
        && let Ok(text) = serde_json::to_vec(&patch)
    {
        answer.patch_type = Some("JSONPatch");
        answer.patch = Some(STANDARD.encode(text));
    }
    answer
}

#[cfg(test)]
mod tests;
