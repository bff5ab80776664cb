//! Where pods hold credentials: environment, commands, headers of probes, annotations.

use podward_manifest::{Node, Object, Workload};

use super::annotations;
use super::place::{SOURCE, Spot, text_of};
use super::scan::{Reading, credentials_in};
use super::shell::{self, Command};
use crate::rule::pod;
use crate::{Finding, Profile, Remedy, Rule, Severity, Version, mask, words};

const MEND: &str = "keep it in a vault and mount it with a SecretProviderClass; then change the credential, for it is known";

const WHY: &str = "whoever may read the manifest, its history or the pod has the credential, and nobody sees them read it";

pub(super) static ENV: Rule = Rule {
    id: "credentialInEnv",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "environment variables hold no credentials",
    why: WHY,
    mend: MEND,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    env:\n    - name: DB_PASSWORD\n      value: hunter2\n"
    )],
    passes: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    env:\n    - name: DB_PASSWORD_FILE\n      value: /mnt/secrets/db-password\n    - name: URL\n      value: https://$(USER):$(PASSWORD)@example.com\n"
    )],
};

pub(super) static ARGS: Rule = Rule {
    id: "credentialInArgs",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "commands and arguments hold no credentials",
    why: "whoever may read the manifest or its history has the credential, and every process of the node's users sees it in the list of processes",
    mend: MEND,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    args:\n    - --password=hunter2\n"
    )],
    passes: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    args:\n    - --password-file=/mnt/secrets/password\n"
    )],
};

pub(super) static HEADER: Rule = Rule {
    id: "credentialInHeader",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "headers and paths of probes hold no credentials",
    why: WHY,
    mend: "let the probe ask for a path that needs no login; then change the credential, for it is known",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    livenessProbe:\n      httpGet:\n        port: 8080\n        httpHeaders:\n        - name: X-Api-Key\n          value: hunter2\n"
    )],
    passes: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    livenessProbe:\n      httpGet:\n        port: 8080\n"
    )],
};

pub(super) static HINT: Rule = Rule {
    id: "secretInEnv",
    severity: Severity::Info,
    profile: Profile::ALWAYS,
    title: "secrets are mounted from a vault, not taken from Secrets into the environment",
    why: "the Secret is kept in the cluster for whoever may read it there, and a variable goes to every child process and into dumps and logs; it stays old when the Secret is changed",
    mend: "keep it in a vault and mount it as a file with a SecretProviderClass",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    env:\n    - name: DB_PASSWORD\n      valueFrom:\n        secretKeyRef:\n          name: db\n          key: password\n"
    )],
    passes: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    env:\n    - name: DB_PASSWORD_FILE\n      value: /mnt/secrets/db-password\n"
    )],
};

/// Literal credentials of a workload's containers and annotations, and, as [`Severity::Info`],
/// variables that are taken from Secrets. A finding tells at most the first characters of a value.
#[must_use]
pub fn credentials(workload: &Workload<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let object = workload.object;
    annotations::of(object, object.node.get("metadata"), "metadata", &mut found);
    if workload.spec_path != "spec" {
        let path = format!("{}metadata", workload.spec_path.trim_end_matches("spec"));
        annotations::of(object, workload.metadata, &path, &mut found);
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        let containers = workload.spec.get(list).map_or(&[] as &[Node], Node::items);
        for (index, node) in containers.iter().enumerate() {
            Container {
                object,
                node,
                path: [&workload.spec_path, ".", &words::item(list, index)].concat(),
                found: &mut found,
            }
            .judge();
        }
    }
    mask(&mut found);
    found
}

/// The variables of a list `env` outside of pods, as in a custom resource.
pub(super) fn variables(object: &Object, list: &Node, path: &str, found: &mut Vec<Finding>) {
    for (index, variable) in list.items().iter().enumerate() {
        self::variable(object, variable, &|| words::item(path, index), found);
    }
}

fn variable(object: &Object, variable: &Node, path: &dyn Fn() -> String, found: &mut Vec<Finding>) {
    let Some(name) = variable.get("name").and_then(Node::as_str) else {
        return;
    };
    if let Some(node) = variable.get("value")
        && let Some(text) = text_of(node)
    {
        let spot = Spot {
            object,
            rule: &ENV,
            node,
        };
        let all = credentials_in(Some(name), &text, Reading::Text);
        if !all.is_empty() {
            spot.tell(&format!("{}.value", path()), name, &text, &all, found);
        }
    }
    if let Some(reference) = variable.at(&["valueFrom", "secretKeyRef"]) {
        let subject = format!("{name} is");
        found.push(hint(
            object,
            reference,
            format!("{}.valueFrom.secretKeyRef", path()),
            &subject,
        ));
    }
}

fn hint(object: &Object, node: &Node, field: String, subject: &str) -> Finding {
    let secret = node.get("name").and_then(Node::as_str).unwrap_or_default();
    let spot = Spot {
        object,
        rule: &HINT,
        node,
    };
    let message = format!("{subject} taken from the Secret {secret:?}");
    let finding = spot.made(
        field,
        message,
        Severity::Info,
        node.start,
        (node.start, node.start),
    );
    Finding {
        secret: None,
        ..finding
    }
}

struct Container<'a> {
    object: &'a Object,
    node: &'a Node,
    path: String,
    found: &'a mut Vec<Finding>,
}

impl Container<'_> {
    fn judge(&mut self) {
        if let Some(list) = self.node.get("env") {
            variables(
                self.object,
                list,
                &[&self.path, ".env"].concat(),
                self.found,
            );
        }
        let sources = self.node.get("envFrom").map_or(&[] as &[Node], Node::items);
        for (index, source) in sources.iter().enumerate() {
            if let Some(reference) = source.get("secretRef") {
                let field = format!("{}.envFrom[{index}].secretRef", self.path);
                self.found
                    .push(hint(self.object, reference, field, "all variables are"));
            }
        }
        self.command(&[], &["command", "args"]);
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
            self.handler(&[probe]);
        }
        for event in ["postStart", "preStop"] {
            self.handler(&["lifecycle", event]);
        }
    }

    /// A probe or a step of the life cycle: its command and its headers.
    fn handler(&mut self, path: &[&str]) {
        let Some(handler) = self.node.at(path) else {
            return;
        };
        if handler.get("exec").is_some() {
            self.command(&[path, &["exec"]].concat(), &["command"]);
        }
        let path = path.join(".");
        if let Some(node) = handler.at(&["httpGet", "path"])
            && let Some(text) = text_of(node)
        {
            let spot = Spot {
                object: self.object,
                rule: &HEADER,
                node,
            };
            let field = format!("{}.{path}.httpGet.path", self.path);
            let all = credentials_in(None, &text, Reading::Text);
            spot.tell(&field, "the path of the request", &text, &all, self.found);
        }
        let headers = handler.at(&["httpGet", "httpHeaders"]);
        for (index, header) in headers
            .map_or(&[] as &[Node], Node::items)
            .iter()
            .enumerate()
        {
            let name = header.get("name").and_then(Node::as_str);
            let (Some(name), Some(node)) = (name, header.get("value")) else {
                continue;
            };
            let Some(text) = text_of(node) else { continue };
            let spot = Spot {
                object: self.object,
                rule: &HEADER,
                node,
            };
            let field = format!("{}.{path}.httpGet.httpHeaders[{index}].value", self.path);
            let subject = format!("the header {name}");
            let all = credentials_in(Some(name), &text, Reading::Text);
            spot.tell(&field, &subject, &text, &all, self.found);
        }
    }

    /// The words of a command, which may stand in two lists.
    fn command(&mut self, at: &[&str], lists: &[&str]) {
        let mut command = Command::default();
        for list in lists {
            let holder = self.node.at(at);
            let items = holder.and_then(|holder| holder.get(list));
            let items = items.map_or(&[] as &[Node], Node::items);
            for (index, node) in items.iter().enumerate() {
                let Some(text) = text_of(node) else { continue };
                // the value of a flag is a word of its own, which lives as long as its node
                let word = node.as_str().unwrap_or_default();
                let mut all = credentials_in(None, &text, Reading::Text);
                if word.contains(char::is_whitespace) && !command.awaits() {
                    shell::add_of_script(word, &mut all);
                } else {
                    shell::add(command.take(word), &mut all);
                }
                let spot = Spot {
                    object: self.object,
                    rule: &ARGS,
                    node,
                };
                if all.is_empty() {
                    continue;
                }
                let path = [at, &[list]].concat().join(".");
                let container = self.node.get("name").and_then(Node::as_str);
                let container = container.unwrap_or_default();
                let subject = format!("{path}[{index}] of the container {container:?}");
                let field = format!("{}.{path}[{index}]", self.path);
                spot.tell(&field, &subject, &text, &all, self.found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::told;

    fn of_container(rest: &str) -> Vec<String> {
        let container = format!("    {}", rest.replace('\n', "\n    "));
        told(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - name: a\n{container}\n"
        ))
    }

    #[test]
    fn variables_are_judged_by_name_and_value() {
        for name in [
            "DB_PASSWORD",
            "dbPassword",
            "API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "token",
        ] {
            let found = of_container(&format!("env:\n- name: {name}\n  value: hunter2"));
            assert_eq!(found.len(), 1, "{name}");
            let start = "9:14 credentialInEnv spec.containers[0].env[0].value: ";
            assert!(
                found[0].starts_with(&format!("{start}{name} holds a ")),
                "{found:?}"
            );
            assert!(!found[0].contains("hunter2"));
        }
        let number = of_container("env: [{name: DB_PASSWORD, value: 48151623}]");
        assert_eq!(number.len(), 1);
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
            let found = of_container(&format!("env: [{{name: {name}, value: hunter2}}]"));
            assert!(found.is_empty(), "{name}");
        }
        for rest in [
            "value: $(OTHER)",
            "value: /var/run/token",
            "value: ''",
            "value: 'true'",
        ] {
            let found = of_container(&format!("env: [{{name: DB_PASSWORD, {rest}}}]"));
            assert!(found.is_empty(), "{rest}");
        }
    }

    #[test]
    fn commands_are_read_word_by_word_and_as_scripts() {
        let found = of_container(
            "command: [app, --password]\nargs:\n- hunter2\n- --token=$(TOKEN)\n- -Ddb.password=hunter2",
        );
        assert_eq!(
            found,
            [
                "9:7 credentialInArgs spec.containers[0].args[0]: args[0] of the container \"a\" holds a password",
                "11:21 credentialInArgs spec.containers[0].args[2]: args[2] of the container \"a\" holds a password",
            ]
        );
        let script = of_container(
            "command:\n- sh\n- -c\n- |\n  set -e\n  mysql -u root -phunter2 < x\n  PGPASSWORD=hunter2 psql",
        );
        let places: Vec<_> = script
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(places, ["12:23", "13:18"]);
    }

    #[test]
    fn probes_and_hooks_have_headers_and_commands() {
        let found = of_container(
            "livenessProbe:\n  httpGet:\n    httpHeaders:\n    - {name: X-Api-Key, value: hunter2}\nlifecycle:\n  preStop:\n    exec:\n      command: [app, --password=hunter2]",
        );
        assert_eq!(
            found,
            [
                "10:36 credentialInHeader spec.containers[0].livenessProbe.httpGet.httpHeaders[0].value: the header X-Api-Key holds a key",
                "14:37 credentialInArgs spec.containers[0].lifecycle.preStop.exec.command[1]: lifecycle.preStop.exec.command[1] of the container \"a\" holds a password",
            ]
        );
    }

    #[test]
    fn paths_of_probes_are_read() {
        let found = of_container(
            "readinessProbe:\n  httpGet:\n    path: /healthz?token=abcdef0123456789abcdef0123456789\n    port: 1",
        );
        assert_eq!(
            found,
            [
                "9:30 credentialInHeader spec.containers[0].readinessProbe.httpGet.path: the path of the request holds a token (\"abcd…\")",
            ]
        );
        assert!(of_container("readinessProbe:\n  httpGet: {path: /token, port: 1}").is_empty());
    }

    #[test]
    fn scripts_and_words_hand_on_passwords() {
        let found = of_container(
            "command:\n- sh\n- -c\n- |\n  echo 'root:hunter2' | chpasswd\n  adduser --disabled-password app\nargs: [--no-password, app]\nlifecycle:\n  preStop:\n    exec:\n      command: [openssl, rsa, -passin, pass:hunter2, -in, x]",
        );
        let places: Vec<_> = found
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(places, ["11:18", "17:49"], "{found:?}");
    }

    #[test]
    fn variables_from_secrets_are_hints() {
        let found = of_container(
            "env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: k}}}]\nenvFrom: [{secretRef: {name: all}}, {configMapRef: {name: c}}]",
        );
        assert_eq!(
            found,
            [
                "7:47 secretInEnv spec.containers[0].env[0].valueFrom.secretKeyRef: A is taken from the Secret \"db\"",
                "8:27 secretInEnv spec.containers[0].envFrom[0].secretRef: all variables are taken from the Secret \"all\"",
            ]
        );
    }

    #[test]
    fn no_excerpt_shows_a_value() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a\n    env: [{name: A_PASSWORD, value: hunter2}, {name: B_PASSWORD, value: hunter22}]\n    args: [\"--password=hunter2 --db-password=hunter22\"]\n    command:\n    - |\n      app --password=hunter2 \\\n        --db-password=hunter22; app --password hunter222\n";
        let source = podward_manifest::Source {
            path: "f".into(),
            text: text.into(),
        };
        let document = podward_manifest::parse("f", text).unwrap().remove(0);
        let object = podward_manifest::objects_found(document).remove(0);
        let found = super::super::credentials_of(&object);
        assert_eq!(found.len(), 7, "{found:?}");
        for finding in found {
            let excerpt = source
                .lines()
                .excerpt_without(finding.position, finding.secret.unwrap());
            let shown = format!("{excerpt}{finding:?}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
