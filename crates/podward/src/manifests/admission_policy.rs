//! The profile without a webhook: policies that the API server evaluates itself.

use podward_policy::{DEFAULT_CAPABILITIES, RESTRICTED_VOLUMES, SAFE_SYSCTLS, SE_LINUX_TYPES};
use serde_json::{Value, json};

use super::{at, template};

/// The objects of one level.
const TEMPLATE: &str = include_str!("admission_policy.yaml");

/// What is said at the head of the printed objects.
const HEAD: &str = "\
# The levels baseline and restricted of the Pod Security Standards for namespaces with the labels podward.dev/enforce,
# podward.dev/audit and podward.dev/warn, evaluated by the API server itself (Kubernetes 1.34 or later).
# Not beside podward's webhook, which acts on the same labels and says more.
";

/// The policies of both levels with their bindings, by the values of the chart.
///
/// # Errors
/// Where the template holds what is not known; it holds nothing of that.
pub(super) fn print(values: &Value, namespace: &str) -> Result<String, String> {
    let mut text = HEAD.to_owned();
    for level in ["baseline", "restricted"] {
        text.push_str(template::render(TEMPLATE, &context(values, namespace, level))?.trim_end());
        text.push('\n');
    }
    Ok(text)
}

fn context(values: &Value, namespace: &str, level: &str) -> Value {
    let is_restricted = level == "restricted";
    let exempt = at(values, "webhook.exempt.namespaces").and_then(Value::as_array);
    let own = ["kube-system", namespace].map(Value::from);
    let exempt: Vec<_> = own
        .into_iter()
        .chain(exempt.cloned().unwrap_or_default())
        .collect();
    let asked = if is_restricted {
        json!(["restricted", "podward"])
    } else {
        json!([level])
    };
    let capabilities = if is_restricted {
        &["NET_BIND_SERVICE"]
    } else {
        DEFAULT_CAPABILITIES
    };
    let types: Vec<_> = SE_LINUX_TYPES.iter().map(|(name, _)| name).collect();
    json!({
        "Values": values, "Exempt": exempt,
        "Level": level, "Restricted": is_restricted, "Asked": asked,
        "Capabilities": capabilities, "SeLinuxTypes": types,
        "Sysctls": SAFE_SYSCTLS, "Volumes": RESTRICTED_VOLUMES,
    })
}
