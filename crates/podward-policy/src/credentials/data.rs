//! Credentials in ConfigMaps, Secrets and objects of other kinds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use podward_manifest::{Node, Object, Value};

use super::place::{SOURCE, Spot, text_of};
use super::scan::{Reading, credentials_in};
use super::{Credential, annotations, names, netrc, pods, shell, values};
use crate::{Finding, Profile, Remedy, Rule, Severity, Version, mask};

const MEND: &str = "keep it in a vault and mount it with a SecretProviderClass; then change the credential, for it is known";

pub(super) static CONFIG_MAP: Rule = Rule {
    id: "credentialInConfigMap",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "ConfigMaps hold no credentials, nor do the files in them",
    why: "ConfigMaps are not kept as secrets are: whoever may read the manifest or the namespace's configuration has the credential",
    mend: MEND,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  app.properties: |\n    db.user=web\n    db.password=hunter2\n",
    ],
    passes: &[
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\ndata:\n  app.properties: |\n    db.user=web\n    db.password=${DB_PASSWORD}\n",
    ],
};

pub(super) static SECRET: Rule = Rule {
    id: "credentialInSecret",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "no Secret stands in a manifest with its value",
    why: "base64 is no encryption: whoever may read the manifest or its history has the credential",
    mend: MEND,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\ndata:\n  password: aHVudGVyMg==\n",
    ],
    passes: &[
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: web\nstringData:\n  password: <put in by the pipeline>\n",
    ],
};

pub(super) static OTHER: Rule = Rule {
    id: "credentialInResource",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "objects of other kinds hold no credentials",
    why: "whoever may read the manifest, its history or the object has the credential",
    mend: MEND,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[
        "apiVersion: example.com/v1\nkind: Database\nmetadata:\n  name: web\nspec:\n  url: postgres://web:hunter2@db/web\n",
    ],
    passes: &[
        "apiVersion: example.com/v1\nkind: Database\nmetadata:\n  name: web\nspec:\n  url: postgres://db/web\n",
    ],
};

/// What a value is of which only its place tells that it is secret.
const KEPT: &str = "a value that is to be secret";

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
                    let path = Path {
                        parent: None,
                        part: Part::Key(key),
                    };
                    any(object, node, &path, &mut found);
                }
            }
        }
    }
    mask(&mut found);
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
            let all = of_entry(object, key, &text);
            spot.tell(&field, &subject, &text, &all, found);
            continue;
        }
        let packed: String = text.split_ascii_whitespace().collect();
        let Ok(decoded) = STANDARD.decode(packed) else {
            // the server refuses it, but who wrote it meant the text itself
            let all = of_entry(object, key, &text);
            spot.tell(&field, &subject, &text, &all, found);
            continue;
        };
        let Ok(decoded) = String::from_utf8(decoded) else {
            // no text: a key store, the bytes of a key, or a text that should have been encoded
            if is_key_store(key) {
                found.push(spot.whole(field, &subject, "", &bytes("a key store")));
            } else if names::speaks(key).is_some() {
                found.push(spot.whole(field, &subject, "", &bytes(KEPT)));
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
        shell::add_of_script(text, &mut all);
    }
    netrc::add(key, text, &mut all);
    if all.is_empty() && object.kind == "Secret" && is_kept(key, text) {
        all.push(Credential {
            kind: KEPT,
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
    // what a pair holds is judged by its own key
    let is_pair = value.split_once('=').is_some_and(|(name, value)| {
        !value.trim_matches('=').is_empty()
            && name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_')
    });
    !value.contains('\n')
        && !is_pair
        && !CONFIGURATION.iter().any(|end| key.ends_with(end))
        && !names::is_plain(key)
        && !values::stands_for_another(value)
        && !value.starts_with(['{', '['])
        && !is_address
        && value.len() >= 3
        && !value.bytes().all(|b| b.is_ascii_digit() && value.len() < 4)
}

/// Ends of keys that name files of configuration.
const CONFIGURATION: &[&str] = &[
    ".cfg",
    ".conf",
    ".config",
    ".env",
    ".ini",
    ".json",
    ".properties",
    ".sh",
    ".toml",
    ".xml",
    ".yaml",
    ".yml",
];

fn is_key_store(key: &str) -> bool {
    [".p12", ".pfx", ".jks", ".keystore", "keystore"]
        .into_iter()
        .any(|end| key.to_ascii_lowercase().ends_with(end))
}

/// A credential that is no text.
fn bytes(kind: &'static str) -> Credential {
    Credential {
        kind,
        span: 0..0,
        severity: Severity::Warning,
    }
}

/// Where a value stands in its object. The text is made where something is found.
struct Path<'a> {
    parent: Option<&'a Self>,
    part: Part<'a>,
}

enum Part<'a> {
    Key(&'a str),
    Index(usize),
}

impl Path<'_> {
    fn text(&self) -> String {
        let mut text = self.parent.map(Self::text).unwrap_or_default();
        match self.part {
            Part::Key(key) if text.is_empty() => text.push_str(key),
            Part::Key(key) => text.extend([".", key]),
            Part::Index(index) => text.push_str(&format!("[{index}]")),
        }
        text
    }

    fn is_key(&self, wanted: &str) -> bool {
        matches!(self.part, Part::Key(key) if key == wanted)
    }
}

/// Every text of a value by its form, and lists of variables by their names. How deep it goes is
/// bounded by the parser.
fn any(object: &Object, node: &Node, path: &Path<'_>, found: &mut Vec<Finding>) {
    match &node.value {
        Value::String(text) => {
            // those of a Kustomization are `key=value`
            let is_pair = path.parent.is_some_and(|list| list.is_key("literals"));
            let reading = if is_pair {
                Reading::Text
            } else {
                Reading::Form
            };
            let all = credentials_in(None, text, reading);
            if !all.is_empty() {
                let spot = Spot {
                    object,
                    rule: &OTHER,
                    node,
                };
                let path = path.text();
                spot.tell(&path, &path, text, &all, found);
            }
        }
        Value::Sequence(items) => {
            if path.is_key("env") && items.iter().any(|item| item.get("value").is_some()) {
                pods::variables(object, node, &path.text(), found);
                return;
            }
            for (index, item) in items.iter().enumerate() {
                let part = Part::Index(index);
                let parent = Some(path);
                any(object, item, &Path { parent, part }, found);
            }
        }
        Value::Mapping(entries) => {
            for (key, value) in entries {
                let part = Part::Key(key.as_str().unwrap_or("?"));
                let parent = Some(path);
                any(object, value, &Path { parent, part }, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{letters, pem, told};
    use super::*;

    fn encoded(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn files_in_config_maps_are_read_line_by_line() {
        let key = pem("RSA PRIVATE KEY").replace('\n', "\n    ");
        let found = told(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\ndata:\n  db.conf: |\n    user = joe\n    password = hunter2\n  id_rsa: |\n    {key}\n  entry.sh: |\n    redis-cli -a hunter2 ping\n  DB_PASSWORD: hunter2\n  README: |\n    The password is in the vault.\n  .netrc: |\n    machine h login u password hunter2\nbinaryData:\n  x: {}\n",
            encoded("token: Tr0ub4dor\n"),
        ));
        let wanted = [
            "7:16 credentialInConfigMap data.db.conf: db.conf of the ConfigMap holds a password",
            "9:5 credentialInConfigMap data.id_rsa: id_rsa of the ConfigMap holds a private key",
            "14:18 credentialInConfigMap data.entry.sh: entry.sh of the ConfigMap holds a password",
            "15:16 credentialInConfigMap data.DB_PASSWORD: DB_PASSWORD of the ConfigMap holds a password",
            "19:32 credentialInConfigMap data..netrc: .netrc of the ConfigMap holds a password",
            "21:6 credentialInConfigMap binaryData.x: x of the ConfigMap holds a token",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn values_of_secrets_are_told_decoded() {
        let registry = format!(
            "{{\"auths\":{{\"r\":{{\"auth\":\"{}\"}}}}}}",
            encoded("joe:hunter2")
        );
        let found = told(&format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\ndata:\n  password: {}\n  username: {}\n  tls.crt: {}\n  tls.key: {}\n  .dockerconfigjson: {}\n  opaque: {}\n  enabled: {}\nstringData:\n  api-token: {}\n  password2: $(FROM_ELSEWHERE)\n  app.conf: |\n    log: debug\n",
            encoded("hunter2"),
            encoded("joe"),
            encoded(&pem("CERTIFICATE")),
            encoded(&pem("PRIVATE KEY")),
            encoded(&registry),
            encoded("correct horse"),
            encoded("true"),
            letters(24),
        ));
        let kinds: Vec<_> = found
            .iter()
            .filter_map(|line| line.split_once(": "))
            .collect();
        let start: String = letters(24).chars().take(4).collect();
        let token = format!("api-token of the Secret holds a token (\"{start}…\")");
        assert_eq!(
            kinds,
            [
                (
                    "13:14 credentialInSecret stringData.api-token",
                    token.as_str()
                ),
                (
                    "5:13 credentialInSecret data.password",
                    "password of the Secret holds a password"
                ),
                (
                    "8:12 credentialInSecret data.tls.key",
                    "tls.key of the Secret holds a private key"
                ),
                (
                    "9:22 credentialInSecret data..dockerconfigjson",
                    ".dockerconfigjson of the Secret holds a login of a registry (\"am9l…\")"
                ),
                (
                    "10:11 credentialInSecret data.opaque",
                    "opaque of the Secret holds a value that is to be secret"
                ),
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_told_by_their_name() {
        // what should have been encoded, the bytes of a key, and those of a picture
        let found = told(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  root_password: password\n  db-password: hunter2!\n  store.jks: /u3+7Q==\n  logo: iVBORw==\n",
        );
        let places: Vec<_> = found
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(places, ["5:18", "6:16", "7:14"]);
    }

    #[test]
    fn literals_of_a_kustomization_are_pairs() {
        let found = told(
            "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nmetadata: {name: k}\nsecretGenerator:\n- name: s\n  literals:\n  - password=hunter2\n  - user=joe\n",
        );
        assert_eq!(
            found,
            [
                "7:14 credentialInResource secretGenerator[0].literals[0]: secretGenerator[0].literals[0] holds a password",
            ]
        );
    }

    #[test]
    fn other_kinds_are_read_by_form_alone() {
        let token = format!("{}{}", "ghp_", letters(36));
        let found = told(&format!(
            "apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: t}}\nspec:\n  password: hunter2\n  sources:\n  - {{token: {token}}}\n  workers:\n  - env: [{{name: DB_PASSWORD, value: hunter2}}]\n"
        ));
        assert_eq!(
            found,
            [
                "7:13 credentialInResource spec.sources[0].token: spec.sources[0].token holds a GitHub token (\"ghp_…\")",
                "9:38 credentialInEnv spec.workers[0].env[0].value: DB_PASSWORD holds a password",
            ]
        );
    }
}
