//! Annotations that fields took the place of: AppArmor (since 1.30) and seccomp (without effect since 1.27).

use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::profiles::APP_ARMOR;
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "profileAnnotation",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "AppArmor and seccomp profiles are set by fields, not by annotations",
        why: "the API server takes seccomp annotations for nothing since 1.27, so that the profile does not hold, and those of AppArmor are to go the same way",
        mend: "set appArmorProfile or seccompProfile in the securityContext, and take the annotation out",
        source: "pod.securityContext.appArmorProfile and seccompProfile; KEP-24, KEP-135",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    seccomp.security.alpha.kubernetes.io/pod: runtime/default\nspec:\n  containers:\n  - name: web\n    image: example.com/web:1\n",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    container.apparmor.security.beta.kubernetes.io/web: runtime/default\nspec:\n  containers:\n  - name: web\n    image: example.com/web:1\n",
        ],
        passes: &[pod!(
            "  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n    appArmorProfile:\n      type: RuntimeDefault\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        )],
    },
    run: Run::Pods(run),
};

const SECCOMP: &[&str] = &[
    "seccomp.security.alpha.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
];

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    for (key, value) in pod.annotations() {
        let Some(name) = key.as_str() else { continue };
        if pod.is_since(27) && SECCOMP.iter().any(|prefix| name.starts_with(prefix)) {
            spots.push(pod.spot_at_annotation(
                name,
                value.start,
                "the annotation sets no seccomp profile: Kubernetes does not read it since 1.27",
                "set seccompProfile in the securityContext of the pod or the container, and take the annotation out",
            ));
        } else if pod.is_since(30) && name.starts_with(APP_ARMOR) {
            let spot = pod.spot_at_annotation(
                name,
                value.start,
                "the annotation for AppArmor is deprecated since 1.30",
                "set appArmorProfile in the securityContext of the container, and take the annotation out",
            );
            spots.push(spot.hint());
        }
    }
}
