//! Fields of the security context that a pod gets where its author set none: `podward.dev/default: restricted`.

use podward_manifest::{Object, workload};
use podward_policy::{Level, Safety, Version, judge};
use serde_json::{Map, Value};

/// Label of a namespace whose pods are completed.
pub const DEFAULT_LABEL: &str = "podward.dev/default";
/// Its value, the only one.
pub(crate) const DEFAULT_VALUE: &str = "restricted";

/// Sets what is missing of `restricted` and cannot break a pod that works. What the author set stays.
pub(crate) fn fill(pod: &mut Value, object: &Object) {
    let Some(workload) = workload(object) else {
        return;
    };
    let verdict = judge(&workload, Level::Restricted, Version::Latest);
    let findings = verdict.violations.iter().flat_map(|one| &one.findings);
    for finding in findings {
        let Some(fix) = &finding.fix else { continue };
        if fix.safety != Safety::Safe || !fix.elsewhere.is_empty() {
            continue;
        }
        for edit in &fix.edits {
            let field = edit.field.as_deref().unwrap_or(&finding.field);
            if let Some(value) = &edit.value {
                // a field that the author set otherwise is for the verdict to name
                let _ = set_missing(pod, field, value);
            }
        }
    }
}

/// Sets a field such as `spec.containers[0].securityContext.allowPrivilegeEscalation`, where nothing stands there.
fn set_missing(root: &mut Value, path: &str, value: &Value) -> Option<()> {
    let mut at = root;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let (name, index) = match step.split_once('[') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(']')?.parse::<usize>().ok()?)),
            None => (step, None),
        };
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let fields = at.as_object_mut()?;
        let slot = match index {
            Some(index) => fields.get_mut(name)?.get_mut(index)?,
            None => fields.entry(name).or_insert(Value::Null),
        };
        if steps.peek().is_none() {
            if slot.is_null() {
                *slot = value.clone();
            }
            return Some(());
        }
        at = slot;
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(spec: &Value) -> Value {
        let mut pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
        let read = crate::gate::read(&pod.to_string()).unwrap();
        fill(&mut pod, &read);
        pod["spec"].clone()
    }

    #[test]
    fn what_is_safe_is_set_and_what_was_set_stays() {
        let spec = filled(&json!({
            "containers": [
                {"name": "a"},
                {"name": "b", "securityContext": {"allowPrivilegeEscalation": true, "runAsUser": 0}},
            ],
        }));
        assert_eq!(
            spec["securityContext"]["seccompProfile"],
            json!({"type": "RuntimeDefault"})
        );
        let context = |index: usize| &spec["containers"][index]["securityContext"];
        assert_eq!(context(1)["allowPrivilegeEscalation"], true);
        assert_eq!(context(1)["runAsUser"], 0);
        // what may break a pod is for its author
        assert_eq!(spec["securityContext"]["runAsNonRoot"], Value::Null);
        assert_eq!(context(0)["capabilities"], Value::Null);
        assert_eq!(filled(&spec), spec);
    }

    #[test]
    fn a_path_that_is_not_there_changes_nothing_else() {
        let mut value = json!({"a": [{"b": 1}], "c": "text"});
        for path in ["a[1].x", "c.d", "a[x].b", "a[0"] {
            assert_eq!(set_missing(&mut value, path, &json!(1)), None, "{path}");
        }
        assert_eq!(value, json!({"a": [{"b": 1}], "c": "text"}));
        set_missing(&mut value, "a[0].d.e", &json!(2)).unwrap();
        assert_eq!(value["a"][0], json!({"b": 1, "d": {"e": 2}}));
    }
}
