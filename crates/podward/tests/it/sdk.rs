//! The Azure SDK for Python, unmodified, in pods.

use std::path::{Path, PathBuf};

use crate::harness::{Up, err, folder, is_root, out, podward};
use crate::python;

/// Reads a secret with a credential of the SDK.
const READ: &str = r#"
import logging, sys
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential
from azure.keyvault.secrets import SecretClient
logging.disable(logging.CRITICAL)
credential, vault, name = sys.argv[1:]
credentials = {"default": DefaultAzureCredential, "workload": WorkloadIdentityCredential, "managed": ManagedIdentityCredential}
try:
    client = SecretClient(f"https://{vault}.vault.azure.net", credentials[credential]())
    print("read", client.get_secret(name).value)
except Exception as error:
    print("refused", " ".join(str(error).split()))
"#;

/// The virtual environment with the SDK; says so where there is none.
fn sdk(test: &str) -> Option<PathBuf> {
    python::sdk(test).filter(|_| is_root(test))
}

fn read(up: &Up, sdk: &Path, pod: &str, credential: &str, secret: (&str, &str)) -> String {
    let python = sdk.join("bin/python3").to_string_lossy().into_owned();
    let run = podward(
        &[
            "exec",
            pod,
            "--mount",
            &sdk.to_string_lossy(),
            "--",
            &python,
            "-c",
            READ,
            credential,
            secret.0,
            secret.1,
        ],
        &up.state,
    );
    assert!(run.status.success(), "{}", err(&run));
    out(&run).trim().to_owned()
}

#[test]
fn each_credential_reads_what_its_pod_may_and_nothing_else() {
    let Some(sdk) = sdk("each_credential_reads_what_its_pod_may_and_nothing_else") else {
        return;
    };
    let up = Up::start(&folder("sdk"), &[]);
    // pod and the credential it has: projected token, 169.254.169.254, IDENTITY_ENDPOINT
    for (pod, credential) in [
        ("workload", "workload"),
        ("workload", "default"),
        ("imds", "managed"),
        ("imds", "default"),
        ("endpoint", "managed"),
    ] {
        assert_eq!(
            read(&up, &sdk, pod, credential, ("shop", "for-all")),
            "read seen by all",
            "{pod} {credential}"
        );
        let own = format!("for-{pod}");
        assert_eq!(
            read(&up, &sdk, pod, credential, (pod, &own)),
            format!("read seen by {pod}")
        );
        let others = if pod == "imds" { "workload" } else { "imds" };
        let refused = read(
            &up,
            &sdk,
            pod,
            credential,
            (others, &format!("for-{others}")),
        );
        assert!(
            refused.starts_with("refused (Forbidden)"),
            "{pod} {credential}: {refused}"
        );
    }
    // a pod without an identity is told so, whatever it tries
    for credential in ["managed", "default"] {
        let refused = read(&up, &sdk, "nobody", credential, ("shop", "for-all"));
        assert!(
            refused.contains("Identity not found: pod default/nobody has no AzureIdentityBinding"),
            "{refused}"
        );
    }
    let log = out(&podward(&["access", "log"], &up.state));
    for door in ["token-service", "imds", "endpoint", "vault"] {
        assert!(log.contains(&format!("granted {door}")), "{door}\n{log}");
    }
    assert!(!log.contains("seen by"), "{log}");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_new_version_is_what_the_sdk_reads_next() {
    let Some(sdk) = sdk("a_new_version_is_what_the_sdk_reads_next") else {
        return;
    };
    let up = Up::start(&folder("sdk"), &[]);
    let set = up.set_secret("shop/for-all", "a new one\n");
    assert!(set.status.success(), "{}", err(&set));
    assert_eq!(
        read(&up, &sdk, "workload", "workload", ("shop", "for-all")),
        "read a new one"
    );
    assert_eq!(up.stop(), Some(0));
}
