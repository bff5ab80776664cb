//! The client id of a service account is one.

use crate::check::Spot;
use crate::practice::{Practice, Run, Sight};
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "workloadIdentityClient",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "azure.workload.identity/client-id of a ServiceAccount is the id of an application",
        why: "the token service does not know the client, and the pod learns it only when it asks for a token",
        mend: "write the client id (a GUID) of the managed identity or the application, not its name or object id",
        source: "azure-workload-identity: annotations of the ServiceAccount",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  annotations:\n    azure.workload.identity/client-id: web-identity\n",
        ],
        passes: &[
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  annotations:\n    azure.workload.identity/client-id: 00000000-0000-0000-0000-00000000000a\n",
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  annotations:\n    azure.workload.identity/client-id: ${CLIENT_ID}\n",
        ],
    },
    run: Run::Objects(run),
};

const CLIENT: &str = "azure.workload.identity/client-id";

fn run(sight: &Sight<'_>, spots: &mut Vec<Spot>) {
    let object = sight.object;
    if object.kind != "ServiceAccount" || !object.group().is_empty() {
        return;
    }
    let Some(node) = object.node.at(&["metadata", "annotations", CLIENT]) else {
        return;
    };
    let text = node.as_str().unwrap_or_default().trim();
    if is_guid(text) || is_placeholder(text) {
        return;
    }
    let message = format!("{CLIENT} of the ServiceAccount is no client id");
    spots.push(Spot {
        position: node.start,
        ..sight.spot(
            &format!("metadata.annotations.{CLIENT}"),
            message,
            PRACTICE.rule.mend,
        )
    });
}

pub(super) fn is_guid(text: &str) -> bool {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Whether a value is put in when the manifest is made.
pub(super) fn is_placeholder(text: &str) -> bool {
    ["$", "<", "{{", "%", "@@"]
        .iter()
        .any(|mark| text.contains(mark))
        || text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}
