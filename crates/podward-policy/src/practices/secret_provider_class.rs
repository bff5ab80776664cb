//! A SecretProviderClass for Azure is one that the provider can read.

use std::borrow::Cow;

use podward_manifest::{Node, Position, parse};

use super::workload_identity_client::is_placeholder;
use crate::check::Spot;
use crate::practice::{Practice, Run, Sight};
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "secretProviderClass",
        severity: Severity::Error,
        profile: Profile::Podward,
        title: "the parameters of a SecretProviderClass for Azure are those that the provider reads",
        why: "the volume is not mounted and the pod does not start; the fault shows only in the events of the pod",
        mend: "write objects as a text whose array holds one text for each object, name the vault and the tenant, and use one way to sign in",
        source: "Azure Key Vault provider: https://azure.github.io/secrets-store-csi-driver-provider-azure/docs/getting-started/usage/",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    objects: |\n      array:\n        - |\n          objectName: db\n          objectType: secret\n",
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    tenantId: 00000000-0000-0000-0000-00000000000b\n    usePodIdentity: \"true\"\n    useVMManagedIdentity: \"true\"\n    objects: |\n      array:\n        - |\n          objectName: db\n          objectType: secret\n",
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    tenantId: 00000000-0000-0000-0000-00000000000b\n    objects: |\n      - objectName: db\n        objectType: secret\n",
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    tenantId: 00000000-0000-0000-0000-00000000000b\n    objects: |\n      array:\n        - objectName: db\n          objectType: secret\n",
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    tenantId: 00000000-0000-0000-0000-00000000000b\n    objects: |\n      array:\n        - |\n          objectName: db\n          objectType: password\n",
        ],
        passes: &[
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    tenantId: 00000000-0000-0000-0000-00000000000b\n    objects: |\n      array:\n        - |\n          objectName: db\n          objectType: secret\n",
            "apiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata:\n  name: web\nspec:\n  provider: azure\n  parameters:\n    keyvaultName: web-vault\n    tenantId: 00000000-0000-0000-0000-00000000000b\n    objects: |\n      array:\n        - |\n          objectName: db\n          objectType: secret\n  secretObjects:\n  - secretName: db\n    type: Opaque\n    data:\n    - objectName: db\n      key: password\n",
        ],
    },
    run: Run::Objects(run),
};

/// The clouds that the provider knows.
const CLOUDS: &[&str] = &[
    "AzurePublicCloud",
    "AzureUSGovernmentCloud",
    "AzureChinaCloud",
    "AzureGermanCloud",
    "AzureStackCloud",
];

fn run(sight: &Sight<'_>, spots: &mut Vec<Spot>) {
    let object = sight.object;
    let is_it =
        object.kind == "SecretProviderClass" && object.group() == "secrets-store.csi.x-k8s.io";
    let provider = object
        .node
        .at(&["spec", "provider"])
        .and_then(Node::as_str)
        .unwrap_or_default();
    if !is_it || !provider.eq_ignore_ascii_case("azure") {
        return;
    }
    let class = Class { sight };
    class.identity(spots);
    class.vault(spots);
    match class.objects() {
        Ok(names) => class.synced(&names, spots),
        Err(found) => spots.extend(found),
    }
}

/// A SecretProviderClass whose provider is azure.
struct Class<'a> {
    sight: &'a Sight<'a>,
}

/// As the provider reads booleans (Go's `strconv.ParseBool`).
fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

impl<'a> Class<'a> {
    fn parameter(&self, name: &str) -> Option<&'a Node> {
        let object: &'a podward_manifest::Object = self.sight.object;
        object.node.at(&["spec", "parameters", name])
    }

    /// The text of a parameter that is set.
    fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.parameter(name)?.as_str()?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// A fault of a parameter.
    fn fault(&self, name: &str, message: impl Into<Cow<'static, str>>) -> Spot {
        let path = format!("spec.parameters.{name}");
        self.sight.spot(&path, message, PRACTICE.rule.mend)
    }

    fn identity(&self, spots: &mut Vec<Spot>) {
        let mut on = Vec::new();
        for name in [
            "usePodIdentity",
            "useVMManagedIdentity",
            "useAzureTokenProxy",
        ] {
            match self.text(name).map(flag) {
                Some(Some(true)) => on.push(name),
                Some(None) => {
                    let message = format!("{name} has to be \"true\" or \"false\"");
                    spots.push(self.fault(name, message));
                }
                _ => {}
            }
        }
        if let [first, second, ..] = on.as_slice() {
            let message = format!(
                "{first} and {second} are both on, and the provider takes one way to sign in"
            );
            spots.push(self.fault(second, message));
        } else if let ([one], Some(_)) = (on.as_slice(), self.text("clientID"))
            && *one != "useAzureTokenProxy"
        {
            let message = format!(
                "clientID asks for a workload identity, and {one} for another way to sign in"
            );
            let spot = self.fault("clientID", message);
            spots.push(Spot {
                severity: Some(Severity::Warning),
                ..spot
            });
        }
    }

    fn vault(&self, spots: &mut Vec<Spot>) {
        match self.text("keyvaultName") {
            None => spots.push(self.fault("keyvaultName", "keyvaultName is missing")),
            Some(name) => {
                let good = (3..=24).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                if !good && !is_placeholder(name) {
                    let message =
                        "keyvaultName is no name of a vault: 3 to 24 letters, digits and hyphens";
                    spots.push(self.fault("keyvaultName", message));
                }
            }
        }
        if self
            .text("tenantId")
            .or_else(|| self.text("tenantID"))
            .is_none()
        {
            spots.push(self.fault(
                "tenantId",
                "tenantId is missing: the provider does not know whom to ask for a token",
            ));
        }
        if let Some(cloud) = self.text("cloudName")
            && !CLOUDS.iter().any(|known| known.eq_ignore_ascii_case(cloud))
            && !is_placeholder(cloud)
        {
            let message = format!("cloudName {cloud:?} is none of {}", CLOUDS.join(", "));
            spots.push(self.fault("cloudName", message));
        }
    }

    /// The file names of the objects, or what is wrong with them.
    fn objects(&self) -> Result<Vec<String>, Vec<Spot>> {
        let at = |position: Position, message: String| Spot {
            position,
            ..self.fault("objects", message)
        };
        let Some(node) = self.parameter("objects") else {
            return Err(vec![
                self.fault("objects", "objects is missing: there is nothing to mount"),
            ]);
        };
        // what is no text has a finding of its own
        let Some(text) = node.as_str() else {
            return Ok(Vec::new());
        };
        if text.contains("{{") {
            return Ok(Vec::new());
        }
        let root = match parse("", text).map(|mut all| all.pop()) {
            Ok(Some(document)) => document.root,
            Ok(None) => {
                return Err(vec![at(
                    node.start,
                    "objects is empty: there is nothing to mount".into(),
                )]);
            }
            Err(error) => {
                let message = format!("objects is no YAML: {}", error.message);
                return Err(vec![at(inside(node, text, error.position), message)]);
            }
        };
        let Some(array) = root.get("array") else {
            let message = "objects has to begin with array:, whose items are texts (- |)";
            return Err(vec![at(inside(node, text, root.start), message.into())]);
        };
        let (mut names, mut faults) = (Vec::new(), Vec::new());
        for (index, item) in array.items().iter().enumerate() {
            let place = inside(node, text, item.start);
            let Some(inner) = item.as_str() else {
                let message = format!(
                    "array[{index}] of objects has to be a text: write \"- |\" and the object below it"
                );
                faults.push(at(place, message));
                continue;
            };
            match entry(inner) {
                Ok(name) if names.contains(&name) => {
                    faults.push(at(
                        place,
                        format!("array[{index}] of objects makes the file {name} a second time"),
                    ));
                }
                Ok(name) => names.push(name),
                Err(why) => faults.push(at(place, format!("array[{index}] of objects: {why}"))),
            }
        }
        if array.items().is_empty() {
            faults.push(at(
                inside(node, text, array.start),
                "array of objects is empty: there is nothing to mount".into(),
            ));
        }
        if faults.is_empty() {
            Ok(names)
        } else {
            Err(faults)
        }
    }

    /// Secrets that are to be made of objects which are not mounted.
    fn synced(&self, names: &[String], spots: &mut Vec<Spot>) {
        let items =
            |node: Option<&'a Node>| node.map_or(&[] as &[Node], Node::items).iter().enumerate();
        let object: &'a podward_manifest::Object = self.sight.object;
        for (at, secret) in items(object.node.at(&["spec", "secretObjects"])) {
            for (index, data) in items(secret.get("data")) {
                let name = data
                    .get("objectName")
                    .and_then(Node::as_str)
                    .unwrap_or_default();
                if !names.is_empty()
                    && !names.iter().any(|known| known == name)
                    && !is_placeholder(name)
                {
                    let path = format!("spec.secretObjects[{at}].data[{index}].objectName");
                    let message =
                        format!("no object is mounted as {name:?}, so the Secret is not made");
                    spots.push(self.sight.spot(
                        &path,
                        message,
                        "name an object by its objectAlias, or its objectName where it has none",
                    ));
                }
            }
        }
    }
}

/// The name of the file that an object makes, or what is wrong with it.
fn entry(text: &str) -> Result<String, String> {
    let root = parse("", text)
        .map_err(|error| format!("no YAML: {}", error.message))?
        .pop()
        .ok_or("it is empty")?
        .root;
    let field = |name: &str| root.get(name).and_then(Node::as_str).map(str::trim);
    let name = field("objectName").filter(|name| !name.is_empty());
    let name = name.ok_or("objectName is missing")?;
    let kind = field("objectType").unwrap_or_default();
    if !matches!(kind, "secret" | "key" | "cert") && !is_placeholder(kind) {
        return Err(format!(
            "objectType has to be secret, key or cert, and is {kind:?}"
        ));
    }
    match field("objectFormat")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("" | "pem") => {}
        Some("pfx") if kind == "secret" => {}
        Some("pfx") => return Err("objectFormat pfx is for objectType secret alone".into()),
        Some(other) => {
            return Err(format!(
                "objectFormat has to be pem or pfx, and is {other:?}"
            ));
        }
    }
    match field("objectEncoding")
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None | Some("") => {}
        Some("utf-8" | "hex" | "base64") if kind == "secret" => {}
        Some("utf-8" | "hex" | "base64") => {
            return Err("objectEncoding is for objectType secret alone".into());
        }
        Some(other) => {
            return Err(format!(
                "objectEncoding has to be utf-8, hex or base64, and is {other:?}"
            ));
        }
    }
    let file = field("objectAlias")
        .filter(|alias| !alias.is_empty())
        .unwrap_or(name);
    if file.starts_with('/') || file.split('/').any(|part| part == "..") {
        return Err(format!("{file:?} leads out of the volume"));
    }
    Ok(file.to_owned())
}

/// Where a place of a text stands in the file: exact in a literal block, else the text's own.
fn inside(node: &Node, text: &str, at: Position) -> Position {
    let is_literal = text.contains('\n') && text.lines().count() == node.end.line - node.start.line;
    if !is_literal {
        return node.start;
    }
    Position {
        line: node.start.line + at.line - 1,
        column: node.start.column + at.column - 1,
    }
}
