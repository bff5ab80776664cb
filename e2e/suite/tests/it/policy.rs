//! The levels as policies that the API server evaluates itself, without podward's webhook.

use std::process::Command;

use podward_e2e::{Cluster, Fault, Namespace, check};
use serde_json::{Value, json};

use crate::fixtures::{Judge, compared, suites};

/// The policies, for as long as it is there.
struct Policies<'a> {
    cluster: &'a Cluster,
    text: String,
}

impl<'a> Policies<'a> {
    /// Applies what podward prints, and waits until the API server acts on both.
    fn apply(cluster: &'a Cluster) -> Result<Self, Fault> {
        let binary = std::env::var_os("PODWARD").ok_or("PODWARD names no binary")?;
        let printed = Command::new(binary)
            .args(["manifests", "--admission-policy"])
            .output()?;
        let text = String::from_utf8(printed.stdout)?;
        let said = cluster.kubectl_with(&["apply", "-f", "-"], &text)?;
        let policies = Self { cluster, text };
        if !said.success {
            return Err(said.err.into());
        }
        for level in ["baseline", "restricted"] {
            let name = format!("policy-begins-{level}");
            let namespace = Namespace::make(cluster, &name, &[("podward.dev/enforce", level)])?;
            let pod = privileged("begins").to_string();
            cluster.until(&format!("the policy {level} was active"), || {
                let (accepted, _) = namespace.dry_run(&pod)?;
                Ok(accepted.is_empty().then_some(()))
            })?;
        }
        Ok(policies)
    }
}

impl Drop for Policies<'_> {
    fn drop(&mut self) {
        // the tests of the webhook come next
        let _ = self
            .cluster
            .kubectl_with(&["delete", "-f", "-"], &self.text);
    }
}

fn privileged(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec()})
}

fn spec() -> Value {
    json!({"containers": [{"name": "web", "image": "web", "securityContext": {"privileged": true}}]})
}

/// One test, for there is one cluster and its policies are of all of it.
#[test]
fn the_policies_say_what_the_plugin_says() -> Result<(), Fault> {
    let test = "the_policies_say_what_the_plugin_says";
    let (Some(cluster), Some(suites)) = (Cluster::of(test), suites(test)) else {
        return Ok(());
    };
    let policies = Policies::apply(&cluster)?;
    let judge = Judge {
        name: "policy",
        labels: |level, _| vec![("podward.dev/enforce", level)],
        knows_versions: false,
    };
    compared(&cluster, &suites, &judge)?;
    templates_are_warned_of(&cluster)?;
    what_was_there_can_be_labelled(&cluster)?;
    what_is_audited_is_let_in_and_noted(&cluster)?;
    drop(policies);
    Ok(())
}

/// All eight kinds, in a namespace that enforces and in one that warns.
fn templates_are_warned_of(cluster: &Cluster) -> Result<(), Fault> {
    let template = json!({"metadata": {"labels": {"app": "a"}}, "spec": spec()});
    let selector = json!({"matchLabels": {"app": "a"}});
    let mut once = spec();
    if let Some(fields) = once.as_object_mut() {
        fields.insert("restartPolicy".to_owned(), json!("Never"));
    }
    let job = json!({"spec": once});
    let workload = json!({"selector": selector, "template": template});
    let set = json!({"selector": selector, "template": template, "serviceName": "a"});
    let controller = json!({"selector": {"app": "a"}, "template": template});
    let of = |version: &str, kind: &str, spec: &Value| json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
    let mut objects: Vec<_> = ["Deployment", "ReplicaSet", "DaemonSet"]
        .map(|kind| of("apps/v1", kind, &workload))
        .into();
    objects.push(of("apps/v1", "StatefulSet", &set));
    objects.push(of("v1", "ReplicationController", &controller));
    objects.push(of("batch/v1", "Job", &json!({"template": job})));
    let cron = json!({"schedule": "* * * * *", "jobTemplate": {"spec": {"template": job}}});
    objects.push(of("batch/v1", "CronJob", &cron));
    objects.push(json!({"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "a"}, "template": template}));
    let verdicts = check(&privileged("a").to_string(), "baseline")?;
    let sentence = &verdicts.first().ok_or("there is no verdict")?.detail;
    for mode in ["enforce", "warn"] {
        let label = format!("podward.dev/{mode}");
        let labels = [(label.as_str(), "baseline")];
        let namespace = Namespace::make(cluster, &format!("policy-{mode}"), &labels)?;
        for object in &objects {
            let (made, said) = namespace.dry_run(&object.to_string())?;
            assert_eq!(made.len(), 1, "{said:?}");
            let warned = said.iter().filter(|line| line.ends_with(sentence)).count();
            assert_eq!(warned, 1, "{mode}: {object} {said:?}");
        }
    }
    Ok(())
}

/// A label of a pod that was made before may change, its image and its ephemeral containers may not.
fn what_was_there_can_be_labelled(cluster: &Cluster) -> Result<(), Fault> {
    let namespace = Namespace::make(cluster, "policy-existing", &[])?;
    let name = namespace.name();
    namespace.create(&privileged("old"))?;
    cluster.out(&["label", "namespace", name, "podward.dev/enforce=baseline"])?;
    cluster.until("the label counted", || {
        let (accepted, _) = namespace.dry_run(&privileged("new").to_string())?;
        Ok(accepted.is_empty().then_some(()))
    })?;
    cluster.out(&["label", "pod", "old", "-n", name, "a=b"])?;
    let image = cluster.kubectl(&["set", "image", "pod/old", "web=other", "-n", name])?;
    assert!(image.err.contains("violates PodSecurity"), "{image:?}");
    let debug = ["debug", "old", "-n", name, "--image=x", "--profile=general"];
    let debug = cluster.kubectl(&debug)?;
    assert!(debug.err.contains("violates PodSecurity"), "{debug:?}");
    Ok(())
}

/// A pod and a workload, in a namespace that audits alone.
fn what_is_audited_is_let_in_and_noted(cluster: &Cluster) -> Result<(), Fault> {
    let labels = [("podward.dev/audit", "baseline")];
    let namespace = Namespace::make(cluster, "policy-audit", &labels)?;
    let verdicts = check(&privileged("a").to_string(), "baseline")?;
    let sentence = &verdicts.first().ok_or("there is no verdict")?.detail;
    let labels = json!({"app": "a"});
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": {
        "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec()}}});
    for (resource, object) in [("pods", privileged("a")), ("deployments", deployment)] {
        let (made, said) = namespace.dry_run(&object.to_string())?;
        assert!(made.len() == 1 && said.is_empty(), "{said:?}");
        let name = "validation.policy.admission.k8s.io/validation_failure";
        let event = cluster.audited(&[&format!("/namespaces/policy-audit/{resource}"), name])?;
        let noted = event.pointer("/annotations").and_then(|all| all.get(name));
        let noted = noted.and_then(Value::as_str).ok_or("it is a text")?;
        let noted: Vec<Value> = serde_json::from_str(noted)?;
        // by the binding that audits, once
        let of = |field| noted.iter().map(|one| one.get(field)).collect::<Vec<_>>();
        let wanted = json!("podward-baseline-audit");
        assert_eq!(of("binding"), [Some(&wanted)], "{noted:?}");
        assert_eq!(of("message"), [Some(&json!(sentence))], "{noted:?}");
        assert_eq!(
            of("validationActions"),
            [Some(&json!(["Audit"]))],
            "{noted:?}"
        );
    }
    Ok(())
}
