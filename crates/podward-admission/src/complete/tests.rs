//! What a pod gets, by each label and annotation of azure-workload-identity and of podward: patches as they are sent.

use podward_api::SecretString;
use podward_cluster::View;
use serde_json::{Value, json};

use super::*;
use crate::review::Review;
use crate::token_endpoint::{TokenEndpoint, TokenEndpointSettings};

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
    answer_with(pod, view, labels, TokenEndpointSettings::default())
}

fn answer_with(
    pod: &Value,
    view: &View,
    labels: &Labels,
    token_endpoint: TokenEndpointSettings,
) -> Answer {
    let given = environment(token_endpoint);
    answer_of(pod, view, labels, &given)
}

fn environment(token_endpoint: TokenEndpointSettings) -> Environment {
    Environment {
        workload_identity: true,
        tenant: "cluster-tenant".into(),
        authority_host: "https://login.microsoftonline.com/".into(),
        audience: "api://AzureADTokenExchange".into(),
        token_endpoint: TokenEndpoint::of(token_endpoint, "").unwrap(),
        endpoint: "http://169.254.169.254/x".into(),
        header: SecretString::new("random".into()),
    }
}

fn answer_of(pod: &Value, view: &View, labels: &Labels, given: &Environment) -> Answer {
    let review = json!({"apiVersion": "admission.k8s.io/v1", "request": {
        "uid": "u", "kind": {"kind": "Pod"}, "resource": {"resource": "pods"}, "operation": "CREATE",
        "namespace": "ns", "object": pod,
    }});
    let text = review.to_string();
    let review: Review<'_> = serde_json::from_str(&text).unwrap();
    complete(&review.request, Some(labels), view, given)
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
            "what is empty says nothing",
            pod(&uses, &json!({EXPIRATION: ""}), &one),
            &json!({CLIENT: "c-1", EXPIRATION: "7200"}),
            whole(Some("c-1"), "cluster-tenant", 7200),
        ),
        (
            "nor does the account's",
            pod(&uses, &json!({EXPIRATION: ""}), &one),
            &json!({CLIENT: "c-1", EXPIRATION: ""}),
            whole(Some("c-1"), "cluster-tenant", 3600),
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
    let accounts = view(&json!({}));
    let refused = |annotations: &Value, host_network: bool| {
        let mut pod = pod(&uses, annotations, &one);
        pod["spec"]["hostNetwork"] = json!(host_network);
        let answer = answer(&pod, &accounts, &Labels::new());
        answer.status.map(|status| (status.code, status.message))
    };
    const PROXY: &str = "azure.workload.identity/inject-proxy-sidecar";
    const PORT: &str = "azure.workload.identity/proxy-sidecar-port";
    for (annotations, host_network, want) in [
        (
            json!({PROXY: "true", PORT: "x"}),
            true,
            "hostNetwork is set to true, cannot inject proxy sidecar",
        ),
        (
            json!({PROXY: "true", PORT: "x", EXPIRATION: "abc"}),
            false,
            "failed to parse proxy sidecar port: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            json!({PROXY: "false", PORT: "4294967296"}),
            false,
            "failed to parse proxy sidecar port: strconv.ParseInt: parsing \"4294967296\": value out of range",
        ),
        (
            json!({EXPIRATION: "abc"}),
            false,
            "strconv.ParseInt: parsing \"abc\": invalid syntax",
        ),
        (
            json!({EXPIRATION: "-060"}),
            false,
            "token expiration -60 not valid. Expected value to be between 3600 and 86400",
        ),
    ] {
        assert_eq!(
            refused(&annotations, host_network),
            Some((400, want.to_owned()))
        );
    }
    // a port without a proxy, and a lifetime without a token, are of no interest
    assert_eq!(refused(&json!({PORT: "x"}), false), None);
    let own = pod(
        &json!({"podward.dev/identity": "true"}),
        &json!({EXPIRATION: "abc", PROXY: "true", PORT: "x"}),
        &one,
    );
    assert!(answer(&own, &accounts, &Labels::new()).allowed);
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

#[test]
fn what_is_switched_off_is_not_done_where_a_pod_comes_for_another_reason() {
    let given = Environment {
        workload_identity: false,
        ..environment(token_endpoint())
    };
    let uses = json!({"azure.workload.identity/use": "true"});
    // faults and wishes for a webhook that podward is not
    let annotations = json!({EXPIRATION: "60", "azure.workload.identity/use-proxy": "true",
        "azure.workload.identity/inject-proxy-sidecar": "true"});
    let one = json!([{"name": "c"}]);
    let mut asked = pod(&uses, &annotations, &one);
    asked["spec"]["hostNetwork"] = json!(true);
    let labels = Labels::from([(DEFAULT_LABEL.to_owned(), "restricted".to_owned())]);
    let view = view(&json!({CLIENT: "c-1"}));
    let off = answer_of(&asked, &view, &labels, &given);
    let mut bare = asked.clone();
    bare["metadata"]["labels"] = json!({});
    assert_eq!(off, answer(&bare, &view, &labels));
    assert!(patch(&off).to_string().contains("RuntimeDefault"));
    // podward's own goes on
    asked["metadata"]["labels"]["podward.dev/identity"] = json!("true");
    let own = patch(&answer_of(&asked, &view, &labels, &given)).to_string();
    assert!(
        own.contains("IDENTITY_HEADER") && !own.contains("AZURE_"),
        "{own}"
    );
}

/// An endpoint that pods ask for by `azure.workload.identity/use-proxy`.
fn token_endpoint() -> TokenEndpointSettings {
    TokenEndpointSettings {
        suffix: "proxy".into(),
        audience: "api://proxy".into(),
        proxy: "https://10.0.0.1".into(),
        sni: "proxy.example".into(),
        ..TokenEndpointSettings::default()
    }
}

#[test]
fn the_token_endpoint_is_given_with_its_ca_to_who_asks() {
    let uses = json!({"azure.workload.identity/use": "true"});
    let asks = json!({"azure.workload.identity/use-proxy": "True", CLIENT: "ignored"});
    let pod = pod(&uses, &asks, &json!([{"name": "c"}]));
    let view = view(&json!({CLIENT: "c-1"}));
    let pem = "-----BEGIN CERTIFICATE-----\n";
    let file = json!({"name": "AZURE_KUBERNETES_CA_FILE", "value": "/var/run/secrets/azure/wi/ca-cert/ca.crt"});
    let none = TokenEndpointSettings::default();
    for (ca, variable, source) in [
        (none.clone(), None, None),
        (
            TokenEndpointSettings {
                ca_data: pem.into(),
                ..none.clone()
            },
            Some(json!({"name": "AZURE_KUBERNETES_CA_DATA", "value": pem})),
            None,
        ),
        (
            TokenEndpointSettings {
                ca_config_map: "proxy-ca".into(),
                ..none.clone()
            },
            Some(file.clone()),
            Some(json!({"configMap": {"name": "proxy-ca", "optional": false,
                "items": [{"key": "ca.crt", "path": "ca-cert/ca.crt"}]}})),
        ),
        (
            TokenEndpointSettings {
                ca_signer: "example.com/proxy".into(),
                ca_selector: "a=b,c in (d)".into(),
                ..none
            },
            Some(file),
            Some(
                json!({"clusterTrustBundle": {"signerName": "example.com/proxy", "optional": false,
                "path": "ca-cert/ca.crt", "labelSelector": {"matchLabels": {"a": "b"},
                    "matchExpressions": [{"key": "c", "operator": "In", "values": ["d"]}]}}}),
            ),
        ),
    ] {
        let settings = TokenEndpointSettings {
            ca_data: ca.ca_data,
            ca_config_map: ca.ca_config_map,
            ca_signer: ca.ca_signer,
            ca_selector: ca.ca_selector,
            ..token_endpoint()
        };
        let (mut env, mounts) = given(Some("c-1"), "cluster-tenant");
        let variables = env.as_array_mut().unwrap();
        variables
            .push(json!({"name": "AZURE_KUBERNETES_TOKEN_PROXY", "value": "https://10.0.0.1"}));
        variables.push(json!({"name": "AZURE_KUBERNETES_SNI_NAME", "value": "proxy.example"}));
        variables.extend(variable);
        let mut volume = volume(3600);
        let sources = &mut volume["projected"]["sources"];
        sources[0]["serviceAccountToken"]["audience"] = json!("api://proxy");
        sources.as_array_mut().unwrap().extend(source);
        let once = answer_with(&pod, &view, &Labels::new(), settings.clone());
        let made = patch(&once);
        let mut completed = pod.clone();
        let steps: json_patch::Patch = serde_json::from_value(made).unwrap();
        json_patch::patch(&mut completed, &steps).unwrap();
        assert_eq!(
            completed["spec"],
            json!({"serviceAccountName": "web", "volumes": [volume],
                "containers": [{"name": "c", "env": env, "volumeMounts": mounts}]})
        );
        assert_eq!(completed["metadata"], pod["metadata"]);
        let twice = answer_with(&completed, &view, &Labels::new(), settings);
        assert_eq!(twice.patch, None);
    }
}

#[test]
fn the_token_endpoint_is_not_given_to_who_does_not_ask() {
    let uses = json!({"azure.workload.identity/use": "true"});
    let one = json!([{"name": "c"}]);
    let view = view(&json!({CLIENT: "c-1"}));
    let asks = json!({"azure.workload.identity/use-proxy": "true"});
    let with = |pod: &Value| patch(&answer_with(pod, &view, &Labels::new(), token_endpoint()));
    for annotations in [
        json!({}),
        json!({"azure.workload.identity/use-proxy": "yes"}),
        json!({"azure.workload.identity/use-other": "true"}),
    ] {
        let pod = pod(&uses, &annotations, &one);
        assert_eq!(with(&pod), patch(&answer(&pod, &view, &Labels::new())));
    }
    // the annotation without the label is nothing
    assert_eq!(with(&pod(&json!({}), &asks, &one)), json!([]));
    let own = pod(&json!({"podward.dev/identity": "true"}), &asks, &one);
    assert_eq!(with(&own), patch(&answer(&own, &view, &Labels::new())));
}
