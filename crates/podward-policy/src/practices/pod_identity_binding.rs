//! The label aadpodidbinding names a binding, on a pod that can have it (aad-pod-identity, Linux alone).

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::PLAIN;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "aadPodIdBinding",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "the label aadpodidbinding leads to an AzureIdentityBinding, and the pod is for Linux",
        why: "the pod waits for tokens that never come, and its requests time out",
        mend: "make an AzureIdentityBinding whose selector is the value of the label; for Windows use azure-workload-identity",
        source: "aad-pod-identity: AzureIdentityBinding.spec.selector",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            concat!(
                "apiVersion: aadpodidentity.k8s.io/v1\nkind: AzureIdentityBinding\nmetadata:\n  name: api\nspec:\n  azureIdentity: api\n  selector: api\n---\n",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    aadpodidbinding: web\nspec:\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    aadpodidbinding: web\nspec:\n  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n",
        ],
        passes: &[
            concat!(
                "apiVersion: aadpodidentity.k8s.io/v1\nkind: AzureIdentityBinding\nmetadata:\n  name: web\nspec:\n  azureIdentity: web\n  selector: web\n---\n",
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels:\n    aadpodidbinding: web\nspec:\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

const LABEL: &str = "aadpodidbinding";

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let Some(label) = pod.label(LABEL) else {
        return;
    };
    let value = label.as_str().unwrap_or_default();
    let spot = |message: String| pod.spot_at_label(LABEL, label.start, message, PRACTICE.rule.mend);
    if os::windows(pod) {
        spots.push(spot(
            "aad-pod-identity gives no identity to pods for Windows".into(),
        ));
        return;
    }
    let bindings = &scene.neighbours().bindings;
    if bindings.contains(value) {
        return;
    }
    let message = format!("no AzureIdentityBinding among these files has the selector \"{value}\"");
    // where there are none at all, they are elsewhere
    let spot = spot(message);
    spots.push(if bindings.is_empty() {
        spot.hint()
    } else {
        spot
    });
}
