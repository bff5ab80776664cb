//! What a pod gets, by each label and annotation of azure-workload-identity and of podward: patches as they are sent.

use podward_api::SecretString;
use podward_cluster::View;
use serde_json::{Value, json};

use super::*;
use crate::review::Review;

const CLIENT: &str = "azure.workload.identity/client-id";
const TENANT: &str = "azure.workload.identity/tenant-id";
const EXPIRATION: &str = "azure.workload.identity/service-account-token-expiration";
const VOLUME: &str = "azure-workload-identity-reserved-ca978112ca1bbdcafac231b39a23dc";

fn view(annotations: &Value) -> View {
    let mut view = View::default();
    let account = json!({"metadata": {"annotations": annotations}});
    view.insert("ServiceAccount", "ns", "web", account);
    view
}

fn answer(pod: &Value, view: &View, labels: &Labels) -> Answer {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "u", "kind": {"kind": "Pod"}, "resource": {"resource": "pods"}, "operation": "CREATE",
        "namespace": "ns", "object": pod,
    }});
    let text = review.to_string();
    let review: Review<'_> = serde_json::from_str(&text).unwrap();
    let given = Environment {
        tenant: "cluster-tenant".into(),
        authority_host: "https://login.microsoftonline.com/".into(),
        endpoint: "http://169.254.169.254/x".into(),
        header: SecretString::new("random".into()),
    };
    complete(&review.request, Some(labels), view, &given)
}

fn patch(answer: &Answer) -> Value {
    let Some(text) = &answer.patch else {
        return json!([]);
    };
    serde_json::from_slice(&STANDARD.decode(text).unwrap()).unwrap()
}

/// A pod that is named `a`.
fn pod(labels: &Value, annotations: &Value, containers: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "labels": labels, "annotations": annotations},
        "spec": {"serviceAccountName": "web", "containers": containers, "volumes": []}})
}

fn volume(seconds: u32) -> Value {
    json!({"name": VOLUME, "projected": {"sources": [{"serviceAccountToken": {
        "audience": "api://AzureADTokenExchange", "expirationSeconds": seconds, "path": "token/azure-identity-token"}}]}})
}

/// The variables and the mount that a container gets.
fn given(client: Option<&str>, tenant: &str) -> (Value, Value) {
    let mut all = vec![
        json!({"name": "AZURE_TENANT_ID", "value": tenant}),
        json!({"name": "AZURE_FEDERATED_TOKEN_FILE", "value": "/var/run/secrets/azure/wi/token/azure-identity-token"}),
        json!({"name": "AZURE_AUTHORITY_HOST", "value": "https://login.microsoftonline.com/"}),
    ];
    if let Some(client) = client {
        all.insert(0, json!({"name": "AZURE_CLIENT_ID", "value": client}));
    }
    let mount = json!({"mountPath": "/var/run/secrets/azure/wi", "name": VOLUME, "readOnly": true});
    (json!(all), json!([mount]))
}

#[test]
fn each_label_and_annotation_gives_its_patch() {
    let uses = json!({"azure.workload.identity/use": "true"});
    let one = json!([{"name": "c"}]);
    let add = |path: &str, value: &Value| json!({"op": "add", "path": path, "value": value});
    let whole = |client: Option<&str>, tenant: &str, seconds: u32| {
        let (env, mounts) = given(client, tenant);
        json!([
            add("/spec/containers/0/env", &env),
            add("/spec/containers/0/volumeMounts", &mounts),
            add("/spec/volumes/0", &volume(seconds)),
        ])
    };
    let none = json!({});
    let client = json!({CLIENT: "c-1"});
    for (name, pod, account, want) in [
        ("no label", pod(&none, &none, &one), &client, json!([])),
        (
            "another value",
            pod(&json!({"azure.workload.identity/use": "yes"}), &none, &one),
            &client,
            json!([]),
        ),
        (
            "the label",
            pod(&uses, &none, &one),
            &client,
            whole(Some("c-1"), "cluster-tenant", 3600),
        ),
        (
            "no client id",
            pod(&uses, &none, &one),
            &none,
            whole(None, "cluster-tenant", 3600),
        ),
        (
            "the account's tenant and lifetime",
            pod(&uses, &none, &one),
            &json!({CLIENT: "c-1", TENANT: "t-1", EXPIRATION: "7200"}),
            whole(Some("c-1"), "t-1", 7200),
        ),
        (
            "the pod's lifetime wins",
            pod(&uses, &json!({EXPIRATION: "86400"}), &one),
            &json!({CLIENT: "c-1", EXPIRATION: "7200"}),
            whole(Some("c-1"), "cluster-tenant", 86400),
        ),
        (
            "a container that is left out",
            pod(
                &uses,
                &json!({"azure.workload.identity/skip-containers": "x; c"}),
                &one,
            ),
            &client,
            json!([add("/spec/volumes/0", &volume(3600))]),
        ),
        (
            "what the author set",
            pod(
                &uses,
                &none,
                &json!([{"name": "c", "env": [{"name": "AZURE_CLIENT_ID", "value": "mine"}],
                "volumeMounts": [{"name": "m", "mountPath": "/var/run/secrets/azure/wi"}]}]),
            ),
            &client,
            {
                let (env, _) = given(None, "cluster-tenant");
                let env = env.as_array().unwrap();
                json!([
                    add("/spec/containers/0/env/1", &env[0]),
                    add("/spec/containers/0/env/2", &env[1]),
                    add("/spec/containers/0/env/3", &env[2]),
                    add("/spec/volumes/0", &volume(3600)),
                ])
            },
        ),
        (
            "podward's endpoint",
            pod(&json!({"podward.dev/identity": "true"}), &none, &one),
            &client,
            json!([add(
                "/spec/containers/0/env",
                &json!([
                    {"name": "IDENTITY_ENDPOINT", "value": "http://169.254.169.254/x"},
                    {"name": "IDENTITY_HEADER", "value": "random"},
                ])
            ),]),
        ),
    ] {
        let view = view(account);
        let once = answer(&pod, &view, &Labels::new());
        assert!(once.allowed, "{name}");
        let made = patch(&once);
        let same = |a: &Value, b: &Value| {
            let sorted = |patch: &Value| {
                let mut all: Vec<_> = patch
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(Value::to_string)
                    .collect();
                all.sort();
                all
            };
            sorted(a) == sorted(b)
        };
        assert!(same(&made, &want), "{name}\n{made:#}\n{want:#}");
        // and a second call nothing
        let mut completed = pod.clone();
        let steps: json_patch::Patch = serde_json::from_value(made).unwrap();
        json_patch::patch(&mut completed, &steps).unwrap();
        assert_eq!(
            answer(&completed, &view, &Labels::new()).patch,
            None,
            "{name}"
        );
    }
}

#[test]
fn refusals_have_the_words_of_the_webhook_that_is_replaced() {
    let uses = json!({"azure.workload.identity/use": "true"});
    let one = json!([{"name": "c"}]);
    let refused = |pod: &Value| {
        let answer = answer(pod, &View::default(), &Labels::new());
        answer.status.map(|status| (status.code, status.message))
    };
    assert_eq!(
        refused(&pod(&uses, &json!({}), &one)),
        Some((400, "serviceaccounts \"web\" not found".into()))
    );
    let mut proxied = pod(
        &uses,
        &json!({"azure.workload.identity/inject-proxy-sidecar": "true"}),
        &one,
    );
    proxied["spec"]["hostNetwork"] = json!(true);
    assert_eq!(
        refused(&proxied),
        Some((
            400,
            "hostNetwork is set to true, cannot inject proxy sidecar".into()
        ))
    );
}

#[test]
fn defaults_are_for_namespaces_that_ask_for_them() {
    let bare = pod(&json!({}), &json!({}), &json!([{"name": "c"}]));
    let labels = Labels::from([(DEFAULT_LABEL.to_owned(), "restricted".to_owned())]);
    let filled = patch(&answer(&bare, &View::default(), &labels));
    assert!(filled.to_string().contains("RuntimeDefault"), "{filled}");
    assert_eq!(
        patch(&answer(&bare, &View::default(), &Labels::new())),
        json!([])
    );
}
