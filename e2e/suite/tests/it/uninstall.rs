//! podward is taken out of the cluster, after all other tests.

use podward_e2e::{Alone, Cluster, Fault, Namespace, SYSTEM};
use serde_json::json;

#[test]
fn nothing_of_podward_stays_or_stands_in_the_way() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("nothing_of_podward_stays_or_stands_in_the_way") else {
        return Ok(());
    };
    Alone::of(&cluster)?.uninstall()?;
    for kind in [
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "clusterroles",
        "clusterrolebindings",
    ] {
        let names = cluster.out(&["get", kind, "-o", "name"])?;
        assert!(!names.contains("podward"), "{names}");
    }
    let left = cluster.kubectl(&["get", "namespace", SYSTEM])?;
    assert!(!left.success, "{}", left.out);
    let labels = [("podward.dev/enforce", "restricted")];
    let namespace = Namespace::make(&cluster, "after-podward", &labels)?;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]},
    });
    let (accepted, said) = namespace.dry_run(&pod.to_string())?;
    assert_eq!(accepted.len(), 1, "{said:?}");
    Ok(())
}
