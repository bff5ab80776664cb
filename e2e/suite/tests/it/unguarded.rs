//! On an API server whose own Pod Security admission is switched off: what is refused here, podward refuses.

use podward_e2e::{Cluster, Fault, Namespace};
use serde_json::json;

#[test]
fn the_server_itself_refuses_nothing() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("the_server_itself_refuses_nothing") else {
        return Ok(());
    };
    let labels = [("pod-security.kubernetes.io/enforce", "restricted")];
    let namespace = Namespace::make(&cluster, "switched-off", &labels)?;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "privileged"},
        "spec": {"containers": [{
            "name": "web", "image": "web", "securityContext": {"privileged": true},
        }]},
    });
    let (accepted, said) = namespace.dry_run(&pod.to_string())?;
    assert_eq!(accepted.len(), 1, "{said:?}");
    Ok(())
}
