//! Credentials in annotations.

use podward_manifest::{Node, Object, objects_found, parse};

use super::credentials_of;
use super::place::{Rule, Spot, text_of};
use super::scan::{Reading, credentials_in};
use crate::Finding;

const RULE: Rule = Rule {
    id: "credentialInAnnotation",
    why: "annotations are shown to whoever may see the object, and are copied into events, exports and the access logs of many tools",
    mend: "keep it in a vault and mount it with a SecretProviderClass; then change the credential, for it is known",
};

/// What kubectl keeps of the manifest that was applied.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Credentials in the annotations of an object's or of its pods' metadata, which stands at `path`.
pub(super) fn of(object: &Object, metadata: Option<&Node>, path: &str, found: &mut Vec<Finding>) {
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    for (key, node) in annotations.map_or(&[] as &[_], Node::entries) {
        let (Some(key), Some(text)) = (key.as_str(), text_of(node)) else {
            continue;
        };
        let field = format!("{path}.annotations.{key}");
        let spot = Spot {
            object,
            rule: &RULE,
            node,
        };
        if key == LAST_APPLIED {
            found.extend(applied(&text).into_iter().map(|inner| {
                let message = format!("the annotation {key} repeats that {}", inner.message);
                spot.made(
                    field.clone(),
                    message,
                    inner.severity,
                    node.start,
                    (node.start, node.end),
                )
            }));
            continue;
        }
        let subject = format!("the annotation {key}");
        for one in credentials_in(Some(key), &text, Reading::Text) {
            found.push(spot.finding(field.clone(), &subject, &text, &one));
        }
    }
}

/// The credentials of the manifest that an annotation holds. It holds none that holds another.
fn applied(text: &str) -> Vec<Finding> {
    if text.contains(LAST_APPLIED) {
        return Vec::new();
    }
    let documents = parse("", text).unwrap_or_default();
    let objects = documents.into_iter().flat_map(objects_found);
    let findings = objects.flat_map(|object| credentials_of(&object));
    // hints are given where the field itself stands
    findings
        .filter(|finding| finding.secret.is_some())
        .collect()
}
