//! Starts the local cloud with all that a suite of the real clients asks for, and runs the suite against it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::shell::{self, cargo, output, program, root, say, target};
use crate::test::virtual_environment;

const TENANT: &str = "b1f3c0de-7a58-4f0e-8d3a-6e2c94d7a015";
const CLIENT: &str = "5d0e8a4c-19b7-4e63-a2f1-70c3b6d9e824";
const NO_RIGHTS: &str = "e83b5f17-c2d4-4096-9b7e-1a6f30d8c542";
const MACHINE: &str = "0a9c6e21-84f5-4d3b-b7e0-d15f92c83a67";
const USER_ASSIGNED: &str = "92f4d7b8-3e61-4c05-8a9d-b0c7e5f1362d";
const SUBJECT: &str = "system:serviceaccount:conformance:suite";
/// A resource beside the vaults.
const OTHER: &str = "https://storage.azure.com";
/// Names the file with a client's certificate and key, for suites that take one: the options are those of one that
/// takes none.
const CERTIFICATE: &str = "PODWARD_SDK_CERTIFICATE";
const CERTIFICATE_FILE: &str = "client.pem";
/// The suite, below the folder of acceptance suites.
const SUITE: &str = "azure-sdk";

/// Runs `command` with the options appended; without one, the suite that `PODWARD_CONFORMANCE` leads to.
pub(crate) fn run(command: &[String]) -> Result<(), String> {
    let command = if command.is_empty() {
        let suites = std::env::var_os("PODWARD_CONFORMANCE").map(PathBuf::from).ok_or(
            "name the folder of the acceptance suites by PODWARD_CONFORMANCE, or give a command: cargo xtask conformance -- CMD",
        )?;
        own(&suites)?
    } else {
        command.to_vec()
    };
    let (name, arguments) = command.split_first().ok_or("there is no command")?;
    shell::run(cargo(&["build", "--quiet", "--package", "podward"]))?;
    let cloud = Cloud::start()?;
    let mut suite = Command::new(name);
    suite.args(arguments).args(cloud.options()?);
    // Node takes it from nowhere else
    suite.env("NODE_EXTRA_CA_CERTS", cloud.text("/caFile")?);
    suite.env(CERTIFICATE, cloud.folder.join(CERTIFICATE_FILE));
    let status = suite.status().map_err(|e| format!("{name}: {e}"))?;
    drop(cloud);
    if status.success() {
        Ok(())
    } else {
        Err(format!("{name}: {status}"))
    }
}

/// The suite for Python, in a virtual environment of its own.
fn own(suites: &Path) -> Result<Vec<String>, String> {
    let suite = suites.join(SUITE);
    let script = suite.join("conformance.py");
    if !script.exists() {
        return Err(format!("{}: there is no such suite", script.display()));
    }
    let requirements = suite.join("requirements.txt");
    let folder = virtual_environment("conformance-sdk", &requirements)?;
    let python = folder.join("bin").join("python3");
    Ok([python, script]
        .map(|path| path.to_string_lossy().into_owned())
        .into())
}

/// The binary that was built.
fn podward() -> Result<String, String> {
    let path = target().join("debug").join("podward");
    if path.exists() {
        Ok(path.to_string_lossy().into_owned())
    } else {
        Err(format!("{}: it was not built", path.display()))
    }
}

/// A cloud that runs until it is dropped.
struct Cloud {
    child: Child,
    folder: PathBuf,
    secret: String,
    ready: Value,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // it has ended already where something went wrong
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}

/// 32 hex digits that nobody can guess.
fn random() -> Result<String, String> {
    let mut bytes = [0_u8; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|e| format!("/dev/urandom: {e}"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

/// A file with a key and a certificate of it, made once.
fn certificate(folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join(CERTIFICATE_FILE);
    if !path.exists() {
        let new = folder.join("client.new");
        let to = new.to_string_lossy().into_owned();
        let request = "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=suite";
        let mut openssl = program("openssl", &request.split(' ').collect::<Vec<_>>());
        openssl.args(["-keyout", &to, "-out", "-"]);
        let certificate = output(openssl)?;
        let at = |e: std::io::Error| format!("{to}: {e}");
        let mut all = fs::read(&new).map_err(at)?;
        all.extend(certificate);
        fs::write(&new, all).map_err(at)?;
        fs::rename(&new, &path).map_err(at)?;
    }
    Ok(path)
}

/// What the cloud holds: JSON is YAML too.
fn config(secret: &str, certificate: &Path) -> Value {
    let all = json!(["all", "purge"]);
    let may = |identity: &str| json!({"identity": identity, "secrets": all, "keys": all, "certificates": all});
    json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "tenants": [{
            "id": TENANT, "name": "conformance", "resources": [OTHER],
            "applications": [
                {"name": "suite", "clientId": CLIENT, "clientSecrets": [secret],
                    "certificates": [{"file": certificate}], "federatedCredentials": [{
                    "name": "suite", "issuer": "podward", "subject": SUBJECT,
                    "audiences": ["api://AzureADTokenExchange"],
                }]},
                {"name": "nobody", "clientId": NO_RIGHTS, "clientSecrets": [secret]},
            ],
            "managedIdentities": [
                {"name": "machine", "clientId": MACHINE, "systemAssigned": true},
                {"name": "assigned", "clientId": USER_ASSIGNED},
            ],
        }],
        "vaults": [{
            "name": "conformance", "tenant": "conformance",
            "access": [may("suite"), may("machine"), may("assigned")],
        }],
    })
}

impl Cloud {
    fn start() -> Result<Self, String> {
        let folder = root().join("target").join("conformance");
        let at = |e: std::io::Error| format!("{}: {e}", folder.display());
        fs::create_dir_all(&folder).map_err(at)?;
        let secret = random()?;
        let file = folder.join("cloud.yaml");
        let certificate = certificate(&folder)?;
        fs::write(&file, config(&secret, &certificate).to_string()).map_err(at)?;
        let mut child = Command::new(podward()?)
            .args(["cloud", "--port", "0", "--metadata-port", "0", "-o", "json"])
            .args(["--access-log-size", "16MiB", "--config"])
            .arg(&file)
            .arg("--data")
            .arg(folder.join("data"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("podward cloud: {e}"))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(at)?;
        }
        let mut cloud = Self {
            child,
            folder,
            secret,
            ready: Value::Null,
        };
        cloud.ready =
            serde_json::from_str(&line).map_err(|_no_event| "podward cloud did not start")?;
        Ok(cloud)
    }

    fn text(&self, field: &str) -> Result<&str, String> {
        self.ready
            .pointer(field)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("the event ready has no {field}"))
    }

    /// A file with a statement of the local issuer.
    fn token(&self, name: &str, subject: &str, more: &[&str]) -> Result<String, String> {
        let data = self.folder.join("data").to_string_lossy().into_owned();
        let mut command = program(&podward()?, &["cloud", "token", subject, "--data", &data]);
        command.args(more);
        let path = self.folder.join(format!("{name}.jwt"));
        fs::write(&path, output(command)?).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The suite's options.
    fn options(&self) -> Result<Vec<String>, String> {
        let address = self.text("/address")?;
        let ip = address.rsplit_once(':').map_or(address, |(ip, _)| ip);
        let tokens = [
            ("federated", SUBJECT, &["--valid-for", "86400"][..]),
            ("wrong-aud", SUBJECT, &["--audience", "api://another"]),
            ("wrong-sub", "system:serviceaccount:conformance:other", &[]),
            (
                "wrong-iss",
                SUBJECT,
                &["--issuer", "https://another.issuer.internal"],
            ),
            ("expired", SUBJECT, &["--valid-for=-3600"]),
        ];
        let mut options = Vec::new();
        for (name, subject, more) in tokens {
            options.push(format!("--{name}-token-file"));
            options.push(self.token(name, subject, more)?);
        }
        let resolve = |host: &str| format!("{host}={ip}");
        let pairs = [
            ("--vault-url", self.text("/public/vaults/0/url")?.to_owned()),
            (
                "--authority-host",
                self.text("/public/authorityHost")?.to_owned(),
            ),
            ("--tenant", TENANT.to_owned()),
            ("--client-id", CLIENT.to_owned()),
            ("--client-secret", self.secret.clone()),
            ("--imds-url", self.text("/metadata")?.to_owned()),
            ("--imds-client-id", USER_ASSIGNED.to_owned()),
            ("--ca-file", self.text("/caFile")?.to_owned()),
            ("--noperm-client-id", NO_RIGHTS.to_owned()),
            ("--noperm-client-secret", self.secret.clone()),
            ("--other-resource", OTHER.to_owned()),
            ("--resolve", resolve("login.microsoftonline.com")),
            ("--resolve", resolve("*.vault.azure.net")),
        ];
        for (name, value) in pairs {
            options.extend([name.to_owned(), value]);
        }
        say(&format!(
            "the cloud is at {address}; its CA and tokens are in {}",
            self.folder.display()
        ));
        Ok(options)
    }
}
