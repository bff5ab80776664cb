//! The clock and the signing keys of `podward cloud`, set by its file while it runs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cloud::{Cloud, openssl};
use crate::harness::scratch;
use crate::python;

const TENANT: &str = "6e1a4f0d-3b52-4c8e-9d07-5a2f8c61b394";

fn write(file: &Path, offset: i64, generation: u64) {
    let all = json!(["all"]);
    let config = json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "clockOffset": offset, "tokenService": {"keyGeneration": generation},
        "tenants": [{"id": TENANT, "name": "local", "managedIdentities": [
            {"name": "machine", "clientId": "2c9d7b35-f840-4a16-b3ce-81f0d6e52a97", "systemAssigned": true}]}],
        "vaults": [{"name": "dev", "tenant": "local", "access": [{"identity": "machine", "secrets": all}]}],
    });
    std::fs::write(file, config.to_string()).unwrap();
}

#[test]
fn the_machine_is_told_of_in_json_and_in_text() {
    let cloud = Cloud::start(scratch(), &[]);
    let ask = |path: &str| cloud.metadata(path, "Metadata: true\r\n");
    let whole = ask("/metadata/instance?api-version=2021-02-01");
    let compute = ask("/metadata/instance/compute/?api-version=2021-02-01");
    assert_eq!((whole.0, &whole.1["compute"]), (200, &compute.1));
    assert_eq!(compute.1["location"], json!("local"));
    let interface = ask("/metadata/instance/network/interface/0?api-version=2021-02-01");
    assert_eq!((interface.0, interface.1["ipv4"].is_object()), (200, true));
    let leaf = "/metadata/instance/compute/location?api-version=2021-02-01";
    assert_eq!(ask(leaf).0, 400);
    assert_eq!(ask(&leaf.replace("location", "nowhere")).0, 404);
    assert_eq!(ask("/metadata/versions").0, 200);
    assert_eq!(cloud.metadata("/metadata/versions", "").0, 400);
    let (status, text) = cloud.plain(&format!("{leaf}&format=text"), "Metadata: true\r\n");
    assert_eq!((status, text.as_str()), (200, "local"));
}

/// Waits until a token is answered so by the vault.
fn until(cloud: &Cloud, token: &str, status: u16) -> Value {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let (answer, body) = cloud.vault("GET", "/secrets", token, &Value::Null);
        if answer == status {
            return body;
        }
        assert!(Instant::now() < end, "still {answer}: {body}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn tokens_end_when_the_clock_is_set_ahead_and_outlive_their_key() {
    let folder = scratch();
    let file = folder.join("cloud.yaml");
    write(&file, 0, 1);
    let cloud = Cloud::start(scratch(), &["--config", &file.to_string_lossy()]);
    let first = cloud.token();
    until(&cloud, &first, 200);
    write(&file, 90_000, 2);
    let refused = until(&cloud, &first, 401);
    let message = refused["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("[TokenExpired]"), "{message}");
    let second = cloud.token();
    until(&cloud, &second, 200);
    write(&file, 0, 2);
    // the token of the key before is good while it lives; that of the future is not good yet
    until(&cloud, &first, 200);
    until(&cloud, &second, 401);
    let authority = cloud.ready["authorityHost"].as_str().unwrap();
    let keys = cloud.get(&format!("{authority}/{TENANT}/discovery/v2.0/keys"));
    let kids: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert!(kids.len() == 2 && kids[0] != kids[1], "{kids:?}");
}

#[test]
fn the_sdk_proves_itself_by_a_certificate() {
    let Some(sdk) = python::sdk("the_sdk_proves_itself_by_a_certificate") else {
        return;
    };
    let folder = scratch();
    let made = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "app.key", "-out", "app.pem",
        "-subj", "/CN=app",
    ];
    assert!(openssl(&folder, &made).is_some_and(|made| made.status.success()));
    let (id, client) = (TENANT, "5d9d7b35-f840-4a16-b3ce-81f0d6e52a97");
    let config = json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "tenants": [{"id": id, "name": "local", "applications": [
            {"name": "app", "clientId": client, "certificates": [{"file": "app.pem"}]}]}],
        "vaults": [{"name": "dev", "tenant": "local"}],
    });
    let file = folder.join("cloud.yaml");
    std::fs::write(&file, config.to_string()).unwrap();
    let cloud = Cloud::start(scratch(), &["--config", &file.to_string_lossy()]);
    let pem = [folder.join("app.key"), folder.join("app.pem")];
    let pem = pem
        .map(|file| std::fs::read_to_string(file).unwrap())
        .concat();
    std::fs::write(folder.join("both.pem"), pem).unwrap();
    let script = format!(
        "
from azure.identity import CertificateCredential
credential = CertificateCredential({id:?}, {client:?}, {:?}, authority={}, disable_instance_discovery=True)
print(len(credential.get_token('https://vault.azure.net/.default').token) > 100)
",
        folder.join("both.pem"),
        cloud.ready["authorityHost"],
    );
    assert_eq!(python::run(&sdk, &cloud, &script), "True");
}
