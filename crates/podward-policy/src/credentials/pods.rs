//! Where pods hold credentials: environment, commands, headers of probes, annotations.

use podward_manifest::{Node, Object, Workload};

use super::place::{Rule, Spot, text_of};
use super::scan::{Reading, credentials_in};
use super::shell::{Command, words};
use super::{Credential, annotations};
use crate::{Finding, Severity};

const MEND: &str = "keep it in a vault and mount it with a SecretProviderClass; then change the credential, for it is known";

const WHY: &str = "whoever may read the manifest, its history or the pod has the credential, and nobody sees them read it";

const ENV: Rule = Rule {
    id: "credentialInEnv",
    why: WHY,
    mend: MEND,
};

const ARGS: Rule = Rule {
    id: "credentialInArgs",
    why: "whoever may read the manifest or its history has the credential, and every process of the node's users sees it in the list of processes",
    mend: MEND,
};

const HEADER: Rule = Rule {
    id: "credentialInHeader",
    why: WHY,
    mend: "let the probe ask for a path that needs no login; then change the credential, for it is known",
};

const HINT: Rule = Rule {
    id: "secretInEnv",
    why: "the Secret is kept in the cluster for whoever may read it there, and a variable goes to every child process and into dumps and logs; it stays old when the Secret is changed",
    mend: "keep it in a vault and mount it as a file with a SecretProviderClass",
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
                path: format!("{}.{list}[{index}]", workload.spec_path),
                found: &mut found,
            }
            .judge();
        }
    }
    found
}

/// The variables of a list `env` outside of pods, as in a custom resource.
pub(super) fn variables(object: &Object, list: &Node, path: &str, found: &mut Vec<Finding>) {
    for (index, variable) in list.items().iter().enumerate() {
        self::variable(object, variable, &format!("{path}[{index}]"), found);
    }
}

fn variable(object: &Object, variable: &Node, path: &str, found: &mut Vec<Finding>) {
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
        for one in credentials_in(Some(name), &text, Reading::Text) {
            found.push(spot.finding(format!("{path}.value"), name, &text, &one));
        }
    }
    if let Some(reference) = variable.at(&["valueFrom", "secretKeyRef"]) {
        let subject = format!("{name} is");
        found.push(hint(
            object,
            reference,
            format!("{path}.valueFrom.secretKeyRef"),
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
            variables(self.object, list, &format!("{}.env", self.path), self.found);
        }
        let sources = self.node.get("envFrom").map_or(&[] as &[Node], Node::items);
        for (index, source) in sources.iter().enumerate() {
            if let Some(reference) = source.get("secretRef") {
                let field = format!("{}.envFrom[{index}].secretRef", self.path);
                self.found
                    .push(hint(self.object, reference, field, "all variables are"));
            }
        }
        self.command("", &["command", "args"]);
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
        let path = path.join(".");
        if handler.get("exec").is_some() {
            self.command(&format!("{path}.exec."), &["command"]);
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
            for one in credentials_in(Some(name), &text, Reading::Text) {
                self.found
                    .push(spot.finding(field.clone(), &subject, &text, &one));
            }
        }
    }

    /// The words of a command, which may stand in two lists.
    fn command(&mut self, prefix: &str, lists: &[&str]) {
        let mut command = Command::default();
        for list in lists {
            let path = format!("{prefix}{list}");
            let keys: Vec<&str> = path.split('.').collect();
            let items = self.node.at(&keys).map_or(&[] as &[Node], Node::items);
            for (index, node) in items.iter().enumerate() {
                let Some(text) = text_of(node) else { continue };
                // the value of a flag is a word of its own, which lives as long as its node
                let word = node.as_str().unwrap_or_default();
                let mut all = credentials_in(None, &text, Reading::Text);
                let of_flags = if word.contains(char::is_whitespace) {
                    flags_of_script(word)
                } else {
                    command.take(word).into_iter().collect()
                };
                for (span, kind, severity) in of_flags {
                    let free =
                        |one: &Credential| one.span.end <= span.start || span.end <= one.span.start;
                    if all.iter().all(free) {
                        all.push(Credential {
                            kind,
                            span,
                            severity,
                        });
                    }
                }
                let spot = Spot {
                    object: self.object,
                    rule: &ARGS,
                    node,
                };
                let container = self
                    .node
                    .get("name")
                    .and_then(Node::as_str)
                    .unwrap_or_default();
                let subject = format!("{path}[{index}] of the container {container:?}");
                for one in &all {
                    let field = format!("{}.{path}[{index}]", self.path);
                    self.found.push(spot.finding(field, &subject, &text, one));
                }
            }
        }
    }
}

/// What the flags of a script's commands tell.
pub(super) fn flags_of_script(
    script: &str,
) -> Vec<(std::ops::Range<usize>, &'static str, Severity)> {
    let mut command = Command::default();
    let all = words(script).filter_map(|(at, word)| {
        let (span, kind, severity) = command.take(word)?;
        Some((at + span.start..at + span.end, kind, severity))
    });
    all.collect()
}
