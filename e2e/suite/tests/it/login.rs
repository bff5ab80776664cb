//! An unmodified Azure SDK in a pod, with nothing but what podward's webhook has injected.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use podward_e2e::{Cluster, Fault, Installed, Namespace, image};
use serde_json::json;

const TENANT: &str = "3b2c6d10-5f4e-4a7b-9c8d-1e0f2a3b4c5d";
const CLIENT: &str = "7e6d5c4b-3a29-4180-8f7e-6d5c4b3a2918";
/// The names of the public cloud, which the local one has too.
const NAMES: [&str; 2] = ["login.microsoftonline.com", "shop.vault.azure.net"];

/// A cloud on this machine, where pods reach it, until it is dropped.
struct Cloud {
    child: Child,
    folder: PathBuf,
}

impl Cloud {
    /// With one identity, for statements that this cluster makes of one service account.
    fn start(cluster: &Cluster, host: &str, subject: &str) -> Result<Self, Fault> {
        let folder = env::temp_dir().join(format!("podward-e2e-cloud-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let keys = cluster.out(&["get", "--raw", "/openid/v1/jwks"])?;
        fs::write(folder.join("jwks.json"), keys)?;
        let config = json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": TENANT, "name": "shop", "applications": [{
                "name": "web", "clientId": CLIENT, "federatedCredentials": [{
                    "name": "web", "issuer": "https://kubernetes.default.svc", "subject": subject,
                    "audiences": ["api://AzureADTokenExchange"], "jwks": "jwks.json",
                }],
            }]}],
            "vaults": [{"name": "shop", "tenant": "shop", "secrets": [{"name": "greeting", "value": "well met"}],
                "access": [{"identity": "web", "secrets": ["get"]}]}],
        });
        let file = folder.join("cloud.yaml");
        fs::write(&file, config.to_string())?;
        let mut podward = Command::new(env::var_os("PODWARD").ok_or("PODWARD names no binary")?);
        podward.args(["cloud", "-o", "json", "--listen", host]);
        podward
            .args(["--port", "443", "--metadata-port", "0", "--config"])
            .arg(&file);
        podward.arg("--data").arg(folder.join("data"));
        let mut child = podward.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("it is piped")?;
        let cloud = Self { child, folder };
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        if !lines.any(|line| line.contains("\"ready\"")) {
            return Err("the cloud did not start".into());
        }
        Ok(cloud)
    }

    /// The certificate by which it is trusted.
    fn authority(&self) -> Result<String, Fault> {
        Ok(fs::read_to_string(self.folder.join("data/ca.pem"))?)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn an_unmodified_sdk_logs_in_with_what_was_injected() -> Result<(), Fault> {
    let test = "an_unmodified_sdk_logs_in_with_what_was_injected";
    let Some(cluster) = Cluster::of(test) else {
        return Ok(());
    };
    let program = PathBuf::from(env::var_os("PODWARD_TEST_LOGIN").ok_or("no program was built")?);
    let host = env::var("PODWARD_CLUSTER_HOST")?;
    let _installed = Installed::of(&cluster)?;
    let namespace = Namespace::make(&cluster, "logged-in", &[])?;
    let cloud = Cloud::start(&cluster, &host, "system:serviceaccount:logged-in:web")?;
    for (account, annotations) in [
        (
            "web",
            json!({"azure.workload.identity/client-id": CLIENT, "azure.workload.identity/tenant-id": TENANT}),
        ),
        (
            "other",
            json!({"azure.workload.identity/client-id": CLIENT, "azure.workload.identity/tenant-id": TENANT}),
        ),
    ] {
        namespace.create(&json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": account, "annotations": annotations}}))?;
    }
    namespace.create(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "trust"},
        "data": {"ca.pem": cloud.authority()?}}),
    )?;
    let folder = program.parent().ok_or("it is in a folder")?;
    let pod = |account: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": account, "labels": {"azure.workload.identity/use": "true"}},
            "spec": {
                "serviceAccountName": account, "restartPolicy": "Never",
                "hostAliases": [{"ip": host, "hostnames": NAMES}],
                "containers": [{
                    "name": "web", "image": image("busybox"), "imagePullPolicy": "Never",
                    "command": ["/sdk/login", "https://shop.vault.azure.net", "greeting"],
                    "env": [{"name": "SSL_CERT_FILE", "value": "/trust/ca.pem"}],
                    "volumeMounts": [{"name": "sdk", "mountPath": "/sdk", "readOnly": true},
                        {"name": "trust", "mountPath": "/trust"}],
                }],
                "volumes": [{"name": "sdk", "hostPath": {"path": folder}},
                    {"name": "trust", "configMap": {"name": "trust"}}],
            },
        })
    };
    namespace.create(&pod("web"))?;
    namespace.create(&pod("other"))?;
    let (phase, log) = cluster.ended(namespace.name(), "web")?;
    assert_eq!((phase.as_str(), log.as_str()), ("Succeeded", "well met\n"));
    // the same words in another pod's mouth
    let (phase, log) = cluster.ended(namespace.name(), "other")?;
    assert!(
        phase == "Failed" && log.contains("AADSTS70021"),
        "{phase}: {log}"
    );
    Ok(())
}
