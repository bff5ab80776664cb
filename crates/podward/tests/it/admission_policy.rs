//! The levels as policies of the API server. What they say of pods is an end-to-end test.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{err, out, podward};

fn printed(more: &[&str]) -> Vec<Value> {
    let arguments = [&["manifests", "--admission-policy"], more].concat();
    let output = podward(&arguments, Path::new("/"));
    assert_eq!(
        (output.status.code(), err(&output).as_str()),
        (Some(0), ""),
        "{more:?}"
    );
    let text = out(&output);
    assert!(text.starts_with("# ") && !text.contains("{{"), "{text}");
    let documents = podward_manifest::parse("policy.yaml", &text).unwrap();
    documents
        .into_iter()
        .map(|document| document.root.to_json())
        .filter(|object| !object.is_null())
        .collect()
}

fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    text(&object["kind"]) + " " + &text(&object["metadata"]["name"])
}

#[test]
fn each_level_has_a_policy_with_a_binding_for_each_mode() {
    let objects = printed(&[]);
    let bindings = ["enforce", "audit", "warn", "enforce-templates"];
    let mut wanted = Vec::new();
    for level in ["baseline", "restricted"] {
        wanted.push(format!("ValidatingAdmissionPolicy podward-{level}"));
        let of = |mode| format!("ValidatingAdmissionPolicyBinding podward-{level}-{mode}");
        wanted.extend(bindings.map(of));
    }
    let names: Vec<_> = objects.iter().map(name).collect();
    assert_eq!(names, wanted);
    for object in &objects {
        assert_eq!(
            object["apiVersion"], "admissionregistration.k8s.io/v1",
            "{object}"
        );
        let Some(policy) = object["spec"]["policyName"].as_str() else {
            continue;
        };
        let own = format!("ValidatingAdmissionPolicy {policy}");
        assert!(names.contains(&own), "{own}");
        let selector = &object["spec"]["matchResources"]["namespaceSelector"];
        let key = &selector["matchExpressions"][0]["key"];
        let (label, action) = match name(object).rsplit('-').next() {
            Some("audit") => ("podward.dev/audit", "Audit"),
            Some("warn") => ("podward.dev/warn", "Warn"),
            Some("enforce") => ("podward.dev/enforce", "Deny"),
            _ => ("podward.dev/enforce", "Warn"),
        };
        assert_eq!(
            (key, &object["spec"]["validationActions"]),
            (&json!(label), &json!([action])),
            "{object}"
        );
    }
}

#[test]
fn what_the_webhook_exempts_the_policies_exempt() {
    let plain = printed(&["--namespace", "own"]);
    let exempt = printed(&[
        "--namespace",
        "own",
        "--set",
        "webhook.exempt.namespaces=a,b",
        "--set",
        "webhook.exempt.usernames=system:serviceaccount:x:y",
        "--set",
        "webhook.exempt.runtimeClasses=kata",
    ]);
    let namespaces = "/spec/matchConstraints/namespaceSelector/matchExpressions/0/values";
    let conditions = |object: &Value| object["spec"]["matchConditions"].to_string();
    for (plain, exempt) in plain.iter().zip(&exempt) {
        if plain["kind"] != "ValidatingAdmissionPolicy" {
            assert_eq!(plain, exempt);
            continue;
        }
        let own = json!(["kube-system", "own"]);
        assert_eq!(plain.pointer(namespaces), Some(&own));
        let all = json!(["kube-system", "own", "a", "b"]);
        assert_eq!(exempt.pointer(namespaces), Some(&all));
        assert!(!conditions(plain).contains("exempt"), "{plain}");
        for named in ["system:serviceaccount:x:y", "kata"] {
            assert!(conditions(exempt).contains(named), "{exempt}");
        }
    }
}
