//! The pod's identity endpoint, in the form of App Service: who asks for it, and the header that a pod has already.

use serde_json::{Map, Value};

use super::{text, variable_at};

/// Label or annotation that asks for `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`.
const OPT_IN: &str = "podward.dev/identity";
/// Variables of the endpoint.
pub(super) const ENDPOINT: &str = "IDENTITY_ENDPOINT";
pub(super) const HEADER: &str = "IDENTITY_HEADER";
/// Hexadecimal digits of a header that podward makes.
const DIGITS: usize = 32;

/// Whether a pod asks for it.
pub(super) fn is_asked_by(pod: &Value) -> bool {
    let opted = |place| text(pod, place, OPT_IN) == Some("true");
    opted("/metadata/labels") || opted("/metadata/annotations")
}

/// The header that podward gave a container in a call before. An author's is another: it is not of podward's form, or
/// does not come after podward's endpoint, as a variable does that podward added.
pub(super) fn known_header(
    spec: &Map<String, Value>,
    skipped: &[String],
    endpoint: &str,
) -> Option<String> {
    let lists = ["initContainers", "containers"].into_iter();
    let containers = lists.filter_map(|list| spec.get(list)?.as_array());
    let is_skipped = |one: &Value| {
        let name = one.get("name").and_then(Value::as_str);
        name.is_some_and(|name| skipped.iter().any(|skipped| skipped == name))
    };
    let given = containers.flatten().filter(|one| !is_skipped(one));
    let mut given = given.filter_map(Value::as_object).filter_map(|container| {
        let (endpoint_at, of_endpoint) = variable_at(container, ENDPOINT)?;
        let (header_at, header) = variable_at(container, HEADER)?;
        let is_own = of_endpoint == endpoint && endpoint_at < header_at && is_made_here(header);
        is_own.then_some(header)
    });
    given.next().map(str::to_owned)
}

fn is_made_here(header: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    header.len() == DIGITS && header.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_header_is_known_from_containers_that_podward_gave_it() {
        let own = "0123456789abcdef0123456789abcdef";
        let endpoint = json!({"name": ENDPOINT, "value": "http://e"});
        let header = |value: &str| json!({"name": HEADER, "value": value});
        for (name, env, is_known) in [
            ("podward's", json!([endpoint, header(own)]), true),
            (
                "with others",
                json!([{"name": "A"}, endpoint, {"name": "B"}, header(own)]),
                true,
            ),
            ("weak", json!([endpoint, header("weak")]), false),
            (
                "longer",
                json!([endpoint, header(&format!("{own}0"))]),
                false,
            ),
            (
                "in capitals",
                json!([endpoint, header(&own.to_uppercase())]),
                false,
            ),
            ("there before", json!([header(own), endpoint]), false),
            ("of no endpoint", json!([header(own)]), false),
            (
                "of another endpoint",
                json!([{"name": ENDPOINT, "value": "http://x"}, header(own)]),
                false,
            ),
            (
                "of a Secret",
                json!([endpoint, {"name": HEADER, "valueFrom": {}}]),
                false,
            ),
        ] {
            for list in ["initContainers", "containers"] {
                let spec = json!({list: [{"name": "a"}, {"name": "b", "env": env}]});
                let spec = spec.as_object().unwrap();
                let want = is_known.then(|| own.to_owned());
                assert_eq!(known_header(spec, &[], "http://e"), want, "{name}");
                assert_eq!(known_header(spec, &["b".into()], "http://e"), None);
            }
        }
    }
}
