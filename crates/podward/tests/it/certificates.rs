//! Certificates of a vault: those that are still to come, and what is told of those that are there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cloud::{Cloud, openssl};
use crate::harness::{err, scratch, skipped};

fn unknown() -> Value {
    json!({"policy": {
        "issuer": {"name": "Unknown"}, "key_props": {"kty": "EC"},
        "x509_props": {"subject": "CN=web.example"},
    }})
}

#[test]
fn a_certificate_is_there_before_it_is_merged() {
    let folder = scratch();
    let cloud = Cloud::start(folder.clone(), &[]);
    let token = cloud.token();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let get = |path: &str| ask("GET", path, Value::Null);
    let (status, operation) = ask("POST", "/certificates/web/create", unknown());
    assert_eq!((status, &operation["status"]), (202, &json!("inProgress")));

    let (status, waiting) = get("/certificates/web");
    assert_eq!(
        (status, &waiting["attributes"]["enabled"]),
        (200, &json!(false))
    );
    for field in ["kid", "sid", "id"] {
        assert!(waiting[field].is_string(), "{waiting}");
    }
    assert!(waiting["cer"].is_null() && waiting["x5t"].is_null());
    assert_eq!(waiting["pending"]["id"], operation["id"]);
    assert_eq!(get("/certificates/web/policy").0, 200);
    assert_eq!(get("/keys/web").0, 200);
    let (status, refused) = get("/secrets/web");
    assert_eq!(
        (status, &refused["error"]["innererror"]["code"]),
        (403, &json!("SecretDisabled"))
    );
    assert_eq!(ask("PUT", "/secrets/web", json!({"value": "x"})).0, 403);
    let listed = |query: &str| {
        let (_, told) = get(&format!("/certificates{query}"));
        told["value"].as_array().unwrap().len()
    };
    assert_eq!((listed(""), listed("?includePending=true")), (0, 1));
    // nobody makes it good by other means
    let on = json!({"attributes": {"enabled": true}});
    let (_, patched) = ask("PATCH", "/certificates/web", on.clone());
    assert_eq!(patched["attributes"]["enabled"], json!(false));
    assert_eq!(ask("PATCH", "/secrets/web", on).0, 403);

    // one at a time
    let (status, refused) = ask("POST", "/certificates/web/create", unknown());
    assert_eq!(
        (status, &refused["error"]["code"]),
        (409, &json!("Conflict"))
    );
    let text = refused["error"]["message"].as_str().unwrap();
    assert!(text.contains("pending key vault certificate's status is inProgress"));

    ask("POST", "/certificates/gone/create", unknown());
    assert_eq!(ask("DELETE", "/certificates/gone", Value::Null).0, 200);
    assert_eq!(get("/certificates/gone").0, 404);
    assert_eq!(get("/keys/gone").0, 404);

    let csr = operation["csr"].as_str().unwrap();
    std::fs::write(folder.join("web.csr"), STANDARD.decode(csr).unwrap()).unwrap();
    let made = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-subj", "/CN=ca",
    ];
    let Some(made) = openssl(&folder, &made) else {
        skipped("a_certificate_is_there_before_it_is_merged", "no openssl");
        return;
    };
    assert!(made.status.success(), "{}", err(&made));
    let signed = openssl(
        &folder,
        &[
            "x509",
            "-req",
            "-inform",
            "DER",
            "-in",
            "web.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-outform",
            "DER",
            "-out",
            "web.der",
        ],
    );
    assert!(signed.unwrap().status.success());
    let leaf = STANDARD.encode(std::fs::read(folder.join("web.der")).unwrap());
    let merge = json!({"x5c": [leaf]});
    let (status, merged) = ask("POST", "/certificates/web/pending/merge", merge);
    assert_eq!((status, &merged["id"]), (201, &waiting["id"]), "{merged}");
    assert_eq!(merged["attributes"]["enabled"], json!(true));
    assert_eq!(merged["cer"], json!(leaf));
    assert_eq!(get("/secrets/web").0, 200);
    assert_eq!(listed(""), 1);
}

#[test]
fn a_policy_says_whom_a_certificate_is_for() {
    let cloud = Cloud::start(scratch(), &["--in-memory"]);
    let token = cloud.token();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let create = |name: &str, x509: Value| {
        let policy = json!({"issuer": {"name": "Self", "cert_transparency": false},
            "key_props": {"kty": "EC"}, "x509_props": x509});
        let path = format!("/certificates/{name}/create");
        ask("POST", &path, json!({"policy": policy}))
    };
    assert_eq!(create("none", json!({})).0, 400);
    assert_eq!(create("none", json!({"subject": ""})).0, 400);
    assert_eq!(create("none", json!({"sans": {"rids": ["1.2"]}})).0, 400);
    let sans = json!({"ipAddresses": ["127.0.0.1"], "uris": ["spiffe://shop/web"]});
    assert_eq!(create("web", json!({"sans": sans})).0, 202);
    let (_, told) = ask(
        "GET",
        "/certificates/web?api-version=2025-07-01",
        Value::Null,
    );
    assert_eq!(told["policy"]["x509_props"]["sans"], sans);
    assert_eq!(told["policy"]["issuer"]["cert_transparency"], json!(false));
    assert_eq!(told["policy"]["attributes"]["enabled"], json!(true));
    assert_eq!(told["preserveCertOrder"], json!(false));
    assert!(told["previousVersion"].is_null());

    // the next version names the one before; PKCS#12 is told as PEM
    assert_eq!(ask("POST", "/certificates/web/create", json!({})).0, 202);
    let first = told["id"].as_str().unwrap().rsplit_once('/').unwrap().1;
    for kind in ["certificates", "keys", "secrets"] {
        let path = |version: &str| format!("/{kind}/web?api-version={version}");
        let (_, told) = ask("GET", &path("2025-07-01"), Value::Null);
        assert_eq!(told["previousVersion"], json!(first));
        let (_, told) = ask("GET", &path("7.6-preview.2"), Value::Null);
        assert!(told["previousVersion"].is_null() && told["attributes"].is_object());
    }
    let out = |kind: &str| {
        let path = format!("/secrets/web?api-version=2025-07-01&outContentType={kind}");
        ask("GET", &path, Value::Null)
    };
    let (status, told) = out("application/x-pem-file");
    assert_eq!(
        (status, &told["contentType"]),
        (200, &json!("application/x-pem-file"))
    );
    let text = told["value"].as_str().unwrap();
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"), "{text}");
    assert_eq!(out("application/x-pkcs12").0, 200);
    assert_eq!(out("text/plain").0, 400);

    // a change of the certificate: its policy, but not its times
    let change = json!({
        "policy": {"key_props": {"kty": "EC", "reuse_key": true}}, "attributes": {"exp": 1},
    });
    let (before, after) = (
        ask("GET", "/certificates/web", Value::Null).1,
        ask("PATCH", "/certificates/web", change).1,
    );
    assert_eq!(after["policy"]["key_props"]["reuse_key"], json!(true));
    assert_eq!(after["attributes"]["exp"], before["attributes"]["exp"]);
    let tags = json!({"tags": {"a": "b"}});
    assert_eq!(ask("PATCH", "/keys/web", tags.clone()).0, 403);
    assert_eq!(ask("PATCH", "/secrets/web", tags).0, 403);
}

#[test]
fn an_imported_certificate_says_its_policy_itself() {
    let cloud = Cloud::start(scratch(), &["--in-memory"]);
    let token = cloud.token();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let policy = json!({"policy": {
        "issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-384"},
        "secret_props": {"contentType": "application/x-pem-file"},
        "x509_props": {
            "subject": "CN=web.example", "sans": {"dns_names": ["web.example"]},
            "ekus": ["1.3.6.1.5.5.7.3.2"], "key_usage": ["digitalSignature", "keyAgreement"],
            "validity_months": 18,
        },
    }});
    ask("POST", "/certificates/a/create", policy);
    let value = ask("GET", "/secrets/a", Value::Null).1["value"].clone();
    let (status, told) = ask("POST", "/certificates/b/import", json!({"value": value}));
    assert_eq!(status, 200, "{told}");
    let (was, is) = (
        ask("GET", "/certificates/a", Value::Null).1,
        &told["policy"],
    );
    for part in ["key_props", "x509_props", "secret_props"] {
        assert_eq!(is[part], was["policy"][part], "{part}");
    }
    assert_eq!(is["issuer"]["name"], "Unknown");
    assert_eq!(
        is["lifetime_actions"][0]["action"]["action_type"],
        "EmailContacts"
    );
    let other = json!({"value": value, "policy": {"key_props": {"kty": "EC", "crv": "P-256"}}});
    assert_eq!(ask("POST", "/certificates/c/import", other).0, 400);
}

#[test]
fn no_key_leaves_a_vault() {
    let cloud = Cloud::start(scratch(), &["--in-memory"]);
    let token = cloud.token();
    let create = |body: Value| {
        let (status, told) = cloud.vault("POST", "/keys/k/create", &token, &body);
        (status, told["error"]["message"].clone(), told)
    };
    let (status, _, told) = create(json!({"kty": "EC"}));
    assert_eq!(
        (status, &told["attributes"]["exportable"]),
        (200, &json!(false))
    );
    let policy = json!({"data": "e30"});
    for (body, text) in [
        (
            json!({"kty": "EC", "attributes": {"exportable": true}}),
            "Exportable keys must have release policy",
        ),
        (
            json!({"kty": "EC", "attributes": {"exportable": true}, "release_policy": policy}),
            "AKV.SKR.1001",
        ),
        (
            json!({"kty": "EC", "release_policy": policy}),
            "AKV.SKR.1005",
        ),
        (
            json!({"kty": "EC", "key_ops": ["encrypt"]}),
            "cannot encrypt",
        ),
        (json!({"kty": "EC", "key_size": 384}), "curve"),
    ] {
        let (status, message, _) = create(body.clone());
        assert_eq!(status, 400, "{body}");
        assert!(message.as_str().unwrap().contains(text), "{message}");
    }
}

#[test]
fn a_file_of_yesterday_is_imported() {
    let folder = scratch();
    let cloud = Cloud::start(folder.clone(), &["--in-memory"]);
    let token = cloud.token();
    let made = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "a.key", "-out", "a.pem",
        "-subj", "/CN=a",
    ];
    if !openssl(&folder, &made).is_some_and(|made| made.status.success()) {
        skipped("a_file_of_yesterday_is_imported", "no openssl");
        return;
    }
    let des = [
        "-keypbe",
        "PBE-SHA1-3DES",
        "-certpbe",
        "PBE-SHA1-3DES",
        "-macalg",
        "sha1",
    ];
    for how in [&des[..], &["-legacy"]] {
        let write = [
            "pkcs12", "-export", "-in", "a.pem", "-inkey", "a.key", "-out", "a.pfx",
        ];
        let write = [&write[..], &["-passout", "pass:hard"], how].concat();
        if !openssl(&folder, &write).is_some_and(|made| made.status.success()) {
            skipped("a_file_of_yesterday_is_imported", "openssl writes none");
            continue;
        }
        let value = STANDARD.encode(std::fs::read(folder.join("a.pfx")).unwrap());
        let import = |password: &str| {
            let body = json!({"value": value, "pwd": password});
            cloud.vault("POST", "/certificates/a/import", &token, &body)
        };
        assert_eq!(import("soft").0, 400);
        let (status, told) = import("hard");
        assert_eq!(status, 200, "{told}");
        assert_eq!(told["policy"]["x509_props"]["subject"], "CN=a");
    }
}
