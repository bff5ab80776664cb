//! Credentials in ConfigMaps, Secrets and objects of other kinds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use podward_manifest::{Node, Object, Value};

use super::place::{Rule, Spot, text_of};
use super::scan::{Reading, credentials_in};
use super::{Credential, annotations, names, pods, values};
use crate::{Finding, Severity};

const MEND: &str = "keep it in a vault and mount it with a SecretProviderClass; then change the credential, for it is known";

const CONFIG_MAP: Rule = Rule {
    id: "credentialInConfigMap",
    why: "ConfigMaps are not kept as secrets are: whoever may read the manifest or the namespace's configuration has the credential",
    mend: MEND,
};

const SECRET: Rule = Rule {
    id: "credentialInSecret",
    why: "base64 is no encryption: whoever may read the manifest or its history has the credential",
    mend: MEND,
};

const OTHER: Rule = Rule {
    id: "credentialInResource",
    why: "whoever may read the manifest, its history or the object has the credential",
    mend: MEND,
};

/// Deepest part of an object that is looked into.
const MAX_DEPTH: usize = 100;

/// Literal credentials of any object: of a workload what [`credentials`](super::credentials)
/// finds, of a ConfigMap and a Secret every key, of other kinds what has the form of a credential.
#[must_use]
pub fn credentials_of(object: &Object) -> Vec<Finding> {
    if let Some(workload) = podward_manifest::workload(object) {
        return pods::credentials(&workload);
    }
    let mut found = Vec::new();
    annotations::of(object, object.node.get("metadata"), "metadata", &mut found);
    match object.kind.as_str() {
        "ConfigMap" => {
            data(object, "data", &CONFIG_MAP, false, &mut found);
            data(object, "binaryData", &CONFIG_MAP, true, &mut found);
        }
        "Secret" => {
            data(object, "stringData", &SECRET, false, &mut found);
            data(object, "data", &SECRET, true, &mut found);
        }
        _ => {
            for (key, node) in object.node.entries() {
                if let Some(key) = key.as_str().filter(|key| *key != "metadata") {
                    any(object, node, &mut key.to_owned(), 0, &mut found);
                }
            }
        }
    }
    found
}

fn data(object: &Object, list: &str, rule: &'static Rule, encoded: bool, found: &mut Vec<Finding>) {
    for (key, node) in object.node.get(list).map_or(&[] as &[_], Node::entries) {
        let (Some(key), Some(text)) = (key.as_str(), text_of(node)) else {
            continue;
        };
        let spot = Spot { object, rule, node };
        let field = format!("{list}.{key}");
        let subject = format!("{key} of the {}", object.kind);
        if !encoded {
            for one in of_entry(object, key, &text) {
                found.push(spot.finding(field.clone(), &subject, &text, &one));
            }
            continue;
        }
        let packed: String = text.split_ascii_whitespace().collect();
        let Ok(decoded) = STANDARD.decode(packed) else {
            continue;
        };
        let Ok(decoded) = String::from_utf8(decoded) else {
            if is_key_store(key) {
                let one = store();
                found.push(spot.whole(field, &subject, "", &one));
            }
            continue;
        };
        // encoded, all of them stand at one place, so one is told: the worst
        let all = of_entry(object, key, &decoded);
        let worst = all
            .iter()
            .reduce(|a, b| if b.severity > a.severity { b } else { a });
        if let Some(one) = worst {
            let value = decoded.get(one.span.clone()).unwrap_or_default();
            found.push(spot.whole(field, &subject, value, one));
        }
    }
}

/// The credentials of one entry.
fn of_entry(object: &Object, key: &str, text: &str) -> Vec<Credential> {
    let mut all = credentials_in(Some(key), text, Reading::Text);
    if key.ends_with(".sh") || text.starts_with("#!") {
        for (span, kind, severity) in pods::flags_of_script(text) {
            let free = |one: &Credential| one.span.end <= span.start || span.end <= one.span.start;
            if all.iter().all(free) {
                all.push(Credential {
                    kind,
                    span,
                    severity,
                });
            }
        }
    }
    if all.is_empty() && object.kind == "Secret" && is_kept(key, text) {
        all.push(Credential {
            kind: "a value that is to be secret",
            span: 0..text.len(),
            severity: Severity::Warning,
        });
    }
    all
}

/// Whether a value that nothing else tells of is secret, as it stands in a Secret: one line that
/// is no user, address, switch or file of configuration.
fn is_kept(key: &str, text: &str) -> bool {
    let value = text.trim();
    let is_address = value.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && host.contains('.')
    });
    !value.contains('\n')
        && !names::is_plain(key)
        && !values::stands_for_another(value)
        && !value.starts_with(['{', '['])
        && !is_address
        && value.len() >= 3
        && !value.bytes().all(|b| b.is_ascii_digit() && value.len() < 4)
}

fn is_key_store(key: &str) -> bool {
    [".p12", ".pfx", ".jks", ".keystore", "keystore"]
        .into_iter()
        .any(|end| key.to_ascii_lowercase().ends_with(end))
}

fn store() -> Credential {
    Credential {
        kind: "a key store",
        span: 0..0,
        severity: Severity::Warning,
    }
}

/// Every text of a value by its form, and lists of variables by their names.
fn any(object: &Object, node: &Node, path: &mut String, depth: usize, found: &mut Vec<Finding>) {
    if depth > MAX_DEPTH {
        return;
    }
    let length = path.len();
    match &node.value {
        Value::String(text) => {
            for one in credentials_in(None, text, Reading::Form) {
                let spot = Spot {
                    object,
                    rule: &OTHER,
                    node,
                };
                found.push(spot.finding(path.clone(), path, text, &one));
            }
        }
        Value::Sequence(items) => {
            if path.ends_with(".env") && items.iter().any(|item| item.get("value").is_some()) {
                pods::variables(object, node, path, found);
                return;
            }
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                any(object, item, path, depth + 1, found);
                path.truncate(length);
            }
        }
        Value::Mapping(entries) => {
            for (key, value) in entries {
                path.push('.');
                path.push_str(key.as_str().unwrap_or("?"));
                any(object, value, path, depth + 1, found);
                path.truncate(length);
            }
        }
        _ => {}
    }
}
