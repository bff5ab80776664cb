//! The token of the service account is mounted only where someone uses it.

use podward_manifest::Node;

use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "automountServiceAccountToken",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "automountServiceAccountToken is false where nothing uses the token",
        why: "whoever reads a file of the container has a credential for the API server, with all that the service account may do",
        mend: "set automountServiceAccountToken: false in the pod, or in its ServiceAccount; where the program asks the API server, give it a ServiceAccount of its own with a role",
        source: "pod.spec.automountServiceAccountToken; serviceAccount.automountServiceAccountToken; CIS Kubernetes Benchmark 5.1.6",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[PLAIN],
        passes: &[
            pod!(
                "  automountServiceAccountToken: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: reader\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata:\n  name: reader\nroleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: Role\n  name: reader\nsubjects:\n- kind: ServiceAccount\n  name: reader\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  serviceAccountName: reader\n  containers:\n  - name: web\n    image: example.com/web:1\n",
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let mounts = pod
        .at(&["automountServiceAccountToken"])
        .and_then(Node::as_bool);
    if mounts == Some(false) {
        return;
    }
    let (namespace, name) = (pod.namespace(), pod.service_account());
    let neighbours = scene.neighbours();
    let account = neighbours.account(namespace, name);
    if mounts.is_none() && account.and_then(|account| account.automounts) == Some(false) {
        return;
    }
    if neighbours.has_role(namespace, name) {
        return;
    }
    let message = if name == "default" {
        "the token of the service account \"default\", which has no rights of its own, is mounted into every container".to_owned()
    } else {
        format!(
            "the token of the service account \"{name}\" is mounted into every container, and no binding among these files gives it a role"
        )
    };
    let spot = pod.spot("automountServiceAccountToken", message, PRACTICE.rule.mend);
    let spot = spot.fixed_to(
        false,
        Safety::MayBreak("a program that asks the API server finds no token"),
    );
    // roles are often given elsewhere
    spots.push(if name == "default" { spot } else { spot.hint() });
}
