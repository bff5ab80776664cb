//! A Linux pod has no Windows options (validation of the API server, since 1.25).

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "linuxPodWindowsField",
        severity: Severity::Error,
        profile: Profile::Podward,
        title: "a pod for Linux sets no windowsOptions",
        why: "the API server refuses a pod whose spec.os is linux; without spec.os the options do nothing on a Linux node",
        mend: "take windowsOptions out, or set spec.os.name: windows where the pod is for Windows",
        source: "pod.spec.os; validation of the API server",
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  os:\n    name: linux\n  securityContext:\n    windowsOptions:\n      runAsUserName: ContainerUser\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[
            pod!(
                "  os:\n    name: windows\n  securityContext:\n    windowsOptions:\n      runAsUserName: ContainerUser\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: linux\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    let says_linux = os::said(pod) == Some("linux");
    if !says_linux && (pod.windows() || os::selected(pod) != Some("linux")) {
        return;
    }
    let message = "windowsOptions cannot be set for a pod for Linux";
    let field = "securityContext.windowsOptions";
    let mut add = |spot: Spot| {
        let severity = (!says_linux).then_some(Severity::Warning);
        spots.push(Spot { severity, ..spot });
    };
    if pod.security(&["windowsOptions"]).is_some() {
        add(pod
            .spot(field, message, PRACTICE.rule.mend)
            .taken_out(Safety::Safe));
    }
    for container in &pod.containers {
        if container.security(&["windowsOptions"]).is_some() {
            add(pod
                .spot_in(container, field, message, PRACTICE.rule.mend)
                .taken_out(Safety::Safe));
        }
    }
}
