//! Certificates that others make for the webhook.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use podward_e2e::{Alone, Cluster, Fault, Namespace, SYSTEM, signed_by};
use serde_json::{Value, json};

/// A certificate for the webhook's Service and its key, in a folder until it is dropped. It is its own CA.
struct Pair {
    folder: PathBuf,
}

impl Pair {
    fn make(name: &str) -> Result<Self, Fault> {
        let folder = env::temp_dir().join(format!("podward-e2e-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let pair = Self { folder };
        pair.renew()?;
        Ok(pair)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.join("tls.crt")
    }

    fn key(&self) -> PathBuf {
        self.folder.join("tls.key")
    }

    /// Makes both anew.
    fn renew(&self) -> Result<(), Fault> {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]);
        openssl.args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=webhook",
        ]);
        openssl.args([
            "-addext",
            "subjectAltName=DNS:podward-webhook.podward-system.svc",
        ]);
        openssl.arg("-out").arg(self.certificate());
        openssl.arg("-keyout").arg(self.key());
        let said = openssl.stdin(Stdio::null()).output()?;
        if said.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&said.stderr).into())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A webhook on this machine, and where it answers.
struct Webhook {
    child: Child,
    address: String,
}

impl Webhook {
    fn start(certificate: &Path, key: &Path) -> Result<Self, Fault> {
        let mut podward = Command::new(env::var_os("PODWARD").ok_or("PODWARD names no binary")?);
        podward.args(["webhook", "-o", "json", "--listen", "127.0.0.1:0"]);
        podward.args(["--health", "127.0.0.1:0", "--tls-cert"]);
        podward.arg(certificate).arg("--tls-key").arg(key);
        let mut child = podward.stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("it is piped")?;
        let mut webhook = Self {
            child,
            address: String::new(),
        };
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.contains("\"ready\""));
        let ready: Value = serde_json::from_str(&ready.ok_or("the webhook did not start")?)?;
        let address = ready.get("address").and_then(Value::as_str);
        webhook.address = address.ok_or("it says where")?.to_owned();
        Ok(webhook)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn files_are_served_and_read_anew() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("files_are_served_and_read_anew") else {
        return Ok(());
    };
    let (served, other) = (Pair::make("served")?, Pair::make("other")?);
    let webhook = Webhook::start(&served.certificate(), &served.key())?;
    assert!(signed_by(&webhook.address, &served.certificate())?);
    assert!(!signed_by(&webhook.address, &other.certificate())?);
    // one that does not fit its key is not taken
    fs::copy(other.certificate(), served.certificate())?;
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert!(!signed_by(&webhook.address, &other.certificate())?);
    fs::copy(other.key(), served.key())?;
    cluster.until("the other certificate was served", || {
        Ok(signed_by(&webhook.address, &other.certificate())?.then_some(()))
    })?;
    Ok(())
}

/// What cert-manager brings, for as long as it is there: its kinds, and no more.
pub(crate) struct Kinds<'a>(&'a Cluster, String);

impl<'a> Kinds<'a> {
    pub(crate) fn apply(cluster: &'a Cluster) -> Result<Self, Fault> {
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let of = |kind: &str, plural: &str| {
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.cert-manager.io")},
                "spec": {
                    "group": "cert-manager.io", "scope": "Namespaced",
                    "names": {"kind": kind, "plural": plural},
                    "versions": [{"name": "v1", "served": true, "storage": true,
                        "schema": {"openAPIV3Schema": open}}],
                },
            })
        };
        let both = json!({"apiVersion": "v1", "kind": "List",
            "items": [of("Issuer", "issuers"), of("Certificate", "certificates")]});
        let kinds = Self(cluster, both.to_string());
        let said = cluster.kubectl_with(&["apply", "-f", "-"], &kinds.1)?;
        if !said.success {
            return Err(said.err.into());
        }
        for kind in ["issuers", "certificates"] {
            cluster.until("the kind was served", || {
                let get = ["get", &format!("{kind}.cert-manager.io"), "-A"];
                Ok(cluster.kubectl(&get)?.success.then_some(()))
            })?;
        }
        Ok(kinds)
    }
}

impl Drop for Kinds<'_> {
    fn drop(&mut self) {
        let delete = ["delete", "--wait=false", "-f", "-"];
        let _ = self.0.kubectl_with(&delete, &self.1);
    }
}

/// Puts a CA into a configuration, as cert-manager does where it is annotated.
fn inject(cluster: &Cluster, kind: &str, pair: &Pair) -> Result<(), Fault> {
    let configuration = cluster.get(&[kind, "podward"])?;
    let from = "/metadata/annotations/cert-manager.io~1inject-ca-from";
    let from = configuration.pointer(from).and_then(Value::as_str);
    assert_eq!(from, Some("podward-system/podward-webhook"));
    let mut openssl = Command::new("openssl");
    let said = openssl
        .args(["base64", "-A", "-in"])
        .arg(pair.certificate())
        .output()?;
    let bundle = String::from_utf8(said.stdout)?;
    let hooks = configuration.get("webhooks").and_then(Value::as_array);
    let patch: Vec<_> = (0..hooks.map_or(0, Vec::len))
        .map(|at| json!({"op": "add", "path": format!("/webhooks/{at}/clientConfig/caBundle"), "value": bundle}))
        .collect();
    let patch = Value::from(patch).to_string();
    cluster
        .out(&["patch", kind, "podward", "--type=json", "-p", &patch])
        .map(drop)
}

#[test]
fn cert_manager_may_make_the_certificate() -> Result<(), Fault> {
    let Some(cluster) = Cluster::of("cert_manager_may_make_the_certificate") else {
        return Ok(());
    };
    let pair = Pair::make("cert-manager")?;
    let _kinds = Kinds::apply(&cluster)?;
    let mut alone = Alone::of(&cluster)?;
    alone.install()?;
    let labels = [("podward.dev/enforce", "baseline")];
    let namespace = Namespace::make(&cluster, "given", &labels)?;
    let tried = (|| -> Result<(), Fault> {
        // cert-manager's part of it
        let (certificate, key) = (pair.certificate(), pair.key());
        let files = [
            "--cert",
            &certificate.to_string_lossy(),
            "--key",
            &key.to_string_lossy(),
        ];
        let create = [
            "create",
            "secret",
            "tls",
            "podward-webhook-tls",
            "-n",
            SYSTEM,
        ];
        cluster.out(&[&create[..], &files].concat())?;
        alone.apply(&["certificates.certManager=true"])?;
        for kind in [
            "validatingwebhookconfiguration",
            "mutatingwebhookconfiguration",
        ] {
            inject(&cluster, kind, &pair)?;
        }
        alone.ready()?;
        let made = cluster.get(&[
            "certificates.cert-manager.io",
            "podward-webhook",
            "-n",
            SYSTEM,
        ])?;
        assert_eq!(
            made.pointer("/spec/secretName"),
            Some(&json!("podward-webhook-tls"))
        );
        let spec = json!({"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]});
        let pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec});
        let refused = namespace
            .create(&pod)
            .expect_err("it is privileged")
            .to_string();
        assert!(refused.contains("violates PodSecurity"), "{refused}");
        // podward may not touch what cert-manager keeps
        let role = cluster
            .get(&["clusterrole", "podward-webhook"])?
            .to_string();
        assert!(!role.contains("webhookconfigurations"), "{role}");
        Ok(())
    })();
    // and its own again
    let installed = alone.install();
    let _ = cluster.kubectl(&["delete", "secret", "podward-webhook-tls", "-n", SYSTEM]);
    tried.and(installed)
}
