//! The API server's own Pod Security admission says what `podward check` says.

use podward_e2e::{Cluster, Fault, Namespace, check};
use serde_json::{Value, json};

/// What a refusal starts with that admission itself says.
const SENTENCE: &str = "violates PodSecurity";

/// Five pods: one that may, four that may not, each for other reasons.
fn pods() -> [(&'static str, Value); 5] {
    let restricted = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    let container =
        |security: Value| json!({"name": "web", "image": "web", "securityContext": security});
    [
        ("restricted", json!({"containers": [container(restricted)]})),
        (
            "privileged",
            json!({"containers": [container(json!({"privileged": true}))]}),
        ),
        (
            "host",
            json!({
                "hostNetwork": true, "hostPID": true,
                "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
                "containers": [container(json!({})), {"name": "log", "image": "log", "ports": [{"containerPort": 80, "hostPort": 80}]}],
            }),
        ),
        (
            "example",
            json!({
                "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
                "containers": [container(json!({
                    "allowPrivilegeEscalation": false, "capabilities": {"add": ["NET_ADMIN", "SYS_TIME"]},
                }))],
            }),
        ),
        (
            "root",
            json!({
                "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "Unconfined"}},
                "initContainers": [{"name": "first", "image": "first"}],
                "containers": [container(json!({"procMount": "Default", "seLinuxOptions": {"user": "u"}}))],
            }),
        ),
    ]
}

#[test]
fn the_server_says_what_check_says() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("the_server_says_what_check_says") else {
        return Ok(());
    };
    let labels = [("pod-security.kubernetes.io/enforce", "restricted")];
    let namespace = Namespace::make(&cluster, "enforced", &labels)?;
    let mut refused = 0;
    for (name, spec) in pods() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec,
        });
        let (accepted, said) = namespace.dry_run(&pod.to_string())?;
        let verdicts = check(&pod.to_string(), "restricted")?;
        let [verdict] = verdicts.as_slice() else {
            return Err(format!("{name}: {verdicts:?}").into());
        };
        let said = said.join("\n");
        let sentence = said.find(SENTENCE).and_then(|at| said.get(at..));
        assert_eq!(
            sentence.unwrap_or_default(),
            verdict.detail,
            "{name}: {said}"
        );
        assert_eq!(
            accepted.len(),
            usize::from(verdict.allowed),
            "{name}: {said}"
        );
        refused += usize::from(!verdict.allowed);
    }
    assert_eq!(refused, 4);
    Ok(())
}
