//! What each capability opens that Pod Security lets a container add.

use podward_manifest::Node;

use crate::capabilities::{instead, opens};
use crate::check::Spot;
use crate::os;
use crate::practice::{Practice, Run, Scene};
use crate::rule::pod;
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "addedCapability",
        severity: Severity::Info,
        profile: Profile::Podward,
        title: "no capability is added",
        why: "each capability is a part of root's power, also in the hands of who breaks into the program",
        mend: "take it out of capabilities.add, and use what the finding names in its place",
        source: "container.securityContext.capabilities; capabilities(7)",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        drop: [ALL]\n        add: [NET_BIND_SERVICE]\n"
        )],
        passes: &[pod!(
            "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      capabilities:\n        drop: [ALL]\n"
        )],
    },
    run: Run::Pods(run),
};

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    if os::windows(pod) {
        return;
    }
    for container in &pod.containers {
        // one that gains nothing, and those that restricted refuses, have findings of their own
        if pod.user(container).is_not_root() {
            continue;
        }
        let added = container.security(&["capabilities", "add"]);
        let added = added.map_or(&[] as &[Node], Node::items).iter();
        for (index, name) in added.enumerate() {
            let name = name.as_str().unwrap_or_default();
            if name != "NET_BIND_SERVICE" {
                continue;
            }
            spots.push(pod.spot_in(
                container,
                &format!("securityContext.capabilities.add[{index}]"),
                format!(
                    "container \"{}\" adds {name}: {}",
                    container.name,
                    opens(name)
                ),
                format!("take it out of capabilities.add; {}", instead(name)),
            ));
        }
    }
}
