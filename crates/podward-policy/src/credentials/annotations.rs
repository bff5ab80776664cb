//! Credentials in annotations.

use podward_manifest::{Node, Object, objects_found, parse};

use super::credentials_of;
use super::place::{SOURCE, Spot, text_of};
use super::scan::{Reading, credentials_in};
use crate::{Finding, Profile, Remedy, Rule, Severity, Version};

pub(super) static RULE: Rule = Rule {
    id: "credentialInAnnotation",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "annotations hold no credentials",
    why: "annotations are shown to whoever may see the object, and are copied into events, exports and the access logs of many tools",
    mend: "keep it in a vault and mount it with a SecretProviderClass; then change the credential, for it is known",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations:\n    example.com/password: hunter2\n",
    ],
    passes: &[
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  annotations:\n    example.com/password-secret: web\n",
    ],
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
        let field = || format!("{path}.annotations.{key}");
        let spot = Spot {
            object,
            rule: &RULE,
            node,
        };
        if key == LAST_APPLIED {
            found.extend(applied(&text).into_iter().map(|inner| {
                let message = format!("the annotation {key} repeats that {}", inner.message);
                spot.made(
                    field(),
                    message,
                    inner.severity,
                    node.start,
                    (node.start, node.end),
                )
            }));
            continue;
        }
        let all = credentials_in(Some(key), &text, Reading::Text);
        if !all.is_empty() {
            let subject = format!("the annotation {key}");
            spot.tell(&field(), &subject, &text, &all, found);
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
        .filter(|finding| finding.severity > Severity::Info)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::made::told;

    #[test]
    fn annotations_of_objects_and_of_their_pods_are_read() {
        let found = told(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\n  annotations:\n    example.com/db-password: hunter2\nspec:\n  template:\n    metadata:\n      annotations:\n        x: amqp://joe:hunter2@mq\n        checksum/secret: 9f86d081884c7d659a2feaa0c55ad015\n",
        );
        assert_eq!(
            found,
            [
                "6:30 credentialInAnnotation metadata.annotations.example.com/db-password: the annotation example.com/db-password holds a password",
                "11:23 credentialInAnnotation spec.template.metadata.annotations.x: the annotation x holds a password in a URL",
            ]
        );
    }

    #[test]
    fn what_kubectl_keeps_is_read_as_an_object() {
        let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","env":[{"name":"DB_PASSWORD","value":"hunter2"}]}]}}"#;
        let found = told(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {pod}\n"
        ));
        assert_eq!(
            found,
            [
                "7:7 credentialInAnnotation metadata.annotations.kubectl.kubernetes.io/last-applied-configuration: the annotation kubectl.kubernetes.io/last-applied-configuration repeats that DB_PASSWORD holds a password",
            ]
        );
    }
}
