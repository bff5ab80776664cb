//! No pod signs in with the secret of a service principal.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use podward_manifest::{Node, Object, Workload};

use super::workload_identity_client;
use crate::check::Spot;
use crate::practice::{Practice, Run, Sight};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "sharedServicePrincipal",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "pods have identities of their own, and no secret of a service principal",
        why: "whoever reads the Secret is the application, from anywhere, until somebody changes it; and what several pods share tells nobody which of them did what",
        mend: "let the pod have an identity of its own: azure-workload-identity's label and an annotated ServiceAccount; then delete the secret of the service principal",
        source: "secrets store CSI driver: nodePublishSecretRef; aad-pod-identity: AzureIdentity.spec.type 1 and 2; Azure SDK: AZURE_CLIENT_SECRET",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: secrets\n    csi:\n      driver: secrets-store.csi.k8s.io\n      readOnly: true\n      nodePublishSecretRef:\n        name: creds\n      volumeAttributes:\n        secretProviderClass: web\n"
            ),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: creds\nstringData:\n  clientid: 00000000-0000-0000-0000-00000000000a\n  clientsecret: <made by the pipeline>\n",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: creds\nstringData:\n  AZURE_CLIENT_ID: 00000000-0000-0000-0000-00000000000a\n  AZURE_CLIENT_SECRET: <made by the pipeline>\n  AZURE_TENANT_ID: 00000000-0000-0000-0000-00000000000b\n",
            "apiVersion: aadpodidentity.k8s.io/v1\nkind: AzureIdentity\nmetadata:\n  name: web\nspec:\n  type: 1\n  clientID: 00000000-0000-0000-0000-00000000000a\n  tenantID: 00000000-0000-0000-0000-00000000000b\n  clientPassword:\n    name: creds\n",
        ],
        passes: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n  volumes:\n  - name: secrets\n    csi:\n      driver: secrets-store.csi.k8s.io\n      readOnly: true\n      volumeAttributes:\n        secretProviderClass: web\n"
            ),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: creds\nstringData:\n  ca.crt: none\n",
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: creds\nstringData:\n  clientID: argo-server\n  clientSecret: <made by the pipeline>\n",
        ],
    },
    run: Run::Objects(run),
};

fn run(sight: &Sight<'_>, spots: &mut Vec<Spot>) {
    let mend = PRACTICE.rule.mend;
    let object = sight.object;
    match (object.group(), object.kind.as_str()) {
        ("", "Secret") => {
            if let Some(field) = secret_of(object) {
                let message = format!(
                    "the Secret {} holds the secret of a service principal",
                    object.name
                );
                spots.push(sight.spot(&field, message, mend));
            }
        }
        ("aadpodidentity.k8s.io", "AzureIdentity") => {
            let kind = object.node.at(&["spec", "type"]).and_then(Node::as_i64);
            if matches!(kind, Some(1 | 2)) {
                let message = "the identity is a service principal with a secret of its own";
                spots.push(sight.spot("spec.type", message, mend));
            }
        }
        _ => {}
    }
    for pods in sight.pods {
        of_pod(pods, spots);
    }
}

/// Where a Secret holds the secret of a service principal: a client id and a secret, as every client of
/// `OAuth` has them, and something of Azure. That is a tenant, an id that is a GUID, or the prefix that
/// the variables of the SDKs and of Terraform have.
fn secret_of(object: &Object) -> Option<String> {
    let lists = ["stringData", "data"].into_iter();
    let entries = lists.flat_map(|list| {
        let entries = object.node.get(list).map_or(&[] as &[_], Node::entries);
        entries
            .iter()
            .filter_map(move |(key, value)| Some((list, key.as_str()?, value)))
    });
    let (mut has_id, mut is_azure, mut secret) = (false, false, None);
    for (list, key, value) in entries {
        let name = of_principal(key);
        match name.as_str() {
            "clientid" => {
                has_id = true;
                is_azure |= is_guid(list, value);
            }
            "clientsecret" if secret.is_none() => secret = Some(format!("{list}.{key}")),
            "clientsecret" => {}
            "tenantid" | "subscriptionid" => is_azure = true,
            _ => continue,
        }
        is_azure |= name.len() < plain(key).len();
    }
    secret.filter(|_| has_id && is_azure)
}

/// Whether an entry of a list of a Secret is a GUID.
fn is_guid(list: &str, value: &Node) -> bool {
    let Some(text) = value.as_str() else {
        return false;
    };
    if list == "stringData" {
        return workload_identity_client::is_guid(text.trim());
    }
    let decoded = STANDARD.decode(text.trim()).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.is_some_and(|text| workload_identity_client::is_guid(text.trim()))
}

/// The key of a Secret without the prefix that variables of the SDKs and of Terraform have.
fn of_principal(key: &str) -> String {
    let name = plain(key);
    let bare = ["azure", "arm"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix));
    bare.map_or(name.clone(), str::to_owned)
}

/// A name in small letters, without what stands between its words.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '-' | '_' | '.'));
    letters.flat_map(char::to_lowercase).collect()
}

fn of_pod(pods: &Workload<'_>, spots: &mut Vec<Spot>) {
    let spot = |path: String, message: String| Spot {
        field: format!("{}.{path}", pods.spec_path),
        position: pods.spec.locate(&path),
        message: message.into(),
        mend: PRACTICE.rule.mend.into(),
        fix: None,
        severity: None,
    };
    for (index, volume) in list(pods.spec.get("volumes")).iter().enumerate() {
        let Some(csi) = volume.get("csi") else {
            continue;
        };
        let driver = csi.get("driver").and_then(Node::as_str);
        let secret = csi
            .at(&["nodePublishSecretRef", "name"])
            .and_then(Node::as_str);
        if let (Some("secrets-store.csi.k8s.io"), Some(secret)) = (driver, secret) {
            spots.push(spot(
                format!("volumes[{index}].csi.nodePublishSecretRef"),
                format!(
                    "the volume asks the vault as the service principal in the Secret {secret:?}"
                ),
            ));
        }
    }
    for kind in ["initContainers", "containers"] {
        for (at, container) in list(pods.spec.get(kind)).iter().enumerate() {
            for (index, variable) in list(container.get("env")).iter().enumerate() {
                let name = variable
                    .get("name")
                    .and_then(Node::as_str)
                    .unwrap_or_default();
                let secret = variable.at(&["valueFrom", "secretKeyRef", "name"]);
                if name == "AZURE_CLIENT_SECRET"
                    && let Some(secret) = secret.and_then(Node::as_str)
                {
                    spots.push(spot(
                        format!("{kind}[{at}].env[{index}].valueFrom.secretKeyRef"),
                        format!(
                            "the pod signs in as the service principal in the Secret {secret:?}"
                        ),
                    ));
                }
            }
        }
    }
}

fn list(node: Option<&Node>) -> &[Node] {
    node.map_or(&[], Node::items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(entries: &str) -> Option<String> {
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{entries}\n");
        let document = podward_manifest::parse("f", &text).unwrap().remove(0);
        secret_of(&podward_manifest::objects_found(document)[0])
    }

    #[test]
    fn something_of_azure_makes_a_client_a_service_principal() {
        let id = "00000000-0000-0000-0000-00000000000a";
        let encoded = STANDARD.encode(id);
        for entries in [
            &format!("stringData: {{clientid: {id}, clientsecret: a}}"),
            &format!("data: {{client-id: {encoded}, clientsecret: YQ==}}"),
            "stringData: {client_id: a, client_secret: b, tenant_id: c}",
            "stringData: {AZURE_CLIENT_ID: a, AZURE_CLIENT_SECRET: b}",
            "stringData: {ARM_CLIENT_ID: a, ARM_CLIENT_SECRET: b}",
        ] {
            assert!(found(entries).is_some(), "{entries}");
        }
        for entries in [
            "stringData: {clientID: argo-server, clientSecret: a}",
            "stringData: {client-id: Iv1.0f3c9a77d1e2, client-secret: a}",
            "stringData: {client-id: 1234.apps.googleusercontent.com, client-secret: a}",
            &format!("stringData: {{clientid: {id}}}"),
        ] {
            assert_eq!(found(entries), None, "{entries}");
        }
    }
}
