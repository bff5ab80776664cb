//! The cluster itself: what all other tests rely on.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use podward_e2e::{Cluster, Fault, Namespace, image};
use serde_json::{Value, json};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";

#[test]
fn the_node_is_ready() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("the_node_is_ready") else {
        return Ok(());
    };
    let node = cluster.get(&["node", "node1"])?;
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Ready");
    assert_eq!(ready.map(|ready| &ready["status"]), Some(&json!("True")));
    let version = node.pointer("/status/nodeInfo/kubeletVersion");
    let server: Value = serde_json::from_str(&cluster.out(&["get", "--raw", "/version"])?)?;
    assert_eq!(version, server.get("gitVersion"));
    Ok(())
}

/// podward's image runs where the most is asked of it: no root, no capability, nothing to write to.
#[test]
fn podwards_image_runs_in_a_restricted_pod() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("podwards_image_runs_in_a_restricted_pod") else {
        return Ok(());
    };
    let namespace = Namespace::make(&cluster, "image", &[(ENFORCE, "restricted")])?;
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "version"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "podward", "image": image("podward"), "args": ["--version"],
                "imagePullPolicy": "Never",
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    }))?;
    let (phase, log) = cluster.ended(namespace.name(), "version")?;
    assert_eq!(phase, "Succeeded", "{log}");
    assert!(log.starts_with("podward "), "{log}");
    Ok(())
}

/// Capabilities that are added for a user who is not root are not effective: podward's rule says so, and the example
/// that everybody copies shows it.
#[test]
fn added_capabilities_are_not_effective_without_root() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("added_capabilities_are_not_effective_without_root") else {
        return Ok(());
    };
    let namespace = Namespace::make(&cluster, "capabilities", &[])?;
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "security-context-demo"},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
            "volumes": [{"name": "sec-ctx-vol", "emptyDir": {}}],
            "containers": [{
                "name": "sec-ctx-demo", "image": image("busybox"), "imagePullPolicy": "Never",
                "command": ["sh", "-c", "id; stat -c %A:%g /data/demo; cat /proc/self/status"],
                "volumeMounts": [{"name": "sec-ctx-vol", "mountPath": "/data/demo"}],
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"add": ["NET_ADMIN", "SYS_TIME"]},
                },
            }],
        },
    }))?;
    let (phase, log) = cluster.ended(namespace.name(), "security-context-demo")?;
    assert_eq!(phase, "Succeeded", "{log}");
    let of = |name: &str| {
        let mut lines = log.lines().filter_map(|line| line.strip_prefix(name));
        lines.next().map(str::trim)
    };
    assert!(
        log.starts_with("uid=1000 gid=0(root) groups=0(root),2000\n")
            || log.starts_with("uid=1000 gid=0 groups=0,2000\n"),
        "{log}"
    );
    assert!(log.contains("drwxrwsrwx:2000\n"), "{log}");
    assert_eq!(of("CapEff:"), Some("0000000000000000"));
    // the fourteen of containerd, NET_ADMIN and SYS_TIME
    assert_eq!(of("CapBnd:"), Some("00000000aa0435fb"));
    assert_eq!(of("NoNewPrivs:"), Some("1"));
    Ok(())
}

/// By exec, and with the token that the kubelet projects.
#[test]
fn a_pod_can_be_entered_and_has_a_token() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_pod_can_be_entered_and_has_a_token") else {
        return Ok(());
    };
    let namespace = Namespace::make(&cluster, "tokens", &[])?;
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "waits"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {
                "path": "token", "audience": "api://AzureADTokenExchange", "expirationSeconds": 600,
            }}]}}],
            "containers": [{
                "name": "waits", "image": image("busybox"), "imagePullPolicy": "Never",
                "command": ["sleep", "600"],
                "volumeMounts": [{"name": "token", "mountPath": "/token"}],
            }],
        },
    }))?;
    let ready = "--for=condition=Ready";
    cluster.out(&["wait", ready, "pod/waits", "-n", "tokens", "--timeout=60s"])?;
    let exec = ["exec", "waits", "-n", "tokens", "--", "cat", "/token/token"];
    let token = cluster.out(&exec)?;
    assert_eq!(token.split('.').count(), 3, "{token}");
    Ok(())
}

/// A webhook under test, or a local cloud, is a process on this machine: a Service without selector leads there.
#[test]
fn a_service_leads_to_a_process_of_this_machine() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("a_service_leads_to_a_process_of_this_machine") else {
        return Ok(());
    };
    let host = std::env::var("PODWARD_CLUSTER_HOST")?;
    let listener = TcpListener::bind((host.as_str(), 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // the question is small, and its content of no matter; one that breaks off is asked again
            if stream.read(&mut [0; 1024]).is_ok() {
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi");
            }
        }
    });
    let namespace = Namespace::make(&cluster, "outside", &[])?;
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "host"},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }))?;
    namespace.create(&json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": "host-1", "labels": {"kubernetes.io/service-name": "host"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port}],
        "endpoints": [{"addresses": [host]}],
    }))?;
    let service = cluster.get(&["service", "host", "-n", "outside"])?;
    let address = service.pointer("/spec/clusterIP").and_then(Value::as_str);
    let address = address.ok_or("a Service has an address")?;
    // kube-proxy may be a moment behind, and refuses until then; with -T, this wget crashes
    let ask = format!("until timeout 10 wget -q -O - http://{address}/; do sleep 0.2; done");
    namespace.create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asks"},
        "spec": {
            "restartPolicy": "Never",
            "containers": [{
                "name": "asks", "image": image("busybox"), "imagePullPolicy": "Never",
                "command": ["sh", "-c", ask],
            }],
        },
    }))?;
    let (phase, log) = cluster.ended(namespace.name(), "asks")?;
    assert_eq!((phase.as_str(), log.as_str()), ("Succeeded", "hi"));
    Ok(())
}

/// Else who asks before kube-proxy knows a Service waits for minutes.
#[test]
fn an_address_of_no_service_refuses_at_once() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("an_address_of_no_service_refuses_at_once") else {
        return Ok(());
    };
    let service = cluster.get(&["service", "kubernetes"])?;
    let address = service.pointer("/spec/clusterIP").and_then(Value::as_str);
    let (net, _) = address
        .and_then(|a| a.rsplit_once('.'))
        .ok_or("an address")?;
    // of those that are given to no one who does not ask for them by name
    let address = format!("{net}.14:80").parse()?;
    let refused = TcpStream::connect_timeout(&address, Duration::from_secs(10));
    let refused = refused.err().map(|e| e.kind());
    assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
    Ok(())
}
