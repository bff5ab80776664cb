//! `podward check --cluster`: the workloads that a cluster has, by what their namespaces ask for.

mod rights;

use std::collections::BTreeSet;
use std::ffi::OsString;
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

#[test]
fn what_stands_around_a_workload_is_looked_up() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("what_stands_around_a_workload_is_looked_up") else {
        return Ok(());
    };
    let labels = [("podward.dev/audit", "podward")];
    let namespace = Namespace::make(&cluster, "live-around", &labels)?;
    let name = namespace.name();
    let account = |name: &str, mounts: bool| json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}, "automountServiceAccountToken": mounts});
    let group = "rbac.authorization.k8s.io";
    namespace.create(&account("quiet", false))?;
    namespace.create(&account("reader", true))?;
    namespace.create(&json!({
        "apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "system:basic-user"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": name}],
    }))?;
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "front"},
        "spec": {"selector": {"app": "reader"}, "ports": [{"port": 80}]},
    }))?;
    for account in ["quiet", "reader", "default"] {
        let container = json!({"name": "c", "image": "i", "env": [{"name": "DB_PASSWORD", "value": "quiet-horse-17"}]});
        let spec = json!({"serviceAccountName": account, "containers": [container]});
        let template = json!({"metadata": {"labels": {"app": account}}, "spec": spec});
        namespace.create(&json!({
            "apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": account}, "template": template,
        }))?;
    }
    let said = check(&["-n", name, "-o", "json"], None)?;
    assert_eq!(said.err, "");
    let of = |account: &str| format!("cluster:{name}/podtemplates/{account}");
    let token = breaking(&said, "automountServiceAccountToken")?;
    assert_eq!(token, [of("default")].into());
    let port = breaking(&said, "privilegedPort")?;
    assert_eq!(port, [of("reader")].into());
    let password = breaking(&said, "credentialInEnv")?;
    assert_eq!(password.len(), 3, "{}", said.out);
    for format in ["text", "json", "sarif", "junit", "github"] {
        let said = check(&["-n", name, "-o", format], None)?;
        assert!(!said.out.contains("quiet-horse"), "{}", said.out);
    }
    // what is known need not be told again
    let baseline = folder("live-around")?.join("baseline.json");
    let baseline = baseline.to_string_lossy();
    let said = check(&["-n", name, "--write-baseline", &baseline], None)?;
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = check(&["-n", name, "--baseline", &baseline], None)?;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
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
