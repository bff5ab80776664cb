//! A Windows container does not run as administrator.

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "windowsAdministrator",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "runAsUserName of a Windows container is no administrator",
        why: "ContainerAdministrator may change every file, service and registry key of the container, and is nearest to a way out",
        mend: "set windowsOptions.runAsUserName: ContainerUser in the securityContext of the pod",
        source: "pod.securityContext.windowsOptions.runAsUserName",
        remedy: Remedy::MayBreak,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  os:\n    name: windows\n  securityContext:\n    windowsOptions:\n      runAsUserName: ContainerAdministrator\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
        passes: &[
            pod!(
                "  os:\n    name: windows\n  securityContext:\n    windowsOptions:\n      runAsUserName: ContainerUser\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
            pod!(
                "  os:\n    name: windows\n  securityContext:\n    runAsNonRoot: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

const FIELD: &str = "securityContext.windowsOptions.runAsUserName";
const BREAKS: Safety = Safety::MayBreak(
    "a program that changes the system of its container, or binds to what only administrators may, fails",
);

/// Whether a name, with or without its domain, is one of an administrator.
fn is_administrator(name: &str) -> bool {
    let bare = name.rsplit('\\').next().unwrap_or(name);
    [
        "ContainerAdministrator",
        "Administrator",
        "SYSTEM",
        "LocalSystem",
    ]
    .iter()
    .any(|known| known.eq_ignore_ascii_case(bare))
}

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if !os::may_be_windows(pod) {
        return;
    }
    let path = ["windowsOptions", "runAsUserName"];
    let of_pod = pod.security(&path).and_then(Node::as_str);
    if let Some(name) = of_pod.filter(|name| is_administrator(name)) {
        let message = format!("containers of the pod run as {name}");
        spots.push(
            pod.spot(FIELD, message, PRACTICE.rule.mend)
                .fixed_to("ContainerUser", BREAKS),
        );
    }
    for container in &pod.containers {
        match container.security(&path).and_then(Node::as_str) {
            Some(name) if is_administrator(name) => {
                let message = format!("container \"{}\" runs as {name}", container.name);
                let spot = pod.spot_in(container, FIELD, message, PRACTICE.rule.mend);
                spots.push(spot.fixed_to("ContainerUser", BREAKS));
            }
            None if of_pod.is_none()
                && pod
                    .effective(container, "runAsNonRoot")
                    .and_then(Node::as_bool)
                    != Some(true) =>
            {
                let message = format!(
                    "container \"{}\" runs as its image's user, which in Windows Server Core is ContainerAdministrator",
                    container.name
                );
                spots.push(
                    pod.spot_in(container, FIELD, message, PRACTICE.rule.mend)
                        .hint(),
                );
            }
            _ => {}
        }
    }
}
