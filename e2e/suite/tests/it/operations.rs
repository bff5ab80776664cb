//! What docs/operations.md says happens when something fails. Each test has podward for itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use podward_e2e::{Alone, Cluster, Fault, Namespace, SYSTEM, image, signed_by, under_load};
use serde_json::{Map, Value, json};

const SECRET: &str = "podward-webhook-ca";
/// Hours that a CA is good, in seconds: what the chart has.
const LIFE: i64 = 8760 * 3600;
const GOVERNED: [(&str, &str); 1] = [("podward.dev/enforce", "baseline")];

/// A podward that this test alone has, on the cluster.
fn alone<'a>(cluster: &'a Cluster) -> Result<Alone<'a>, Fault> {
    let mut alone = Alone::of(cluster)?;
    alone.install()?;
    Ok(alone)
}

/// The fields of the Secret that the replicas share.
fn fields(cluster: &Cluster) -> Result<Map<String, Value>, Fault> {
    let secret = cluster.get(&["secret", SECRET, "-n", SYSTEM])?;
    let data = secret.get("data").and_then(Value::as_object);
    Ok(data.cloned().unwrap_or_default())
}

/// The certificates of the CAs in it, by when they were made.
fn authorities(cluster: &Cluster) -> Result<BTreeMap<i64, Vec<u8>>, Fault> {
    let mut all = BTreeMap::new();
    for field in fields(cluster)?.keys() {
        let made = field.strip_prefix("ca-");
        let Some(made) = made.and_then(|rest| rest.strip_suffix(".crt")) else {
            continue;
        };
        let text = format!("go-template={{{{index .data \"{field}\" | base64decode}}}}");
        let certificate = cluster.out(&["get", "secret", SECRET, "-n", SYSTEM, "-o", &text])?;
        all.insert(made.parse()?, certificate.into_bytes());
    }
    Ok(all)
}

/// Has time pass for the CAs: each is kept as if it had been made at another time, or is none any more.
fn change(cluster: &Cluster, made: impl Fn(i64) -> Option<i64>) -> Result<(), Fault> {
    let mut changed = Map::new();
    for (field, value) in fields(cluster)? {
        let parts = field
            .strip_prefix("ca-")
            .and_then(|rest| rest.split_once('.'));
        let (before, kind) = parts.ok_or_else(|| format!("{field} is no CA's"))?;
        if let Some(made) = made(before.parse()?) {
            changed.insert(format!("ca-{made}.{kind}"), value);
        }
    }
    if changed.is_empty() {
        return Err("no CA is left".into());
    }
    // `kubectl replace` would have the next `kubectl apply` remove what it wrote
    let patch = json!([{"op": "replace", "path": "/data", "value": changed}]).to_string();
    let patch = [
        "patch",
        "secret",
        SECRET,
        "-n",
        SYSTEM,
        "--type=json",
        "-p",
        &patch,
    ];
    cluster.out(&patch).map(drop)
}

fn now() -> Result<i64, Fault> {
    Ok(i64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    )?)
}

/// How many CAs the API server trusts for podward, if it is as many for both kinds of webhook.
fn trusted(cluster: &Cluster) -> Result<Option<usize>, Fault> {
    let count = |kind: &str| -> Result<usize, Fault> {
        let bundle = "go-template={{(index .webhooks 0).clientConfig.caBundle | base64decode}}";
        let bundle = cluster.out(&["get", kind, "podward", "-o", bundle])?;
        Ok(bundle.matches("BEGIN CERTIFICATE").count())
    };
    let validating = count("validatingwebhookconfiguration")?;
    let mutating = count("mutatingwebhookconfiguration")?;
    Ok((validating == mutating).then_some(validating))
}

/// The replicas that run and are not told to end.
fn replicas(cluster: &Cluster) -> Result<Vec<Value>, Fault> {
    let label = "app.kubernetes.io/component=webhook";
    let field = "--field-selector=status.phase=Running";
    let all = cluster.get(&["pods", "-n", SYSTEM, "-l", label, field])?;
    let all = all.get("items").and_then(Value::as_array);
    let mut all = all.cloned().unwrap_or_default();
    all.retain(|one| one.pointer("/metadata/deletionTimestamp").is_none());
    Ok(all)
}

/// Whether all replicas show a certificate that this CA has signed.
fn all_signed_by(cluster: &Cluster, authority: &Path) -> Result<bool, Fault> {
    for replica in replicas(cluster)? {
        let address = replica.pointer("/status/podIP").and_then(Value::as_str);
        let address = address.ok_or("it has an address")?;
        if !signed_by(&format!("{address}:9443"), authority)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a pod is accepted in a dry run, and what was said.
fn reviewed(namespace: &Namespace<'_>, spec: &Value) -> Result<(bool, String), Fault> {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
    let (made, said) = namespace.dry_run(&pod.to_string())?;
    Ok((!made.is_empty(), said.join("\n")))
}

fn harmless() -> Value {
    json!({"containers": [{"name": "c", "image": "i"}]})
}

fn privileged() -> Value {
    json!({"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]})
}

#[test]
fn the_ca_is_rotated_under_load() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("the_ca_is_rotated_under_load") else {
        return Ok(());
    };
    let _alone = alone(&cluster)?;
    let namespace = Namespace::make(&cluster, "rotated", &GOVERNED)?;
    let file = std::env::temp_dir().join(format!("podward-e2e-{}.pem", std::process::id()));
    let tried = under_load(&namespace, || {
        // the one there is has come to its time
        change(&cluster, |made| Some(made - LIFE * 3 / 4))?;
        cluster.until("the new CA was trusted beside the old", || {
            let both = authorities(&cluster)?.len() == 2 && trusted(&cluster)? == Some(2);
            Ok(both.then_some(()))
        })?;
        let all = authorities(&cluster)?;
        let (newest, certificate) = all.last_key_value().ok_or("there is one")?;
        fs::write(&file, certificate)?;
        assert!(
            !all_signed_by(&cluster, &file)?,
            "it signs before it can be trusted everywhere"
        );
        // five minutes pass
        change(&cluster, |made| {
            Some(if made == *newest { made - 301 } else { made })
        })?;
        cluster.until("the new CA signed for every replica", || {
            Ok(all_signed_by(&cluster, &file)?.then_some(()))
        })?;
        // the old one ends
        change(&cluster, |made| (made == newest - 301).then_some(made))?;
        cluster.until("the old CA was trusted no more", || {
            Ok((trusted(&cluster)? == Some(1)).then_some(()))
        })?;
        std::thread::sleep(Duration::from_secs(2));
        Ok(())
    });
    let _ = fs::remove_file(&file);
    let tried = tried?;
    assert!(tried >= 400, "{tried}");
    Ok(())
}

#[test]
fn a_ca_that_has_ended_is_replaced_at_the_start() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_ca_that_has_ended_is_replaced_at_the_start") else {
        return Ok(());
    };
    let alone = alone(&cluster)?;
    let namespace = Namespace::make(&cluster, "ended", &GOVERNED)?;
    alone.scale(0)?;
    change(&cluster, |made| Some(made - LIFE - 60))?;
    let began = now()?;
    alone.scale(2)?;
    let all = authorities(&cluster)?;
    assert!(
        all.len() == 1 && all.keys().all(|made| *made >= began),
        "{:?}",
        all.keys()
    );
    let (accepted, said) = reviewed(&namespace, &privileged())?;
    assert!(!accepted && said.contains("violates PodSecurity"), "{said}");
    Ok(())
}

#[test]
fn without_rights_a_new_replica_waits_and_the_old_ones_serve() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("without_rights_a_new_replica_waits_and_the_old_ones_serve")
    else {
        return Ok(());
    };
    let mut alone = alone(&cluster)?;
    let namespace = Namespace::make(&cluster, "rightless", &GOVERNED)?;
    cluster.out(&["delete", "clusterrolebinding/podward-webhook"])?;
    let tried = (|| {
        let deployment = "deployment/podward-webhook";
        cluster.out(&["rollout", "restart", deployment, "-n", SYSTEM])?;
        let (name, said) = cluster.until("a replica said what it lacks", || {
            let not_ready = replicas(&cluster)?.into_iter().find(|one| {
                let ready = |status: &Value| status["ready"] == true;
                !one["status"]["containerStatuses"]
                    .as_array()
                    .is_some_and(|all| all.iter().all(ready))
            });
            let Some(name) =
                not_ready.and_then(|one| Some(one["metadata"]["name"].as_str()?.to_owned()))
            else {
                return Ok(None);
            };
            let log = cluster.kubectl(&["logs", &name, "-n", SYSTEM])?.out;
            Ok(log.contains("forbidden").then_some((name, log)))
        })?;
        assert!(said.contains("podward-webhook"), "{said}");
        // others judge meanwhile
        let (accepted, said) = reviewed(&namespace, &privileged())?;
        assert!(!accepted && said.contains("violates PodSecurity"), "{said}");
        let (accepted, said) = reviewed(&namespace, &harmless())?;
        assert!(accepted, "{said}");
        // it did not end and start again
        let pod = cluster.get(&["pod", &name, "-n", SYSTEM])?;
        assert_eq!(
            pod["status"]["containerStatuses"][0]["restartCount"], 0,
            "{pod}"
        );
        Ok(())
    })();
    // with its rights it gets ready by itself
    let installed = alone.install();
    tried.and(installed)
}

#[test]
fn the_api_server_is_started_anew() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("the_api_server_is_started_anew") else {
        return Ok(());
    };
    let _alone = alone(&cluster)?;
    let namespace = Namespace::make(&cluster, "anew", &GOVERNED)?;
    let names = || -> Result<Vec<(Value, Value)>, Fault> {
        let all = replicas(&cluster)?.into_iter();
        Ok(all
            .map(|one| {
                let count = &one["status"]["containerStatuses"][0]["restartCount"];
                (one["metadata"]["name"].clone(), count.clone())
            })
            .collect())
    };
    let before = names()?;
    cluster.restart_apiserver()?;
    // what was seen before counts
    let (accepted, said) = reviewed(&namespace, &privileged())?;
    assert!(!accepted && said.contains("violates PodSecurity"), "{said}");
    // and what changes from now on is seen
    let label = "podward.dev/enforce=privileged";
    cluster.out(&["label", "--overwrite", "namespace", namespace.name(), label])?;
    cluster.until("the label counted", || {
        Ok(reviewed(&namespace, &privileged())?.0.then_some(()))
    })?;
    assert_eq!(names()?, before);
    Ok(())
}

#[test]
fn a_full_node_makes_room_for_podward() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_full_node_makes_room_for_podward") else {
        return Ok(());
    };
    let alone = alone(&cluster)?;
    let namespace = Namespace::make(&cluster, "full", &[])?;
    let nodes = cluster.get(&["nodes"])?;
    let processors = nodes["items"][0]["status"]["allocatable"]["cpu"].as_str();
    let processors = processors.and_then(|cpu| cpu.parse::<usize>().ok());
    let processors = processors.ok_or("whole processors")?;
    let fill = |name: &str, replicas: usize, request: usize| {
        let labels = json!({"app": name});
        namespace.create(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [{
                    "name": "c", "image": image("pause"), "imagePullPolicy": "Never",
                    "resources": {"requests": {"cpu": format!("{request}m")}},
                }]},
            }},
        }))
    };
    fill("much", 1, processors * 1000 - 500)?;
    // as much as a replica of podward, until one finds no place
    fill("rest", 6, 100)?;
    cluster.until("the node was full", || {
        let rest = cluster.get(&["pods", "-n", namespace.name(), "-l", "app=rest"])?;
        Ok(rest.to_string().contains("Insufficient cpu").then_some(()))
    })?;
    alone.restart()
}
