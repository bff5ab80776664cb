//! Issuers of certificates, and contacts.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::harness::{out, scratch, skipped};

#[test]
fn an_issuer_of_the_own_ca_signs_at_once() {
    let data = scratch();
    let start = || {
        let cloud = Cloud::start(data.clone(), &[]);
        let token = cloud.token();
        (cloud, token)
    };
    let (cloud, token) = start();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let mine = "/certificates/issuers/mine";
    let wanted = json!({
        "provider": "podward-ca", "credentials": {"account_id": "me", "pwd": "hunter2"},
        "org_details": {"admin_details": [{"email": "a@example.com"}]},
    });
    let (status, told) = ask("PUT", mine, wanted);
    assert_eq!(
        (status, &told["credentials"]),
        (200, &json!({"account_id": "me"}))
    );
    ask(
        "PUT",
        "/certificates/issuers/other",
        json!({"provider": "DigiCert"}),
    );
    assert_eq!(ask("PUT", "/certificates/issuers/x", json!({})).0, 400);
    assert_eq!(
        ask(
            "PUT",
            "/certificates/issuers/Self",
            json!({"provider": "x"})
        )
        .0,
        400
    );
    assert_eq!(ask("PATCH", "/certificates/issuers/x", json!({})).0, 404);
    let (_, told) = ask("GET", "/certificates/issuers?maxresults=1", Value::Null);
    assert_eq!(told["value"][0]["provider"], "podward-ca");
    assert!(told["nextLink"].as_str().unwrap().contains("$skiptoken="));

    let policy = |issuer: &str| {
        let x509 = json!({"subject": "CN=web.example", "sans": {"dns_names": ["web.example"]}});
        let secret = json!({"contentType": "application/x-pem-file"});
        json!({"policy": {"issuer": {"name": issuer}, "key_props": {"kty": "EC"}, "x509_props": x509, "secret_props": secret}})
    };
    assert_eq!(
        ask("POST", "/certificates/web/create", policy("mine")).0,
        202
    );
    let (_, told) = ask("GET", "/certificates/web/pending", Value::Null);
    assert_eq!(
        (&told["status"], &told["issuer"]["name"]),
        (&json!("completed"), &json!("mine"))
    );
    assert_eq!(
        ask("POST", "/certificates/no/create", policy("nobody")).0,
        400
    );
    assert_eq!(
        ask("POST", "/certificates/far/create", policy("other")).0,
        202
    );
    let (_, told) = ask("GET", "/certificates/far/pending", Value::Null);
    assert_eq!(
        (&told["status"], &told["error"]["code"]),
        (&json!("failed"), &json!("IssuerNotReachable"))
    );
    let (status, told) = ask("GET", "/certificates/far", Value::Null);
    assert_eq!(
        (status, &told["attributes"]["enabled"]),
        (200, &json!(false))
    );

    let contacts = json!({"contacts": [{"email": "a@example.com", "name": "A"}]});
    assert_eq!(
        ask("PUT", "/certificates/contacts", json!({"contacts": []})).0,
        400
    );
    assert_eq!(
        ask("PUT", "/certificates/contacts", contacts.clone()).0,
        200
    );
    let (_, secret) = ask("GET", "/secrets/web", Value::Null);
    let pem = secret["value"].as_str().unwrap().to_owned();
    assert_eq!(cloud.process.stop(), Some(0));

    let (cloud, token) = start();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let (_, told) = ask("GET", "/certificates/contacts", Value::Null);
    assert_eq!(told["contacts"], contacts["contacts"]);
    assert_eq!(ask("DELETE", "/certificates/contacts", Value::Null).0, 200);
    assert_eq!(ask("GET", "/certificates/contacts", Value::Null).0, 404);
    let off = json!({"attributes": {"enabled": false}});
    let (_, told) = ask("PATCH", mine, off);
    assert_eq!(
        told["org_details"]["admin_details"][0]["email"],
        "a@example.com"
    );
    assert_eq!(
        ask("POST", "/certificates/web/create", policy("mine")).0,
        400
    );
    assert_eq!(ask("DELETE", mine, Value::Null).0, 200);
    assert_eq!(ask("GET", mine, Value::Null).0, 404);

    std::fs::write(data.join("web.pem"), pem).unwrap();
    let verified = std::process::Command::new("openssl")
        .args(["verify", "-CAfile", "keys/vault-ca.pem", "web.pem"])
        .current_dir(&data)
        .output();
    match verified {
        Ok(verified) => assert!(verified.status.success(), "{verified:?} {}", out(&verified)),
        Err(_) => skipped(
            "an_issuer_of_the_own_ca_signs_at_once",
            "there is no openssl",
        ),
    }
}
