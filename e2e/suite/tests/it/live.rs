//! `podward check --cluster`: the workloads that a cluster has, by what their namespaces ask for.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use podward_e2e::{Cluster, Fault, Namespace, Said, image, run};
use serde_json::{Value, json};

fn binary() -> Result<OsString, Fault> {
    Ok(std::env::var_os("PODWARD").ok_or("PODWARD names no binary")?)
}

/// Runs it where no podward.yaml is.
fn check(arguments: &[&str], kubeconfig: Option<&Path>) -> Result<Said, Fault> {
    let mut podward = Command::new(binary()?);
    podward.args(["check", "--cluster"]).args(arguments);
    podward.current_dir("/");
    if let Some(path) = kubeconfig {
        podward.env("KUBECONFIG", path);
    }
    run(&mut podward, "")
}

/// The events of `-o json` with this name.
fn events(said: &Said, name: &str) -> Result<Vec<Value>, Fault> {
    let events = said.out.lines().map(serde_json::from_str);
    let events = events.collect::<Result<Vec<Value>, _>>()?;
    Ok(events
        .into_iter()
        .filter(|one| is(one, "event", name))
        .collect())
}

fn is(event: &Value, field: &str, text: &str) -> bool {
    event.get(field).and_then(Value::as_str) == Some(text)
}

/// The objects that break a rule.
fn breaking(said: &Said, rule: &str) -> Result<BTreeSet<String>, Fault> {
    let found = events(said, "finding")?.into_iter();
    let found = found.filter(|one| is(one, "rule", rule));
    let files = found.filter_map(|one| Some(one.get("file")?.as_str()?.to_owned()));
    Ok(files.collect())
}

fn spec(privileged: bool) -> Value {
    json!({
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "web", "image": image("busybox"), "imagePullPolicy": "Never",
            "command": ["sleep", "600"], "securityContext": {"privileged": privileged},
        }],
    })
}

/// One object of each kind, in which nothing but itself is privileged.
fn objects() -> Vec<Value> {
    let template = |app: &str| json!({"metadata": {"labels": {"app": app}}, "spec": spec(true)});
    let selected =
        |app: &str| json!({"selector": {"matchLabels": {"app": app}}, "template": template(app)});
    let set = json!({"serviceName": "set", "selector": {"matchLabels": {"app": "set"}}, "template": template("set")});
    let controller = json!({"selector": {"app": "controller"}, "template": template("controller")});
    let mut once = spec(true);
    if let Some(fields) = once.as_object_mut() {
        fields.insert("restartPolicy".to_owned(), json!("Never"));
    }
    let job = json!({"template": {"spec": once}});
    let yearly = json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": job}});
    [
        ("apps/v1", "Deployment", "spec", selected("web")),
        ("apps/v1", "StatefulSet", "spec", set),
        ("apps/v1", "DaemonSet", "spec", selected("all")),
        ("apps/v1", "ReplicaSet", "spec", selected("some")),
        ("v1", "ReplicationController", "spec", controller),
        ("batch/v1", "Job", "spec", job),
        ("batch/v1", "CronJob", "spec", yearly),
        ("v1", "PodTemplate", "template", template("none")),
        ("v1", "Pod", "spec", spec(true)),
    ]
    .map(|(version, kind, field, value)| {
        let name = kind.to_lowercase();
        let metadata = json!({"name": name, "labels": {"kind": name}});
        json!({"apiVersion": version, "kind": kind, "metadata": metadata, field: value})
    })
    .into()
}

#[test]
fn each_workload_is_told_once_by_what_its_namespace_asks_for() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("each_workload_is_told_once_by_what_its_namespace_asks_for")
    else {
        return Ok(());
    };
    // what is warned of is what counts where nothing is enforced
    let labels = [("pod-security.kubernetes.io/warn", "baseline")];
    let namespace = Namespace::make(&cluster, "live-kinds", &labels)?;
    let name = namespace.name();
    for object in objects() {
        namespace.create(&object)?;
    }
    cluster.until("a Deployment had its Pod", || {
        let pods = cluster.out(&["get", "pods", "-n", name, "-l", "app=web", "-o", "name"])?;
        Ok(pods.starts_with("pod/").then_some(()))
    })?;
    let said = check(&["-n", name, "-o", "json"], None)?;
    assert_eq!(said.code, Some(1), "{}", said.err);
    let all: BTreeSet<_> = [
        "deployments/deployment",
        "statefulsets/statefulset",
        "daemonsets/daemonset",
        "replicasets/replicaset",
        "replicationcontrollers/replicationcontroller",
        "jobs/job",
        "cronjobs/cronjob",
        "podtemplates/podtemplate",
        "pods/pod",
    ]
    .map(|one| format!("cluster:{name}/{one}"))
    .into();
    assert_eq!(breaking(&said, "privileged")?, all);
    // baseline asks for no more than that
    assert_eq!(events(&said, "finding")?.len(), all.len(), "{}", said.out);
    let summary = events(&said, "summary")?;
    assert_eq!(summary[0]["workloads"], 9, "{}", said.out);
    // by labels of its own, and as the command line has it
    let selected = ["-n", name, "-l", "kind in (job,pod)", "-o", "json"];
    let said = check(&selected, None)?;
    let two = ["jobs/job", "pods/pod"].map(|one| format!("cluster:{name}/{one}"));
    assert_eq!(breaking(&said, "privileged")?, two.into());
    let said = check(&["-n", name, "--profile", "privileged"], None)?;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    // among all others
    let said = check(&["-A", "-o", "json"], None)?;
    assert_eq!(said.err, "");
    assert!(breaking(&said, "privileged")?.is_superset(&all));
    Ok(())
}

/// A live Pod has much that its author has not written: it is judged as the manifest was.
#[test]
fn what_is_enforced_is_met_by_what_is_there() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("what_is_enforced_is_met_by_what_is_there") else {
        return Ok(());
    };
    let labels = [
        ("pod-security.kubernetes.io/enforce", "restricted"),
        ("pod-security.kubernetes.io/enforce-version", "v1.30"),
    ];
    let namespace = Namespace::make(&cluster, "live-enforced", &labels)?;
    let name = namespace.name();
    let mut spec = spec(false);
    spec["securityContext"] = json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}});
    spec["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "meets"}, "spec": spec,
    }))?;
    let said = check(&["-n", name, "-o", "podsecurity"], None)?;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(
        said.out
            .contains("\"level\":\"restricted:v1.30\",\"allowed\":true"),
        "{}",
        said.out
    );
    let said = check(&["-n", name], None)?;
    assert_eq!(
        said.out,
        "0 findings: 0 of 1 workload refused, 0 of 1 object with findings\n"
    );
    // the version of the server, where no label and no option names one
    let said = check(
        &["-n", name, "--profile", "baseline", "-o", "podsecurity"],
        None,
    )?;
    let server: Value = serde_json::from_str(&cluster.out(&["get", "--raw", "/version"])?)?;
    let minor = server["minor"].as_str().unwrap_or_default();
    let level = format!("\"level\":\"baseline:v1.{minor}\"");
    assert!(said.out.contains(&level), "{}", said.out);
    Ok(())
}

/// More than one answer of the API server holds.
const MANY: usize = 510;

#[test]
fn what_comes_in_pages_is_judged_whole() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("what_comes_in_pages_is_judged_whole") else {
        return Ok(());
    };
    let labels = [("podward.dev/enforce", "baseline")];
    let namespace = Namespace::make(&cluster, "live-pages", &labels)?;
    let items: Vec<_> = (0..MANY)
        .map(|n| json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": format!("t{n}")}, "template": {"spec": spec(n == MANY - 1)}}))
        .collect();
    namespace.create(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
    let said = check(&["-n", namespace.name(), "-o", "json"], None)?;
    assert_eq!(events(&said, "summary")?[0]["workloads"], MANY);
    let path = format!("cluster:{}/podtemplates/t{}", namespace.name(), MANY - 1);
    assert_eq!(breaking(&said, "privileged")?, [path].into());
    Ok(())
}

/// An empty folder.
fn folder(name: &str) -> Result<PathBuf, Fault> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        std::fs::remove_dir_all(&path)?;
    }
    std::fs::create_dir_all(&path)?;
    Ok(path)
}

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
