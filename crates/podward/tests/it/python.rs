//! The Azure SDK for Python, unmodified, against `podward cloud` by itself.

use std::path::PathBuf;
use std::process::Command;

use crate::cloud::Cloud;
use crate::harness::{err, out, skipped};

/// Leads the names below localhost here, where the machine's resolver does not, and gives a client of the vault `dev`.
const CLIENT: &str = r#"
import os, socket, sys, time
found = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: found("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)
from azure.identity import ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient
from azure.core.exceptions import HttpResponseError
client = SecretClient(os.environ["AZURE_KEYVAULT_URL"], ManagedIdentityCredential())
"#;

/// The virtual environment with the SDK; says so where there is none.
pub(crate) fn sdk(test: &str) -> Option<PathBuf> {
    let found = std::env::var_os("PODWARD_TEST_AZURE_SDK").map(PathBuf::from);
    if found.is_none() {
        skipped(
            test,
            "PODWARD_TEST_AZURE_SDK names no virtual environment (cargo xtask test makes one)",
        );
    }
    found
}

/// What a script prints that has `client`.
pub(crate) fn run(sdk: &std::path::Path, cloud: &Cloud, script: &str) -> String {
    let ready = |field: &str| cloud.ready[field].as_str().unwrap();
    let done = Command::new(sdk.join("bin/python3"))
        .args(["-c", &format!("{CLIENT}{script}")])
        .env("REQUESTS_CA_BUNDLE", ready("caBundle"))
        .env("AZURE_POD_IDENTITY_AUTHORITY_HOST", ready("metadata"))
        .env(
            "AZURE_KEYVAULT_URL",
            cloud.ready["vaults"][0]["url"].as_str().unwrap(),
        )
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", err(&done));
    out(&done).trim().to_owned()
}
