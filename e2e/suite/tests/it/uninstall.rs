//! podward is taken out of the cluster, after all other tests.

use podward_e2e::{Alone, Cluster, Fault, Namespace, SYSTEM, helm};
use serde_json::json;

#[test]
fn nothing_of_podward_stays_or_stands_in_the_way() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("nothing_of_podward_stays_or_stands_in_the_way") else {
        return Ok(());
    };
    Alone::of(&cluster)?.uninstall()?;
    gone(&cluster)?;
    let left = cluster.kubectl(&["get", "namespace", SYSTEM])?;
    assert!(!left.success, "{}", left.out);
    // and so by helm, which leaves the namespace to who made it
    let values = ["image.tag=e2e", "image.pullPolicy=Never"];
    for _install_and_upgrade in 0..2 {
        let install = [
            "upgrade",
            "--install",
            "--create-namespace",
            "--wait",
            "--timeout=120s",
        ];
        helm(&install, &values)?;
    }
    let secret = cluster.get(&["secret", "podward-webhook-ca", "-n", SYSTEM])?;
    assert!(
        secret["data"].is_object(),
        "an upgrade leaves the CA: {}",
        secret["metadata"]
    );
    helm(&["uninstall", "--wait"], &[])?;
    gone(&cluster)?;
    let secrets = cluster.out(&[
        "get",
        "secrets,serviceaccounts,roles",
        "-n",
        SYSTEM,
        "-o",
        "name",
    ])?;
    assert!(!secrets.contains("podward"), "{secrets}");
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

/// Of what is outside the namespace, nothing is left.
fn gone(cluster: &Cluster) -> Result<(), Fault> {
    for kind in [
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "clusterroles",
        "clusterrolebindings",
    ] {
        let names = cluster.out(&["get", kind, "-o", "name"])?;
        assert!(!names.contains("podward"), "{names}");
    }
    Ok(())
}
