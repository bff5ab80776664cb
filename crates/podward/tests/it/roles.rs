//! A vault whose rights are roles.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::harness::{err, out, podward, scratch};

const READER: &str = "3a9c7b35-f840-4a16-b3ce-81f0d6e52a97";
const USER: &str = "4a9c7b35-f840-4a16-b3ce-81f0d6e52a97";

fn config(rights: &str) -> String {
    format!(
        "apiVersion: podward.dev/v1alpha1
kind: Cloud
tenants:
  - id: 7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11
    name: local
    managedIdentities:
      - {{name: machine, clientId: 2c9d7b35-f840-4a16-b3ce-81f0d6e52a97, systemAssigned: true}}
      - {{name: reader, clientId: {READER}}}
      - {{name: user, clientId: {USER}}}
vaults:
  - name: dev
    tenant: local
{rights}"
    )
}

const ROLES: &str = "    roles:
      - {identity: machine, role: Key Vault Administrator}
      - {identity: reader, role: 21090545-7ca7-4776-b22c-e363652d74d2}
      - {identity: user, role: Secrets User, scope: /secrets/db}
      - {identity: user, role: Crypto User, scope: /keys/sign}
";

#[test]
fn each_has_what_its_roles_give_and_nothing_else() {
    let data = scratch();
    let file = data.join("cloud.yaml");
    std::fs::write(&file, config(ROLES)).unwrap();
    let cloud = Cloud::start(data.clone(), &["--config", file.to_str().unwrap()]);
    let [admin, reader, user] = ["", READER, USER].map(|client| match client {
        "" => cloud.token(),
        client => cloud.token_of(&format!("&client_id={client}")),
    });
    let made = |method, path, body: Value| {
        let (status, told) = cloud.vault(method, path, &admin, &body);
        assert!(status < 300, "{method} {path}: {told}");
    };
    made("PUT", "/secrets/db", json!({"value": "x"}));
    made("PUT", "/secrets/other", json!({"value": "x"}));
    made("PUT", "/secrets/gone", json!({"value": "x"}));
    made("DELETE", "/secrets/gone", Value::Null);
    made("POST", "/keys/sign/create", json!({"kty": "EC"}));
    made("POST", "/keys/other/create", json!({"kty": "EC"}));

    let signature = json!({"alg": "ES256", "value": "A".repeat(43)});
    for (token, method, path, body, status) in [
        (&reader, "GET", "/secrets", Value::Null, 200),
        (&reader, "GET", "/deletedsecrets/gone", Value::Null, 200),
        (&reader, "GET", "/keys/sign", Value::Null, 200),
        (&reader, "GET", "/certificates", Value::Null, 200),
        (&reader, "GET", "/secrets/db", Value::Null, 403),
        (&reader, "POST", "/keys/sign/sign", signature.clone(), 403),
        (&reader, "DELETE", "/deletedsecrets/gone", Value::Null, 403),
        (&user, "GET", "/secrets/DB", Value::Null, 200),
        (&user, "GET", "/secrets/other", Value::Null, 403),
        (&user, "GET", "/secrets", Value::Null, 403),
        (&user, "PUT", "/secrets/db", json!({"value": "y"}), 403),
        (&user, "POST", "/keys/sign/sign", signature.clone(), 200),
        (&user, "POST", "/keys/other/sign", signature, 403),
        (&user, "POST", "/keys/sign/rotate", Value::Null, 403),
        (&user, "GET", "/keys/db", Value::Null, 403),
    ] {
        let (got, told) = cloud.vault(method, path, token, &body);
        assert_eq!(got, status, "{method} {path}: {told}");
        if status == 403 {
            let inner = &told["error"]["innererror"]["code"];
            assert_eq!(*inner, "ForbiddenByRbac", "{told}");
        }
    }
    let (_, told) = cloud.vault("GET", "/secrets/other", &user, &Value::Null);
    let text = told["error"]["message"].as_str().unwrap();
    for part in [
        "Caller is not authorized to perform action on resource.\r\nIf role assignments,",
        &format!("Caller: appid={USER};oid="),
        "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n",
        "/providers/microsoft.keyvault/vaults/dev/secrets/other'\r\nAssignment: (not found)\r\n",
    ] {
        assert!(text.contains(part), "{part:?}: {text}");
    }
    let log = out(&podward(
        &["access", "log", "--state", &data.to_string_lossy()],
        &data,
    ));
    let refused = format!(
        "application {USER} has no role with secrets/getSecret/action on vault dev or on /secrets/other"
    );
    assert!(log.contains(&refused), "{log}");
}

#[test]
fn a_vault_has_one_kind_of_rights() {
    let access = "    access:\n      - {identity: machine, secrets: [get]}\n";
    for (rights, told) in [
        (format!("{ROLES}{access}"), "either access or roles"),
        (
            "    roles:\n      - {identity: nobody, role: Reader}\n".into(),
            "no such identity",
        ),
        (
            "    roles:\n      - {identity: user, role: Owner}\n".into(),
            "there is no role of this name",
        ),
        (
            "    roles:\n      - {identity: user, role: Reader, scope: /x}\n".into(),
            "a scope is /secrets/NAME",
        ),
    ] {
        let data = scratch();
        let file = data.join("cloud.yaml");
        std::fs::write(&file, config(&rights)).unwrap();
        let (folder, file) = (data.to_string_lossy(), file.to_string_lossy());
        let refused = podward(
            &["cloud", "--in-memory", "--data", &folder, "--config", &file],
            &data,
        );
        assert_eq!(refused.status.code(), Some(2));
        assert!(err(&refused).contains(told), "{told}: {}", err(&refused));
        assert!(err(&refused).contains("cloud.yaml:1"), "{}", err(&refused));
    }
}
