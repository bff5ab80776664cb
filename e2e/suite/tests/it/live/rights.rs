//! As whom, and by which program: a service account with few rights, and kubectl with its plugin.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use podward_e2e::{Cluster, Fault, Namespace, image, run};
use serde_json::{Value, json};

use super::{binary, breaking, check, events, folder, objects};

/// A kubeconfig for a service account of a namespace.
fn kubeconfig_of(cluster: &Cluster, namespace: &str, account: &str) -> Result<PathBuf, Fault> {
    let token = cluster.out(&["create", "token", account, "-n", namespace])?;
    let view = ["config", "view", "--raw", "--minify", "-o", "json"];
    let mut config: Value = serde_json::from_str(&cluster.out(&view)?)?;
    if let Some(user) = config.pointer_mut("/users/0/user") {
        *user = json!({"token": token.trim()});
    }
    if let Some(Value::Object(context)) = config.pointer_mut("/contexts/0/context") {
        context.insert("namespace".to_owned(), json!(namespace));
    }
    let path = folder(namespace)?.join("kubeconfig");
    std::fs::write(&path, config.to_string())?;
    Ok(path)
}

/// The role that the documentation gives.
fn role() -> Result<String, Fault> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/check.md");
    let text = std::fs::read_to_string(path)?;
    let mut blocks = text.split("```yaml\n").skip(1);
    let role = blocks.find(|block| block.contains("kind: ClusterRole\n"));
    let role = role.and_then(|block| block.split("```").next());
    Ok(role.ok_or("docs/check.md has no role")?.to_owned())
}

#[test]
fn what_may_not_be_listed_is_named_and_the_documented_role_is_enough() -> Result<(), Fault> {
    let Some(cluster) =
        Cluster::of("what_may_not_be_listed_is_named_and_the_documented_role_is_enough")
    else {
        return Ok(());
    };
    let labels = [("podward.dev/warn", "baseline")];
    let namespace = Namespace::make(&cluster, "live-rights", &labels)?;
    let name = namespace.name();
    let [deployment, ..] = &objects()[..] else {
        return Err("there is a Deployment".into());
    };
    namespace.create(deployment)?;
    namespace.create(
        &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "checker"}}),
    )?;
    let kubeconfig = kubeconfig_of(&cluster, name, "checker")?;
    let grant = |role: &str, kind: &str| {
        let group = "rbac.authorization.k8s.io";
        namespace.create(&json!({
            "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": role},
            "roleRef": {"apiGroup": group, "kind": kind, "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": "checker", "namespace": name}],
        }))
    };
    let refused = |resource: &str| format!("cannot list resource \"{resource}\" in API group ");
    // nothing but one kind
    namespace.create(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "one-kind"},
        "rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}],
    }))?;
    grant("one-kind", "Role")?;
    let path = format!("cluster:{name}/deployments/deployment");
    cluster.until("the right counted", || {
        let said = check(&["-o", "json"], Some(&kubeconfig))?;
        assert_eq!(said.code, Some(2), "{}", said.err);
        if said.err.contains(&refused("deployments")) {
            return Ok(None);
        }
        assert!(
            said.err.contains("cannot get resource \"namespaces\""),
            "{}",
            said.err
        );
        for resource in ["pods", "jobs", "statefulsets"] {
            let told = format!("cluster:{name}/{resource}\n");
            assert!(said.err.contains(&refused(resource)), "{}", said.err);
            assert!(said.err.contains(&told), "{}", said.err);
        }
        assert!(
            said.err.contains("note: podtemplates are not judged: "),
            "{}",
            said.err
        );
        assert_eq!(breaking(&said, "privileged")?, [path.clone()].into());
        Ok(Some(()))
    })?;
    // all that is needed, and not for other namespaces
    let said = cluster.kubectl_with(&["apply", "-f", "-"], &role()?)?;
    assert!(said.success, "{}", said.err);
    grant("podward-check", "ClusterRole")?;
    cluster.until("the role counted", || {
        let said = check(&["-o", "json"], Some(&kubeconfig))?;
        if said.code == Some(2) {
            return Ok(None);
        }
        assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
        assert_eq!(breaking(&said, "privileged")?, [path.clone()].into());
        // held to baseline, as its label says
        assert_eq!(events(&said, "finding")?.len(), 1, "{}", said.out);
        Ok(Some(()))
    })?;
    // in a pod there is no kubeconfig, and the account is its own
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "inside"},
        "spec": {
            "restartPolicy": "Never", "serviceAccountName": "checker",
            "containers": [{
                "name": "podward", "image": image("podward"), "imagePullPolicy": "Never",
                "args": ["check", "--cluster", "-o", "json"],
            }],
        },
    }))?;
    let (phase, log) = cluster.ended(name, "inside")?;
    assert_eq!(phase, "Failed", "{log}");
    assert!(log.contains(&path), "{log}");
    assert!(log.contains("\"errors\":0,"), "{log}");
    let said = check(&["-n", "default"], Some(&kubeconfig))?;
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("in the namespace \"default\""),
        "{}",
        said.err
    );
    let said = check(&["-A", "--profile", "baseline"], Some(&kubeconfig))?;
    assert!(said.err.contains("at the cluster scope"), "{}", said.err);
    cluster
        .out(&["delete", "clusterrole", "podward-check"])
        .map(drop)
}

#[test]
fn it_is_a_plugin_of_kubectl() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("it_is_a_plugin_of_kubectl") else {
        return Ok(());
    };
    let labels = [("podward.dev/audit", "baseline")];
    let namespace = Namespace::make(&cluster, "live-plugin", &labels)?;
    let pod = objects().pop().ok_or("there is a Pod")?;
    namespace.create(&pod)?;
    let folder = folder("live-plugin-path")?;
    symlink(binary()?, folder.join("kubectl-podward"))?;
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = [folder].into_iter().chain(std::env::split_paths(&paths));
    let path = std::env::join_paths(paths)?;
    let kubectl = |arguments: &[&str]| {
        let mut kubectl = Command::new("kubectl");
        kubectl.args(arguments).env("PATH", &path).current_dir("/");
        run(&mut kubectl, "")
    };
    let listed = kubectl(&["plugin", "list"])?;
    assert!(listed.out.contains("/kubectl-podward\n"), "{listed:?}");
    let said = kubectl(&["podward", "check", "--cluster", "-n", namespace.name()])?;
    assert_eq!(said.code, Some(1), "{}", said.err);
    let heading = format!("cluster:{0}/pods/pod: Pod {0}/pod\n", namespace.name());
    assert!(said.out.starts_with(&heading), "{}", said.out);
    let field = "spec.containers[0].securityContext.privileged error[privileged]";
    assert!(said.out.contains(field), "{}", said.out);
    let help = kubectl(&["podward", "check", "--help"])?;
    assert!(
        help.out.contains("Usage: kubectl podward check"),
        "{}",
        help.out
    );
    Ok(())
}
