//! A Windows pod has no field that only Linux knows (validation of the API server, since 1.25).

use crate::check::Spot;
use crate::pod::Pod;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "windowsPodLinuxField",
        severity: Severity::Error,
        profile: Profile::Podward,
        title: "a pod for Windows sets no field that only Linux knows",
        why: "the API server refuses the pod; and what the field asks for does not hold on Windows",
        mend: "take the field out; on Windows the user is windowsOptions.runAsUserName",
        source: "pod.spec.os; validation of the API server",
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  os:\n    name: windows\n  securityContext:\n    fsGroup: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      allowPrivilegeEscalation: false\n"
            ),
        ],
        passes: &[
            pod!(
                "  os:\n    name: windows\n  securityContext:\n    windowsOptions:\n      runAsUserName: ContainerUser\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  securityContext:\n    fsGroup: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

const POD: &[&str] = &[
    "hostPID",
    "hostIPC",
    "hostUsers",
    "resources",
    "shareProcessNamespace",
];
const POD_SECURITY: &[&str] = &[
    "appArmorProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "runAsGroup",
    "runAsUser",
    "seLinuxChangePolicy",
    "seLinuxOptions",
    "seccompProfile",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "sysctls",
];
const CONTAINER_SECURITY: &[&str] = &[
    "allowPrivilegeEscalation",
    "appArmorProfile",
    "capabilities",
    "privileged",
    "procMount",
    "readOnlyRootFilesystem",
    "runAsGroup",
    "runAsUser",
    "seLinuxOptions",
    "seccompProfile",
];

/// Whether a field of the pod is set; false is what is there without it.
fn is_set(pod: &Pod<'_>, field: &str) -> bool {
    let node = pod.at(&[field]);
    node.is_some_and(|node| node.as_bool() != Some(false) || field == "hostUsers")
}

/// Whether a pod sets a field that only Linux knows.
pub(super) fn has_any(pod: &Pod<'_>) -> bool {
    POD.iter().any(|field| is_set(pod, field))
        || POD_SECURITY
            .iter()
            .any(|field| pod.security(&[field]).is_some())
        || pod.containers.iter().any(|container| {
            CONTAINER_SECURITY
                .iter()
                .any(|field| container.security(&[field]).is_some())
        })
}

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if !pod.windows() {
        return;
    }
    for field in POD {
        if is_set(pod, field) {
            spots.push(
                pod.spot(field, message(field), PRACTICE.rule.mend)
                    .taken_out(Safety::Safe),
            );
        }
    }
    for field in POD_SECURITY {
        if pod.security(&[field]).is_some() {
            let path = format!("securityContext.{field}");
            spots.push(
                pod.spot(&path, message(field), PRACTICE.rule.mend)
                    .taken_out(Safety::Safe),
            );
        }
    }
    for container in &pod.containers {
        for field in CONTAINER_SECURITY {
            if container.security(&[field]).is_some() {
                let path = format!("securityContext.{field}");
                spots.push(
                    pod.spot_in(container, &path, message(field), PRACTICE.rule.mend)
                        .taken_out(Safety::Safe),
                );
            }
        }
    }
}

fn message(field: &str) -> String {
    format!("{field} cannot be set for a pod for Windows")
}
