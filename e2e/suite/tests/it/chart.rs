//! The chart and `podward manifests` say the same.

use std::collections::BTreeMap;

use podward_e2e::{Cluster, Fault, helm, rendered};
use serde_json::Value;

use crate::certificates::Kinds;

/// Helm asks for no version of a cluster that it does not reach.
const TEMPLATE: [&str; 3] = ["template", "--kube-version", "1.37.2"];

/// Objects by kind and name.
fn objects(cluster: &Cluster, text: &str) -> Result<BTreeMap<String, Value>, Fault> {
    let create = [
        "create",
        "--dry-run=client",
        "--validate=false",
        "-o",
        "json",
        "-f",
        "-",
    ];
    let said = cluster.kubectl_with(&create, text)?;
    if !said.success {
        return Err(said.err.into());
    }
    let documents = serde_json::Deserializer::from_str(&said.out).into_iter::<Value>();
    let mut all = BTreeMap::new();
    for document in documents {
        let document = document?;
        let items = document.get("items").and_then(Value::as_array).cloned();
        for object in items.unwrap_or_else(|| vec![document]) {
            let of = |pointer| {
                object
                    .pointer(pointer)
                    .map(Value::to_string)
                    .unwrap_or_default()
            };
            all.insert(of("/kind") + &of("/metadata/name"), object);
        }
    }
    Ok(all)
}

#[test]
fn the_chart_and_the_printed_manifests_are_the_same() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("the_chart_and_the_printed_manifests_are_the_same") else {
        return Ok(());
    };
    let all = [
        "createNamespace=true",
        "image.tag=1.2.3",
        "webhook.replicas=3",
        "webhook.podSecurityLabels=true",
        "webhook.workloadIdentity=false",
        "webhook.identityEndpoint=http://169.254.169.254/x",
        "webhook.tenant=66666666-7777-8888-9999-000000000000",
        "webhook.authorityHost=AzureChinaCloud",
        "webhook.audience=api://AzureADTokenExchangeChina",
        "webhook.tokenEndpoint.suffix=proxy",
        "webhook.tokenEndpoint.audience=api://proxy",
        "webhook.tokenEndpoint.proxy=https://proxy.example:8443/token",
        "webhook.tokenEndpoint.sni=proxy.example",
        "webhook.tokenEndpoint.caSigner=example.com/proxy",
        "webhook.tokenEndpoint.caSelector=a in (b)",
        "webhook.caHours=24",
        "webhook.nodeSelector.disk=ssd",
        "webhook.resources.limits.memory=1Gi",
    ];
    let own_issuer = ["certificates.certManager=true"];
    let issuer = [
        "certificates.certManager=true",
        "certificates.issuer.group=corp.example",
        "certificates.issuer.kind=Authority",
        "certificates.issuer.name=corp",
    ];
    let _kinds = Kinds::apply(&cluster)?;
    for values in [&[] as &[&str], &all, &own_issuer, &issuer] {
        let of_helm = objects(&cluster, &helm(&TEMPLATE, values)?)?;
        let printed = objects(&cluster, &rendered(values)?)?;
        assert_eq!(
            of_helm.keys().collect::<Vec<_>>(),
            printed.keys().collect::<Vec<_>>()
        );
        for (name, object) in &of_helm {
            assert_eq!(Some(object), printed.get(name), "{name}");
        }
        assert!(of_helm.len() >= 10);
    }
    // lists may be written in other ways
    let braces = "webhook.exempt.namespaces={a,b}";
    let listed = objects(&cluster, &helm(&TEMPLATE, &[braces])?)?;
    for list in [braces, "webhook.exempt.namespaces=a,b"] {
        assert_eq!(listed, objects(&cluster, &rendered(&[list])?)?);
    }
    let rule = r#"[{"apiGroups":["argoproj.io"],"apiVersions":["*"],"operations":["CREATE"],"resources":["rollouts"]}]"#;
    let custom = objects(
        &cluster,
        &rendered(&[&format!("webhook.customResources={rule}")])?,
    )?;
    assert!(
        custom
            .values()
            .any(|one| one.to_string().contains("rollouts"))
    );
    // values that the chart does not have or take are refused by both
    for wrong in [
        "webhook.replica=3",
        "webhook.replicas=many",
        "webhook.replicas=0",
        "webhook.timeoutSeconds=31",
        "image.pullPolicy=Sometimes",
        "webhook.customResources={x}",
        "webhook.authorityHost=http://x",
    ] {
        assert!(helm(&TEMPLATE, &[wrong]).is_err(), "{wrong}");
        assert!(rendered(&[wrong]).is_err(), "{wrong}");
    }
    Ok(())
}
