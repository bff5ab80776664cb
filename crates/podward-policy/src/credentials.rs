//! Passwords and keys that are written into a manifest.

use podward_manifest::{Node, Workload};

use crate::Finding;

/// The rule's name.
const RULE: &str = "credentialInEnv";

const WHY: &str = "whoever may read the manifest, its history or the pod has the credential, and nobody sees them read it";

/// Words of a variable's name that speak of a credential.
const CREDENTIAL: &[&str] = &[
    "APIKEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PWD",
    "SECRET",
    "TOKEN",
];

/// Pairs of words that do so together.
const PAIRS: &[(&str, &str)] = &[
    ("ACCESS", "KEY"),
    ("ACCOUNT", "KEY"),
    ("API", "KEY"),
    ("CONNECTION", "STRING"),
    ("PRIVATE", "KEY"),
];

/// Last words that make the value the place or the name of a credential.
const PLACE: &[&str] = &[
    "DIR",
    "DIRECTORY",
    "ENABLED",
    "ENDPOINT",
    "EXPIRY",
    "FILE",
    "HOST",
    "ID",
    "LENGTH",
    "MOUNT",
    "NAME",
    "NAMESPACE",
    "PATH",
    "REF",
    "TTL",
    "TYPE",
    "URI",
    "URL",
];

/// Literal credentials in the environment of a workload's containers. A finding tells the name
/// of the variable and never its value.
#[must_use]
pub fn credentials(workload: &Workload<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = workload.spec.get(list).map_or(&[] as &[Node], Node::items);
        for (index, container) in containers.iter().enumerate() {
            let variables = container.get("env").map_or(&[] as &[Node], Node::items);
            for (position, variable) in variables.iter().enumerate() {
                let name = variable.get("name").and_then(Node::as_str);
                let value = variable.get("value");
                let (Some(name), Some(value)) = (name, value) else {
                    continue;
                };
                if names_credential(name) && is_literal(value) {
                    found.push(finding(
                        workload,
                        &format!("{list}[{index}].env[{position}].value"),
                        name,
                        value,
                    ));
                }
            }
        }
    }
    found
}

fn finding(workload: &Workload<'_>, field: &str, name: &str, value: &Node) -> Finding {
    Finding {
        rule: RULE,
        path: workload.object.path.clone(),
        position: value.start,
        field: format!("{}.{field}", workload.spec_path),
        message: format!("{name} holds a credential as text"),
        why: WHY,
        mend: "keep it in a vault and mount it with a SecretProviderClass, or use valueFrom.secretKeyRef; then change the credential, for it is known".to_owned(),
        fix: None,
        secret: Some((value.start, value.end)),
    }
}

/// The words of a variable's name: `dbPassword` and `DB_PASSWORD` are both two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_lowercase() || c.is_numeric();
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_uppercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn names_credential(name: &str) -> bool {
    let words = words(name);
    if words
        .last()
        .is_some_and(|last| PLACE.contains(&last.as_str()))
    {
        return false;
    }
    let pair = |a: &String, b: &String| PAIRS.contains(&(a.as_str(), b.as_str()));
    words.iter().any(|word| CREDENTIAL.contains(&word.as_str()))
        || words
            .iter()
            .zip(words.iter().skip(1))
            .any(|(first, second)| pair(first, second))
}

/// Whether a value can be a credential: some text that is no reference, place or switch.
fn is_literal(value: &Node) -> bool {
    let Some(text) = value.as_str() else {
        return value.as_i64().is_some();
    };
    let place = ["/", "./", "../", "file:", "http://", "https://"];
    !text.is_empty()
        && !text.contains("$(")
        && !text.contains("${")
        && !text.contains("{{")
        && !place.iter().any(|start| text.starts_with(start))
        && !matches!(
            text.to_ascii_lowercase().as_str(),
            "true" | "false" | "yes" | "no" | "on" | "off"
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::tests::with_spec;

    fn found(name: &str, rest: &str) -> bool {
        let spec = format!("containers: [{{name: a, env: [{{name: {name}, {rest}}}]}}]");
        with_spec(&spec, |workload| !credentials(workload).is_empty())
    }

    #[test]
    fn a_literal_is_found_by_its_name() {
        for name in [
            "DB_PASSWORD",
            "dbPassword",
            "API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "token",
        ] {
            assert!(found(name, "value: hunter2"), "{name}");
        }
    }

    #[test]
    fn what_only_speaks_of_credentials_is_left_alone() {
        for name in [
            "SECRETS_DIR",
            "TLS_SECRET_KEY_PATH",
            "TOKEN_URL",
            "KEYBOARD",
            "SECRET_NAME",
        ] {
            assert!(!found(name, "value: hunter2"), "{name}");
        }
        for rest in [
            "value: $(OTHER)",
            "value: /var/run/token",
            "value: ''",
            "value: 'true'",
            "valueFrom: {secretKeyRef: {name: a, key: b}}",
        ] {
            assert!(!found("DB_PASSWORD", rest), "{rest}");
        }
    }

    #[test]
    fn the_finding_does_not_tell_the_value() {
        let spec = "containers: [{name: a, env: [{name: DB_PASSWORD, value: hunter2}]}]";
        with_spec(spec, |workload| {
            let finding = &credentials(workload)[0];
            assert!(!format!("{finding:?}").contains("hunter2"));
            assert!(finding.secret.is_some());
        });
    }
}
