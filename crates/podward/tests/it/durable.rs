//! What the vaults of `podward cloud --data` hold, from one start to the next.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::harness::{err, out, podward, scratch};

/// A cloud.yaml with one vault, `dev`, that holds this.
pub(crate) fn config(content: &str) -> String {
    format!(
        "apiVersion: podward.dev/v1alpha1
kind: Cloud
tenants:
  - id: 7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11
    name: local
    managedIdentities:
      - {{name: machine, clientId: 2c9d7b35-f840-4a16-b3ce-81f0d6e52a97, systemAssigned: true}}
vaults:
  - name: dev
    tenant: local
    access:
      - {{identity: machine, secrets: [all, purge], keys: [all, purge], certificates: [all, purge]}}
{content}"
    )
}

/// One start of the cloud, and what is asked of it.
fn with<T>(data: &Path, arguments: &[&str], what: impl FnOnce(&Asked<'_>) -> T) -> T {
    let cloud = Cloud::start(data.to_owned(), arguments);
    let token = cloud.token();
    let told = what(&|method, path, body| cloud.vault(method, path, &token, &body));
    assert_eq!(cloud.process.stop(), Some(0));
    told
}

type Asked<'a> = dyn Fn(&str, &str, Value) -> (u16, Value) + 'a;

#[test]
fn all_comes_back_after_a_restart() {
    let data = scratch();
    let policy = json!({"issuer": {"name": "Self"}, "key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=web.example"}});
    let waiting = json!({"issuer": {"name": "Unknown"}, "key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=late.example"}});
    let rotation = json!({
        "lifetimeActions": [{"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}],
        "attributes": {"expiryTime": "P1Y"},
    });
    // what is looked at before and after
    let looks = [
        "/secrets",
        "/secrets/db",
        "/secrets/db/versions",
        "/deletedsecrets",
        "/deletedsecrets/old",
        "/keys",
        "/keys/sign",
        "/keys/rsa",
        "/keys/sign/rotationpolicy",
        "/certificates",
        "/certificates/web",
        "/certificates/web/policy",
        "/certificates/web/pending",
        "/certificates/late/pending",
        "/secrets/web",
        "/deletedcertificates",
    ];
    let look = |ask: &Asked<'_>| {
        looks.map(|path| {
            let (status, mut body) = ask("GET", path, Value::Null);
            assert_eq!(status, 200, "{path}: {body}");
            without_port(&mut body);
            body
        })
    };
    let (before, blobs) = with(&data, &[], |ask| {
        let made = |method, path, body| {
            let (status, told) = ask(method, path, body);
            assert!((200..300).contains(&status), "{method} {path}: {told}");
            told
        };
        made(
            "PUT",
            "/secrets/db",
            json!({"value": "one", "contentType": "text/plain"}),
        );
        made(
            "PUT",
            "/secrets/db",
            json!({"value": "zwei ✓", "tags": {"a": "b"}, "attributes": {"exp": 4_000_000_000_i64}}),
        );
        made("PUT", "/secrets/old", json!({"value": "x"}));
        made("DELETE", "/secrets/old", Value::Null);
        made("PUT", "/secrets/gone", json!({"value": "x"}));
        made("DELETE", "/secrets/gone", Value::Null);
        made("DELETE", "/deletedsecrets/gone", Value::Null);
        made(
            "POST",
            "/keys/sign/create",
            json!({"kty": "EC", "crv": "P-384", "key_ops": ["sign"]}),
        );
        made("PUT", "/keys/sign/rotationpolicy", rotation);
        made(
            "PATCH",
            "/keys/sign",
            json!({"attributes": {"enabled": false}}),
        );
        made("POST", "/keys/rsa/create", json!({"kty": "RSA"}));
        made(
            "POST",
            "/certificates/web/create",
            json!({"policy": policy}),
        );
        made(
            "POST",
            "/certificates/late/create",
            json!({"policy": waiting}),
        );
        made(
            "POST",
            "/certificates/past/create",
            json!({"policy": policy}),
        );
        made("DELETE", "/certificates/past", Value::Null);
        let blobs = ["/secrets/db/backup", "/certificates/web/backup"];
        let blobs = blobs.map(|path| made("POST", path, Value::Null));
        (look(ask), blobs)
    });
    let [blob, web] = blobs;
    with(&data, &[], |ask| {
        assert_eq!(look(ask), before);
        assert_eq!(ask("GET", "/deletedsecrets/gone", Value::Null).0, 404);
        assert_eq!(ask("PUT", "/secrets/old", json!({"value": "y"})).0, 409);
        assert_eq!(ask("PUT", "/secrets/gone", json!({"value": "y"})).0, 200);
        ask("DELETE", "/secrets/db", Value::Null);
        assert_eq!(ask("DELETE", "/deletedsecrets/db", Value::Null).0, 204);
        assert_eq!(ask("POST", "/secrets/restore", blob).0, 200);
        let own = |path: &str| ask("GET", path, Value::Null).1;
        let all = [
            "/certificates/web",
            "/certificates/web/policy",
            "/keys/web",
            "/secrets/web",
        ];
        let one = all.map(own);
        assert_eq!(ask("POST", "/certificates/restore", web.clone()).0, 409);
        assert_eq!(ask("POST", "/keys/restore", web.clone()).0, 400);
        ask("DELETE", "/certificates/web", Value::Null);
        assert_eq!(ask("POST", "/certificates/restore", web.clone()).0, 409);
        let purged = ask("DELETE", "/deletedcertificates/web", Value::Null);
        assert_eq!(purged.0, 204);
        assert_eq!(ask("POST", "/certificates/restore", web).0, 200);
        assert_eq!(all.map(own), one);
        let digest = json!({"alg": "RS256", "value": "A".repeat(43)});
        assert_eq!(ask("POST", "/keys/rsa/sign", digest).0, 200);
    });
    with(&data, &[], |ask| {
        assert_eq!(ask("GET", "/secrets/db", Value::Null).1["value"], "zwei ✓");
        assert_eq!(ask("GET", "/secrets/gone", Value::Null).1["value"], "y");
    });
    // who ends in an orderly way leaves everything in one file
    let log = data.join("vaults.sqlite-wal");
    assert_eq!(log.metadata().map_or(0, |log| log.len()), 0);
    let kept = std::fs::read(data.join("vaults.sqlite")).unwrap();
    for plain in ["zwei ✓", "PRIVATE KEY"] {
        let found = kept
            .windows(plain.len())
            .any(|part| part == plain.as_bytes());
        assert!(!found, "{plain:?} can be read in the file");
    }
}

/// Takes the port out of all addresses: it is another one at each start.
fn without_port(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((before, rest)) = text.clone().split_once(".localhost:") {
                *text = format!(
                    "{before}.localhost{}",
                    rest.trim_start_matches(|c: char| c.is_ascii_digit())
                );
            }
        }
        Value::Array(all) => all.iter_mut().for_each(without_port),
        Value::Object(all) => all.values_mut().for_each(without_port),
        _ => {}
    }
}

#[test]
fn a_file_is_applied_once_and_takes_nothing_away() {
    let (data, folder) = (scratch(), scratch());
    let file = folder.join("cloud.yaml");
    let arguments = ["--config", file.to_str().unwrap()];
    let versions = |ask: &Asked<'_>, path: &str| {
        let told = ask("GET", &format!("{path}/versions"), Value::Null).1;
        told["value"].as_array().unwrap().len()
    };
    let first = "    secrets:
      - {name: told, value: one}
      - {name: random, generate: true}
      - {name: dropped, value: one}
    keys:
      - {name: rsa, type: RSA}
      - {name: ec, type: EC, curve: P-521}
    certificates:
      - {name: web, subject: CN=web.example}
";
    std::fs::write(&file, config(first)).unwrap();
    let (random, key) = with(&data, &arguments, |ask| {
        ask("PUT", "/secrets/own", json!({"value": "of a client"}));
        ask("PUT", "/secrets/dropped", json!({"value": "of a client"}));
        ask("DELETE", "/keys/ec", Value::Null);
        let value = |path| ask("GET", path, Value::Null).1;
        (
            value("/secrets/random")["value"].clone(),
            value("/keys/rsa")["key"]["n"].clone(),
        )
    });
    assert!(!data.join("keys/vault.dev.rsa.2048.key").exists());
    with(&data, &arguments, |ask| {
        assert_eq!(
            ask("GET", "/secrets/random", Value::Null).1["value"],
            random
        );
        assert_eq!(ask("GET", "/keys/rsa", Value::Null).1["key"]["n"], key);
        assert_eq!(
            ask("GET", "/secrets/dropped", Value::Null).1["value"],
            "of a client"
        );
        assert_eq!(ask("GET", "/keys/ec", Value::Null).0, 404);
        for path in [
            "/secrets/told",
            "/secrets/random",
            "/keys/rsa",
            "/certificates/web",
        ] {
            assert_eq!(versions(ask, path), 1, "{path}");
        }
    });
    let second = "    secrets:
      - {name: told, value: two}
      - {name: own, value: of the file}
      - {name: more, value: x}
    keys:
      - {name: ec, type: EC, curve: P-384}
";
    std::fs::write(&file, config(second)).unwrap();
    for _ in 0..2 {
        with(&data, &arguments, |ask| {
            assert_eq!(ask("GET", "/secrets/told", Value::Null).1["value"], "two");
            assert_eq!(versions(ask, "/secrets/told"), 2);
            assert_eq!(versions(ask, "/secrets/own"), 2);
            assert_eq!(
                ask("GET", "/secrets/random", Value::Null).1["value"],
                random
            );
            assert_eq!(ask("GET", "/keys/ec", Value::Null).1["key"]["crv"], "P-384");
            assert_eq!(versions(ask, "/keys/ec"), 2);
            assert_eq!(versions(ask, "/certificates/web"), 1);
        });
    }
    // while it runs
    let cloud = Cloud::start(data, &arguments);
    let token = cloud.token();
    std::fs::write(
        &file,
        config("    secrets:\n      - {name: late, value: here}\n"),
    )
    .unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while cloud.vault("GET", "/secrets/late", &token, &Value::Null).0 != 200 {
        assert!(Instant::now() < end, "the changed file was not applied");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_cannot_be_read_is_told_and_stays() {
    let data = scratch();
    with(&data, &[], |ask| {
        ask("PUT", "/secrets/db", json!({"value": "one"}));
    });
    let key = data.join("keys/vaults.key");
    let right = std::fs::read(&key).unwrap();
    let database = data.join("vaults.sqlite");
    for file in [&key, &database] {
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600, "{file:?}");
    }
    let refused = |words: [&str; 2]| {
        let folder = data.to_string_lossy();
        let told = podward(
            &[
                "cloud",
                "--port",
                "0",
                "--metadata-port",
                "0",
                "--data",
                &folder,
            ],
            &data,
        );
        assert_eq!(told.status.code(), Some(2), "{told:?}");
        for word in words {
            assert!(err(&told).contains(word), "{word}: {}", err(&told));
        }
    };
    std::fs::remove_file(&key).unwrap();
    refused(["keys/vaults.key is missing", "put the key back"]);
    assert!(!key.exists());
    std::fs::write(&key, [1; 32]).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    refused(["keys/vaults.key is not the key that", "put the key back"]);
    std::fs::write(&key, "short").unwrap();
    refused(["keys/vaults.key is not the key that", "put the key back"]);
    std::fs::write(&key, &right).unwrap();
    let schema = |version: u32| {
        let mut bytes = std::fs::read(&database).unwrap();
        bytes[60..64].copy_from_slice(&version.to_be_bytes());
        std::fs::write(&database, bytes).unwrap();
    };
    schema(9);
    refused([
        "written by a newer podward: it has schema 9",
        "use the podward that wrote it",
    ]);
    schema(1);
    with(&data, &[], |ask| {
        assert_eq!(ask("GET", "/secrets/db", Value::Null).1["value"], "one");
    });
}

#[test]
fn what_is_exported_starts_another_cloud() {
    let (data, folder) = (scratch(), scratch());
    let (file, exported) = (folder.join("cloud.yaml"), folder.join("exported.yaml"));
    let export = |more: &[&str]| {
        let folder = data.to_string_lossy();
        let told = podward(
            &[&["cloud", "export", "--data", &folder], more].concat(),
            &data,
        );
        assert_eq!(told.status.code(), Some(0), "{told:?}");
        std::fs::write(&exported, &told.stdout).unwrap();
        told
    };
    let empty = podward(
        &["cloud", "export", "--data", &data.to_string_lossy()],
        &data,
    );
    assert_eq!(empty.status.code(), Some(2));
    assert!(err(&empty).contains("no vault is kept in this folder"));

    let text = config("    keys:\n      - {name: rsa, type: RSA, size: 3072}\n").replace(
        "    managedIdentities:",
        "    applications:
      - {name: app, clientId: 1d9c7b35-f840-4a16-b3ce-81f0d6e52a97, clientSecrets: [hunter2]}
    managedIdentities:",
    );
    std::fs::write(&file, text).unwrap();
    let lists = ["/secrets", "/keys", "/certificates"];
    let names = |ask: &Asked<'_>| {
        lists.map(|path| {
            let (_, mut told) = ask("GET", path, Value::Null);
            without_port(&mut told);
            let all = told["value"].as_array().unwrap().iter();
            all.map(|one| {
                let id = one["id"].as_str().or(one["kid"].as_str());
                let attributes = &one["attributes"];
                // the certificate is made anew, and its times with it
                let is_certified = id.is_some_and(|id| id.ends_with("/web"));
                let exp = attributes.get("exp").filter(|_| !is_certified);
                json!([
                    id,
                    one["contentType"],
                    one["tags"],
                    attributes["enabled"],
                    exp
                ])
            })
            .collect::<Vec<_>>()
        })
    };
    let value = "true: \"zwei\"\n✓\t# no comment ";
    let started = file.to_string_lossy().into_owned();
    let cloud = Cloud::start(data.clone(), &["--config", &started]);
    let token = cloud.token();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let policy = json!({
        "issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-384"},
        "x509_props": {"subject": "CN=web.example", "validity_months": 24, "sans": {
            "dns_names": ["web.example"], "emails": ["a@web.example"],
            "uris": ["spiffe://web.example/a"], "ipAddresses": ["192.0.2.1"]}},
    });
    ask("PUT", "/secrets/db", json!({"value": "old"}));
    ask(
        "PUT",
        "/secrets/db",
        json!({"value": value, "contentType": "text/plain",
            "attributes": {"exp": 4_000_000_000_u64}, "tags": {"team": "shop"}}),
    );
    ask("PUT", "/secrets/gone", json!({"value": "x"}));
    ask("DELETE", "/secrets/gone", Value::Null);
    ask(
        "POST",
        "/keys/ec/create",
        json!({"kty": "EC", "crv": "P-256K", "key_ops": ["verify"],
            "attributes": {"enabled": false}, "tags": {"no": "value: 1"}}),
    );
    ask(
        "POST",
        "/certificates/web/create",
        json!({"policy": policy, "tags": {"of": "web"}}),
    );
    let before = names(&ask);
    // while it runs
    let told = export(&[]);
    assert!(!out(&told).contains("zwei") && !out(&told).contains("hunter2"));
    assert!(err(&told).contains("clientSecrets"), "{}", err(&told));
    let exported_at = exported.to_string_lossy();
    let again = |what: &dyn Fn(&Asked<'_>)| {
        with(&scratch(), &["--in-memory", "--config", &exported_at], what)
    };
    again(&|ask| {
        assert_eq!(names(ask), before);
        assert_ne!(ask("GET", "/secrets/db", Value::Null).1["value"], value);
        assert_eq!(
            ask("GET", "/keys/rsa", Value::Null).1["key"]["n"]
                .as_str()
                .unwrap()
                .len(),
            512
        );
    });
    let told = export(&["--with-values"]);
    assert!(err(&told).contains("warning") && out(&told).contains("hunter2"));
    again(&|ask| {
        assert_eq!(names(ask), before);
        assert_eq!(ask("GET", "/secrets/db", Value::Null).1["value"], value);
        assert_eq!(
            ask("GET", "/keys/ec", Value::Null).1["key"]["crv"],
            "P-256K"
        );
        assert_eq!(
            ask("GET", "/keys/ec", Value::Null).1["key"]["key_ops"],
            json!(["verify"])
        );
        let certificate = ask("GET", "/certificates/web", Value::Null).1;
        let (x509, wanted) = (&certificate["policy"]["x509_props"], &policy["x509_props"]);
        assert_eq!(x509["sans"], wanted["sans"]);
        assert_eq!(x509["validity_months"], 24);
        assert_eq!(certificate["policy"]["key_props"]["crv"], "P-384");
    });
}
