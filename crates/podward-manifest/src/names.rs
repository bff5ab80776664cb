//! Names as the API server takes them (apimachinery `validation`, RFC 1123): what else may stand in a
//! name could be a path, or a line of a file.

use crate::{Node, Object, ObjectError, workload};

/// Longest label (RFC 1123) and longest subdomain, characters.
const LABEL: usize = 63;
const SUBDOMAIN: usize = 253;

/// A rule for a name, and how the API server words it.
#[derive(Clone, Copy)]
enum Rule {
    Label,
    Subdomain,
    Key,
    PathSegment,
}

impl Rule {
    fn takes(self, name: &str) -> bool {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let label = |part: &str| {
            let bytes = part.as_bytes();
            bytes.first().is_some_and(|b| inner(*b))
                && bytes.last().is_some_and(|b| inner(*b))
                && bytes.iter().all(|b| inner(*b) || *b == b'-')
        };
        match self {
            Self::Label => name.len() <= LABEL && label(name),
            Self::Subdomain => name.len() <= SUBDOMAIN && name.split('.').all(label),
            Self::Key => {
                let each = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
                (1..=SUBDOMAIN).contains(&name.len())
                    && name.bytes().all(each)
                    && name != "."
                    && !name.starts_with("..")
            }
            Self::PathSegment => {
                !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '%'])
            }
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Label => {
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character, 63 at most"
            }
            Self::Subdomain => {
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character, 253 at most"
            }
            Self::Key => {
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.', 253 at most, and must not start with '..'"
            }
            Self::PathSegment => "a name must not be '.' or '..', nor contain '/' or '%'",
        }
    }
}

/// Whether a name is a DNS subdomain (RFC 1123), as most objects are named.
#[must_use]
pub fn is_subdomain(name: &str) -> bool {
    Rule::Subdomain.takes(name)
}

/// Whether a name is a DNS label (RFC 1123), as namespaces are named.
#[must_use]
pub fn is_label(name: &str) -> bool {
    Rule::Label.takes(name)
}

/// The names of an object that no API server would take, each with its place.
#[must_use]
pub fn name_faults(object: &Object) -> Vec<ObjectError> {
    let mut found = Vec::new();
    let mut check = |field: String, node: &Node, rule: Rule| {
        let name = node.as_str().unwrap_or_default();
        if !rule.takes(name) {
            found.push(ObjectError {
                path: object.path.to_string(),
                position: node.start,
                message: format!("{field}: invalid value {name:?}: {}", rule.words()),
            });
        }
    };
    let metadata = |field: &str| object.node.at(&["metadata", field]);
    if let Some(name) = metadata("name") {
        check("metadata.name".into(), name, rule_of(&object.kind));
    }
    if let Some(namespace) = metadata("namespace").filter(|node| !node.is_null()) {
        check("metadata.namespace".into(), namespace, Rule::Label);
    }
    if matches!(object.kind.as_str(), "ConfigMap" | "Secret") {
        for field in ["data", "stringData", "binaryData"] {
            for (key, _) in object
                .node
                .get(field)
                .map(Node::entries)
                .unwrap_or_default()
            {
                check(field.into(), key, Rule::Key);
            }
        }
    }
    if let Some(workload) = workload(object) {
        for field in [
            "initContainers",
            "containers",
            "ephemeralContainers",
            "volumes",
        ] {
            let items = workload
                .spec
                .get(field)
                .map(Node::items)
                .unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                let at = format!("{}.{field}[{index}].name", workload.spec_path);
                check(at, item.get("name").unwrap_or(item), Rule::Label);
            }
        }
    }
    found
}

fn rule_of(kind: &str) -> Rule {
    match kind {
        "Namespace" | "Service" => Rule::Label,
        "Pod"
        | "Deployment"
        | "StatefulSet"
        | "DaemonSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "Job"
        | "CronJob"
        | "PodTemplate"
        | "ConfigMap"
        | "Secret"
        | "ServiceAccount"
        | "SecretProviderClass"
        | "AzureIdentity"
        | "AzureIdentityBinding" => Rule::Subdomain,
        // of others, such as RBAC's roles, the server asks only that a path can hold the name
        _ => Rule::PathSegment,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let document = crate::parse("f", text).unwrap().remove(0);
        let object = crate::objects(document).unwrap().remove(0);
        name_faults(&object)
            .iter()
            .map(|fault| {
                format!(
                    "{} {}",
                    fault.position,
                    fault.message.split(": a").next().unwrap()
                )
            })
            .collect()
    }

    #[test]
    fn names_that_are_paths_are_found() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a.b-1, namespace: ../x}\nspec:\n  containers:\n  - name: ../../etc\n  - image: x\n  volumes:\n  - name: Upper\n  - name: fine\n";
        assert_eq!(
            faults(pod),
            [
                "3:36 metadata.namespace: invalid value \"../x\"",
                "6:11 spec.containers[0].name: invalid value \"../../etc\"",
                "7:5 spec.containers[1].name: invalid value \"\"",
                "9:11 spec.volumes[0].name: invalid value \"Upper\"",
            ]
        );
    }

    #[test]
    fn keys_and_other_kinds_have_their_own_rules() {
        let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A_b.c-D: x, ..data: x, a/b: x}\n";
        assert_eq!(
            faults(map),
            [
                "4:20 data: invalid value \"..data\"",
                "4:31 data: invalid value \"a/b\""
            ]
        );
        let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"system:A\"}\n";
        assert!(faults(role).is_empty());
        let long = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\n",
            "a".repeat(64)
        );
        assert_eq!(faults(&long).len(), 1);
    }
}
