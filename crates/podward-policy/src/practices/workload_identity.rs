//! A pod that asks for azure-workload-identity can have it: its service account names a client.

use crate::check::Spot;
use crate::pod::Pod;
use crate::practice::{Practice, Run, Scene};
use crate::rule::PLAIN;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "workloadIdentity",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "a pod with the label azure.workload.identity/use has a ServiceAccount that names its client id",
        why: "the webhook puts no client id into the pod, and its credentials fail or take another identity",
        mend: "annotate the ServiceAccount of the pod with azure.workload.identity/client-id, and put the label azure.workload.identity/use: \"true\" on the pod",
        source: "azure-workload-identity: https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            concat!(
                "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n---\n",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    azure.workload.identity/use: \"true\"\nspec:\n  serviceAccountName: web\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    azure.workload.identity/use: \"yes\"\nspec:\n  containers:\n  - name: web\n    image: example.com/web:1\n",
        ],
        passes: &[
            concat!(
                "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n  annotations:\n    azure.workload.identity/client-id: 00000000-0000-0000-0000-00000000000a\n---\n",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    azure.workload.identity/use: \"true\"\nspec:\n  serviceAccountName: web\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

const LABEL: &str = "azure.workload.identity/use";

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let Some(label) = pod.label(LABEL) else {
        spots.extend(on_the_workload_alone(pod));
        return;
    };
    let spot = |message: String| pod.spot_at_label(LABEL, label.start, message, PRACTICE.rule.mend);
    match label.as_str() {
        Some("true") => {}
        Some("false") => return,
        _ => {
            spots.push(spot(format!(
                "{LABEL} is not \"true\": the webhook does not see the pod"
            )));
            return;
        }
    }
    let name = pod.service_account();
    match scene.neighbours().account(pod.namespace(), name) {
        Some(account) if account.has_client_id => {}
        Some(_) => spots.push(spot(format!(
            "the ServiceAccount \"{name}\" has no annotation azure.workload.identity/client-id"
        ))),
        None if name == "default" => spots.push(spot(
            "the pod runs as the service account \"default\", which names no client id".into(),
        )),
        None => spots.push(
            spot(format!("the ServiceAccount \"{name}\" is not among these files, so whether it names a client id is not known"))
                .hint(),
        ),
    }
}

/// The label of a Deployment that its pods do not have.
fn on_the_workload_alone(pod: &Pod<'_>) -> Option<Spot> {
    let object = pod.workload.object;
    let label = object.node.at(&["metadata", "labels", LABEL])?;
    if pod.workload.spec_path == "spec" || label.as_str() != Some("true") {
        return None;
    }
    Some(Spot {
        field: format!("metadata.labels.{LABEL}"),
        position: label.start,
        message: format!(
            "{LABEL} is on the {}, and not on its pods, where the webhook looks",
            object.kind
        )
        .into(),
        mend: "put the label into the metadata of the pod template".into(),
        fix: None,
        severity: None,
    })
}
