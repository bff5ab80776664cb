//! podward's webhook on a server whose own Pod Security admission is switched off.

use std::time::Duration;

use podward_e2e::{Alone, Cluster, Fault, Installed, Namespace, SYSTEM, check, image, under_load};
use serde_json::{Value, json};

use crate::fixtures::{by_version, compared, suites};

fn pod(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
}

fn privileged() -> Value {
    json!({"containers": [{"name": "web", "image": "web", "securityContext": {"privileged": true}}]})
}

/// What `podward check` says of a pod.
fn detail(pod: &Value, level: &str) -> Result<String, Fault> {
    let verdicts = check(&pod.to_string(), level)?.into_iter();
    let details: Vec<_> = verdicts.map(|verdict| verdict.detail).collect();
    Ok(details.concat())
}

#[test]
fn the_webhook_says_what_the_plugin_says() -> Result<(), Fault> {
    let test = "the_webhook_says_what_the_plugin_says";
    let (Some(cluster), Some(suites)) = (Cluster::of(test), suites(test)) else {
        return Ok(());
    };
    let _installed = Installed::of(&cluster)?;
    compared(&cluster, &suites, &by_version("webhook"))
}

#[test]
fn a_refusal_names_fields_and_the_command_that_mends_them() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_refusal_names_fields_and_the_command_that_mends_them")
    else {
        return Ok(());
    };
    let installed = Installed::of(&cluster)?;
    let labels = [
        ("podward.dev/enforce", "restricted"),
        ("podward.dev/enforce-version", "v1.30"),
    ];
    let namespace = Namespace::make(&cluster, "refused", &labels)?;
    let pod = pod("bad", &privileged());
    let refused = namespace
        .create(&pod)
        .expect_err("it is privileged")
        .to_string();
    let sentence = detail(&pod, "restricted:v1.30")?;
    assert!(refused.contains(&sentence), "{refused}");
    let own: Vec<_> = refused
        .lines()
        .filter(|line| line.starts_with("podward: "))
        .collect();
    let field = "podward: spec.containers[0].securityContext.privileged: ";
    assert!(own.iter().any(|line| line.starts_with(field)), "{refused}");
    let command = "podward fix --profile restricted --kubernetes-version v1.30";
    assert!(own.iter().any(|line| line.contains(command)), "{refused}");
    // who looks at the namespace sees it
    let note = cluster.until("the refusal was an Event", || {
        let events = cluster.get(&["events", "-n", namespace.name()])?;
        let items = events["items"].as_array().cloned().unwrap_or_default();
        let refused = items.into_iter().find(|event| event["reason"] == "Refused");
        Ok(refused.map(|event| event["message"].to_string()))
    })?;
    assert!(note.contains("violates PodSecurity"), "{note}");
    // and a dry run leaves a line in the log, and no Event
    let dry = namespace.dry_run(
        &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "dry"},
        "spec": privileged()})
        .to_string(),
    )?;
    assert!(dry.0.is_empty(), "{:?}", dry.1);
    let line = cluster.until("the dry run was logged", || {
        let lines = installed.log()?;
        Ok(lines
            .into_iter()
            .find(|line| line.contains("\"pod\":\"dry\"")))
    })?;
    let event: Value = serde_json::from_str(&line)?;
    assert_eq!(
        (&event["dryRun"], &event["outcome"]),
        (&json!(true), &json!("refused")),
        "{event}"
    );
    let events = cluster.get(&["events", "-n", namespace.name()])?;
    assert!(!events.to_string().contains("\"dry\""), "{events}");
    Ok(())
}

#[test]
fn a_template_is_warned_of_and_audited() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_template_is_warned_of_and_audited") else {
        return Ok(());
    };
    let _installed = Installed::of(&cluster)?;
    let labels = [
        ("podward.dev/warn", "baseline"),
        ("podward.dev/audit", "restricted"),
    ];
    let namespace = Namespace::make(&cluster, "warned", &labels)?;
    let selector = json!({"app": "d"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"},
        "spec": {"selector": {"matchLabels": selector}, "template": {
            "metadata": {"labels": selector}, "spec": privileged()}},
    });
    let (made, said) = namespace.dry_run(&deployment.to_string())?;
    assert_eq!(made.len(), 1, "{said:?}");
    let sentence =
        detail(&pod("d", &privileged()), "baseline")?.replacen("violates", "would violate", 1);
    assert!(
        said.iter()
            .any(|line| *line == format!("Warning: {sentence}")),
        "{said:?}"
    );
    assert!(
        said.iter()
            .any(|line| line.starts_with("Warning: podward: spec.template.spec.containers[0]")),
        "{said:?}"
    );
    // the API server writes audit annotations under the webhook's name
    let event = cluster.audited(&["/namespaces/warned/deployments", "audit-violations"])?;
    let annotations = event["annotations"]
        .as_object()
        .ok_or("it has annotations")?;
    let violations = annotations
        .iter()
        .find(|(name, _)| name.ends_with("podward.dev/audit-violations"));
    let told = violations.map(|(_, told)| told.as_str().unwrap_or_default().to_owned());
    assert!(told.is_some_and(|told| told.starts_with("would violate PodSecurity \"restricted:latest\"")), "{event}");
    Ok(())
}

#[test]
fn pods_are_told_of_where_a_namespace_asks_for_more() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("pods_are_told_of_where_a_namespace_asks_for_more") else {
        return Ok(());
    };
    let _installed = Installed::of(&cluster)?;
    let namespace = Namespace::make(&cluster, "grown", &[])?;
    for name in ["b", "a"] {
        namespace.create(&pod(
            name,
            &json!({"hostPID": true, "containers": [{"name": "c", "image": "i"}]}),
        ))?;
    }
    let label = |text: &str| {
        cluster.kubectl(&[
            "label",
            "namespace",
            "grown",
            "--overwrite",
            "--dry-run=server",
            text,
        ])
    };
    for family in ["pod-security.kubernetes.io", "podward.dev"] {
        let said = label(&format!("{family}/enforce=baseline"))?;
        assert!(said.success, "{}", said.err);
        for line in [
            "Warning: existing pods in namespace \"grown\" violate the new PodSecurity enforce level \"baseline:latest\"",
            "Warning: a (and 1 other pod): host namespaces",
        ] {
            assert!(said.err.lines().any(|one| one == line), "{}", said.err);
        }
        let wrong = label(&format!("{family}/enforce=strict"))?;
        assert!(
            !wrong.success
                && wrong
                    .err
                    .contains("Invalid value: \"strict\": must be one of"),
            "{}",
            wrong.err
        );
    }
    Ok(())
}

#[test]
fn a_pod_gets_the_identity_that_it_asks_for() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_pod_gets_the_identity_that_it_asks_for") else {
        return Ok(());
    };
    let _installed = Installed::of(&cluster)?;
    let namespace = Namespace::make(
        &cluster,
        "identified",
        &[("podward.dev/default", "restricted")],
    )?;
    let client = "11111111-2222-3333-4444-555555555555";
    namespace.create(
        &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web",
        "annotations": {"azure.workload.identity/client-id": client,
            "azure.workload.identity/tenant-id": "66666666-7777-8888-9999-000000000000"}}}),
    )?;
    let script = "echo $AZURE_CLIENT_ID $AZURE_TENANT_ID $AZURE_AUTHORITY_HOST; cat $AZURE_FEDERATED_TOKEN_FILE";
    let mut asked = pod(
        "web",
        &json!({
            "serviceAccountName": "web", "restartPolicy": "Never",
            "containers": [{"name": "web", "image": image("busybox"), "imagePullPolicy": "Never",
                "command": ["sh", "-c", script]}],
        }),
    );
    asked["metadata"]["labels"] = json!({"azure.workload.identity/use": "true"});
    namespace.create(&asked)?;
    let (phase, log) = cluster.ended(namespace.name(), "web")?;
    assert_eq!(phase, "Succeeded", "{log}");
    let (first, token) = log.split_once('\n').ok_or("two lines")?;
    assert_eq!(
        first,
        format!("{client} 66666666-7777-8888-9999-000000000000 https://login.microsoftonline.com/")
    );
    // a token of the cluster, for Entra
    assert_eq!(token.split('.').count(), 3, "{token}");
    let made = cluster.get(&["pod", "web", "-n", namespace.name()])?;
    let volumes = made["spec"]["volumes"].as_array().ok_or("it has volumes")?;
    let projected = volumes.iter().find(|one| {
        one["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("azure-workload-identity-reserved-"))
    });
    assert_eq!(
        projected.map(|one| &one["projected"]["sources"][0]["serviceAccountToken"]),
        Some(
            &json!({"audience": "api://AzureADTokenExchange", "expirationSeconds": 3600, "path": "token/azure-identity-token"})
        )
    );
    // what the namespace has as a default, and what may break a pod is left to its author
    assert_eq!(
        made["spec"]["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(
        made["spec"]["containers"][0]["securityContext"]["runAsNonRoot"],
        Value::Null
    );
    // a lifetime out of bounds is refused with the words of the webhook that is replaced
    asked["metadata"]["name"] = json!("short");
    asked["metadata"]["annotations"] =
        json!({"azure.workload.identity/service-account-token-expiration": "60"});
    let refused = namespace
        .create(&asked)
        .expect_err("a minute is too short")
        .to_string();
    let words = "token expiration 60 not valid. Expected value to be between 3600 and 86400";
    assert!(refused.contains(words), "{refused}");
    Ok(())
}

#[test]
fn a_pod_gets_the_token_endpoint_that_it_asks_for() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_pod_gets_the_token_endpoint_that_it_asks_for") else {
        return Ok(());
    };
    let _installed = Installed::of(&cluster)?;
    let namespace = Namespace::make(&cluster, "proxied", &[])?;
    // no node takes it: what the API server has kept of it is all that counts
    let mut asked = pod(
        "web",
        &json!({"nodeSelector": {"none": "none"}, "containers": [{"name": "c", "image": "i"}]}),
    );
    asked["metadata"]["labels"] = json!({"azure.workload.identity/use": "true"});
    asked["metadata"]["annotations"] = json!({"azure.workload.identity/use-proxy": "true"});
    namespace.create(&asked)?;
    let made = cluster.get(&["pod", "web", "-n", namespace.name()])?;
    let env = &made["spec"]["containers"][0]["env"];
    let env = env.as_array().ok_or("it has variables")?;
    for (name, value) in [
        ("AZURE_KUBERNETES_TOKEN_PROXY", "https://proxy.example"),
        (
            "AZURE_KUBERNETES_CA_FILE",
            "/var/run/secrets/azure/wi/ca-cert/ca.crt",
        ),
    ] {
        let want = json!({"name": name, "value": value});
        assert!(env.contains(&want), "{env:?}");
    }
    let volumes = made["spec"]["volumes"].as_array().ok_or("it has volumes")?;
    let mut sources = volumes.iter().map(|one| &one["projected"]["sources"]);
    let want = json!([
        {"serviceAccountToken": {"audience": "api://proxy", "expirationSeconds": 3600,
            "path": "token/azure-identity-token"}},
        {"configMap": {"name": "proxy-ca", "optional": false,
            "items": [{"key": "ca.crt", "path": "ca-cert/ca.crt"}]}},
    ]);
    assert!(sources.any(|one| *one == want), "{volumes:?}");
    Ok(())
}

#[test]
fn while_podward_is_down_only_what_it_governs_waits_for_it() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("while_podward_is_down_only_what_it_governs_waits_for_it")
    else {
        return Ok(());
    };
    drop(Installed::of(&cluster)?);
    let governed = Namespace::make(&cluster, "governed", &[("podward.dev/enforce", "baseline")])?;
    let labels = [("pod-security.kubernetes.io/warn", "baseline")];
    let labelled = Namespace::make(&cluster, "labelled", &labels)?;
    let free = Namespace::make(&cluster, "free", &[])?;
    let harmless = json!({"containers": [{"name": "c", "image": "i"}]});
    let alone = Alone::of(&cluster)?;
    alone.scale(0)?;
    let object = pod("p", &harmless);
    let tried = || -> Result<(), Fault> {
        for namespace in [&governed, &labelled] {
            let (made, said) = namespace.dry_run(&object.to_string())?;
            assert!(made.is_empty(), "{made:?}");
            assert!(said.join("\n").contains("podward"), "{said:?}");
        }
        let (made, said) = free.dry_run(&object.to_string())?;
        assert_eq!(made.len(), 1, "{said:?}");
        for namespace in ["kube-system", SYSTEM] {
            let arguments = ["create", "-n", namespace, "--dry-run=server", "-f", "-"];
            let said = cluster.kubectl_with(&arguments, &object.to_string());
            let err = said?.err;
            assert!(!err.contains("podward.dev"), "{namespace}: {err}");
        }
        Ok(())
    };
    let tried = tried();
    // the others need it again, whatever came of this
    alone.scale(2)?;
    tried?;
    let (made, said) = governed.dry_run(&object.to_string())?;
    assert_eq!(made.len(), 1, "{said:?}");
    Ok(())
}

#[test]
fn no_review_is_lost_while_replicas_are_replaced() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("no_review_is_lost_while_replicas_are_replaced") else {
        return Ok(());
    };
    drop(Installed::of(&cluster)?);
    let labels = [("podward.dev/enforce", "baseline")];
    let namespace = Namespace::make(&cluster, "replaced", &labels)?;
    let alone = Alone::of(&cluster)?;
    let tried = under_load(&namespace, || {
        alone.restart()?;
        // the replicas that end still answer for a while
        std::thread::sleep(Duration::from_secs(12));
        Ok(())
    })?;
    assert!(tried >= 200, "{tried}");
    Ok(())
}
