//! Capabilities are written as Kubernetes writes them.

use podward_manifest::Node;

use crate::capabilities::is_known;
use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Safety, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "capabilityName",
        severity: Severity::Warning,
        profile: Profile::Podward,
        title: "capabilities are written in capitals and without CAP_",
        why: "Pod Security compares the letters as they are, and containerd puts CAP_ before the name: [all] drops nothing in the eyes of admission, and CAP_CHOWN is a capability that nobody knows",
        mend: "write the capability as the API has it, such as NET_ADMIN or ALL; one that is added may take effect only then: take it out if the program works without it",
        source: "container.securityContext.capabilities; capabilities(7)",
        remedy: Remedy::Safe,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        drop: [all]\n"
            ),
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        drop: [CAP_NET_RAW]\n"
            ),
        ],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        drop: [ALL]\n        add: [CHOWN]\n"
        )],
    },
    run: Run::Pods(run),
};

/// Of what is added under a name that no runtime knows, nothing takes effect.
const GAINS: Safety =
    Safety::MayBreak("the container gets a capability that it may not have today");

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    for container in &pod.containers {
        for list in ["drop", "add"] {
            let items = container.security(&["capabilities", list]);
            let items = items.map_or(&[] as &[Node], Node::items).iter();
            for (index, name) in items.enumerate() {
                let Some(name) = name.as_str() else { continue };
                let upper = name.to_ascii_uppercase();
                let right = upper.strip_prefix("CAP_").unwrap_or(&upper);
                // what no kernel knows is no slip of spelling
                if right == name || !(right == "ALL" || is_known(right)) {
                    continue;
                }
                let field = format!("securityContext.capabilities.{list}[{index}]");
                let message = format!(
                    "container \"{}\" writes the capability {right} as \"{name}\"",
                    container.name
                );
                let spot = pod.spot_in(container, &field, message, format!("write \"{right}\""));
                let safety = if list == "add" { GAINS } else { Safety::Safe };
                spots.push(spot.fixed_to(right, safety));
            }
        }
    }
}
