//! An added capability can take effect: it is not only in the bounding set (capabilities(7)).

use podward_manifest::Node;

use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "ineffectiveCapability",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "a capability is added only where a program can have it",
        why: "a process that is not root has no capability that is added: it is in the bounding set alone, and with allowPrivilegeEscalation false no file capability raises it; the manifest asks for power that the program does not have, and hides that",
        mend: "take it out of capabilities.add; the program works without it today",
        source: "container.securityContext.capabilities; capabilities(7), \"Transformation of capabilities during execve\"",
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      allowPrivilegeEscalation: false\n      capabilities:\n        add: [NET_ADMIN, SYS_TIME]\n"
        )],
        passes: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      allowPrivilegeEscalation: false\n      runAsUser: 0\n      capabilities:\n        add: [NET_ADMIN]\n"
            ),
            pod!(
                "  securityContext:\n    runAsUser: 1000\n  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      allowPrivilegeEscalation: false\n      capabilities:\n        drop: [ALL]\n"
            ),
        ],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if os::windows(pod) {
        return;
    }
    for container in &pod.containers {
        let privileged = container.security(&["privileged"]).and_then(Node::as_bool) == Some(true);
        if privileged || !pod.user(container).is_not_root() {
            continue;
        }
        let escalates = container
            .security(&["allowPrivilegeEscalation"])
            .and_then(Node::as_bool)
            != Some(false);
        let added = container.security(&["capabilities", "add"]);
        let added = added.map_or(&[] as &[Node], Node::items).iter();
        for (index, name) in added.enumerate() {
            let name = name.as_str().unwrap_or_default();
            let field = format!("securityContext.capabilities.add[{index}]");
            if escalates {
                let message = format!(
                    "container \"{}\" is not root: it has {name} only in programs whose file carries the capability",
                    container.name
                );
                let mend = "take it out of capabilities.add unless the image has such a program (getcap -r /)";
                spots.push(pod.spot_in(container, &field, message, mend).hint());
                continue;
            }
            let message = format!(
                "{name} gains container \"{}\" nothing: it is not root, and may not gain privileges",
                container.name
            );
            let spot = pod.spot_in(container, &field, message, PRACTICE.rule.mend);
            spots.push(spot.taken_out(Safety::Safe));
        }
    }
}
