//! `podward cloud` by itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use podward_http::{HttpClient, Overrides};
use serde_json::{Value, json};

use crate::harness::{PODWARD, Up, err, out, podward, scratch, skipped};

/// A cloud that runs, and a client that trusts it.
pub(crate) struct Cloud {
    pub(crate) process: Up,
    pub(crate) ready: Value,
    pub(crate) client: Client,
}

/// A client of the vault `dev`, or of the first one.
pub(crate) struct Client {
    base: String,
    http: HttpClient,
    runtime: tokio::runtime::Runtime,
}

impl Cloud {
    pub(crate) fn start(data: PathBuf, arguments: &[&str]) -> Self {
        let mut command = Command::new(PODWARD);
        command
            .args([
                "cloud",
                "--port",
                "0",
                "--metadata-port",
                "0",
                "-o",
                "json",
                "--data",
            ])
            .arg(&data)
            .args(arguments)
            .env("PODWARD_ACCESS_LOG_SIZE", "4MiB")
            .current_dir(scratch());
        let mut process = Up::spawn(&mut command, data);
        let ready = process.wait("ready");
        let client = Client::of(&ready);
        Self {
            process,
            ready,
            client,
        }
    }

    /// Asks the metadata service, with these headers more.
    pub(crate) fn metadata(&self, path: &str, headers: &str) -> (u16, Value) {
        self.machine("GET", path, headers, "")
    }

    /// The same, by another method and with a body.
    pub(crate) fn machine(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> (u16, Value) {
        let (status, body) = self.asked(method, path, headers, body);
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// The same, as text.
    pub(crate) fn plain(&self, path: &str, headers: &str) -> (u16, String) {
        self.asked("GET", path, headers, "")
    }

    fn asked(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
        let address = self.ready["metadata"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        (status, body.to_owned())
    }

    /// A token of the machine's own identity, for the vaults.
    pub(crate) fn token(&self) -> String {
        self.token_of("")
    }

    /// A token of an identity that is named by the end of a query.
    pub(crate) fn token_of(&self, named: &str) -> String {
        self.token_for(&format!("https://vault.azure.net{named}"))
    }

    /// A token of the machine's own identity for a resource.
    pub(crate) fn token_for(&self, resource: &str) -> String {
        let path =
            format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}");
        let (status, body) = self.metadata(&path, "Metadata: true\r\n");
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Asks for a document.
    pub(crate) fn get(&self, url: &str) -> Value {
        let request = hyper::Request::get(url).body(Vec::new()).unwrap();
        let client = &self.client;
        let answer = client.runtime.block_on(client.http.send(request)).unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Asks Azure Resource Manager, with a token where one is given.
    pub(crate) fn manager(&self, method: &str, path: &str, token: Option<&str>) -> (u16, Value) {
        let authority = self.ready["authorityHost"].as_str().unwrap();
        let url = format!("{}{path}", authority.replace("login.", "management."));
        let mut request = hyper::Request::builder().method(method).uri(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Vec::new()).unwrap();
        let client = &self.client;
        let answer = client.runtime.block_on(client.http.send(request)).unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap();
        (answer.status.as_u16(), body)
    }

    /// Asks the vault `dev`.
    pub(crate) fn vault(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> (u16, Value) {
        self.client.ask(method, path, token, body).unwrap()
    }
}

impl Client {
    /// A client of the cloud that said this when it was ready.
    pub(crate) fn of(ready: &Value) -> Self {
        let address = ready["address"].as_str().unwrap().parse().unwrap();
        let hosts = [
            "login.localhost",
            "management.localhost",
            "*.vault.localhost",
        ];
        let overrides: Overrides = hosts.map(|host| (host.to_owned(), address)).into();
        let ca = std::fs::read_to_string(ready["caFile"].as_str().unwrap()).unwrap();
        Self {
            base: ready["vaults"][0]["url"].as_str().unwrap().to_owned(),
            http: HttpClient::new(&ca, overrides).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// Asks; `None` where no answer came.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: &Value,
    ) -> Option<(u16, Value)> {
        let base = &self.base;
        let version = match (path.contains("api-version="), path.contains('?')) {
            (true, _) => "",
            (false, true) => "&api-version=7.6",
            (false, false) => "?api-version=7.6",
        };
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{base}{path}{version}"))
            .header("authorization", format!("Bearer {token}"))
            .body(if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            })
            .unwrap();
        let answer = self.runtime.block_on(self.http.send(request)).ok()?;
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Some((answer.status.as_u16(), body))
    }
}

fn env(data: &Path) -> std::process::Output {
    podward(&["cloud", "env", "--data", &data.to_string_lossy()], data)
}

#[test]
fn it_serves_by_itself_and_tells_a_shell_where() {
    let data = scratch();
    let cloud = Cloud::start(data.clone(), &[]);
    let token = cloud.token();
    assert_eq!(cloud.vault("GET", "/secrets", &token, &Value::Null).0, 200);
    let (status, body) = cloud.vault("GET", "/secrets", &token.replace('.', "x."), &Value::Null);
    assert_eq!(
        (status, &body["error"]["code"]),
        (401, &json!("Unauthorized"))
    );
    let printed = env(&data);
    let authority = cloud.ready["authorityHost"].as_str().unwrap();
    assert!(
        out(&printed).contains(&format!("export AZURE_AUTHORITY_HOST='{authority}'\n")),
        "{printed:?}"
    );

    let other = podward(
        &[
            "cloud",
            "--port",
            "0",
            "--metadata-port",
            "0",
            "--data",
            &data.to_string_lossy(),
        ],
        &data,
    );
    assert_eq!(other.status.code(), Some(2));
    assert!(
        err(&other).contains("another `podward cloud` runs on this folder"),
        "{other:?}"
    );

    let ca = std::fs::read(data.join("ca.pem")).unwrap();
    cloud.process.signal("TERM");
    let mut process = cloud.process;
    process.wait("stopped");
    assert_eq!(process.child.wait().unwrap().code(), Some(0));
    assert!(err(&env(&data)).contains("no `podward cloud` of this user is running"));
    let again = Cloud::start(data.clone(), &[]);
    assert_eq!(std::fs::read(data.join("ca.pem")).unwrap(), ca);
    again.process.stop();
}

#[test]
fn the_metadata_service_refuses_what_the_real_one_refuses() {
    let cloud = Cloud::start(scratch(), &[]);
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=";
    let vault = format!("{path}https%3A%2F%2Fvault.azure.net");
    for (path, headers, status, error) in [
        (vault.as_str(), "", 400, "invalid_request"),
        (&vault, "Metadata: false\r\n", 400, "invalid_request"),
        (
            &vault,
            "Metadata: true\r\nX-Forwarded-For: 10.0.0.1\r\n",
            400,
            "invalid_request",
        ),
        (
            "/metadata/identity/oauth2/token?resource=x",
            "Metadata: true\r\n",
            400,
            "invalid_request",
        ),
        (
            &format!("{path}https://nope.invalid"),
            "Metadata: true\r\n",
            400,
            "invalid_resource",
        ),
        (
            &format!("{vault}&client_id=nobody"),
            "Metadata: true\r\n",
            400,
            "invalid_request",
        ),
        (
            "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net",
            "X-IDENTITY-HEADER: guess\r\n",
            401,
            "unauthorized",
        ),
    ] {
        let (got, body) = cloud.metadata(path, headers);
        assert_eq!(
            (got, body["error"].as_str()),
            (status, Some(error)),
            "{path} {headers:?}"
        );
    }
    let header = cloud.ready["identityHeader"].as_str().unwrap();
    let (status, body) = cloud.metadata(
        "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net",
        &format!("X-IDENTITY-HEADER: {header}\r\n"),
    );
    assert_eq!((status, &body["token_type"]), (200, &json!("Bearer")));
}

#[test]
fn a_secret_lives_as_in_the_service() {
    let cloud = Cloud::start(scratch(), &["--in-memory"]);
    let token = cloud.token();
    let ask = |method: &str, path: &str, body: Value| {
        let (status, body) = cloud.vault(method, path, &token, &body);
        let inner = body["error"]["innererror"]["code"].as_str();
        let code = inner
            .or(body["error"]["code"].as_str())
            .unwrap_or_default()
            .to_owned();
        (status, code, body)
    };
    let refused = |method: &str, path: &str, body: Value, want: (u16, &str)| {
        let (status, code, _) = ask(method, path, body);
        assert_eq!((status, code.as_str()), want, "{method} {path}");
    };
    let made = ask(
        "PUT",
        "/secrets/db",
        json!({"value": "one", "tags": {"a": "b"}}),
    )
    .2;
    let version = made["id"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    let second = ask("PUT", "/secrets/DB", json!({"value": "two"})).2;
    assert_eq!(ask("GET", "/secrets/db", Value::Null).2["value"], "two");
    assert_eq!(
        ask("GET", &format!("/secrets/db/{version}"), Value::Null).2["tags"],
        json!({"a": "b"})
    );
    let listed = ask("GET", "/secrets/db/versions?maxresults=1", Value::Null).2;
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    assert!(listed["nextLink"].as_str().unwrap().contains("$skiptoken="));

    let off = json!({"attributes": {"enabled": false}});
    let told = ask("PATCH", &format!("/secrets/db/{version}"), off).2;
    assert!(
        told.get("value").is_none() && told["tags"] == json!({"a": "b"}),
        "{told}"
    );
    refused(
        "GET",
        &format!("/secrets/db/{version}"),
        Value::Null,
        (403, "SecretDisabled"),
    );
    let backwards = json!({"attributes": {"nbf": 20, "exp": 10}});
    refused("PATCH", "/secrets/db", backwards, (400, "BadParameter"));
    refused(
        "PUT",
        "/secrets/bad_name",
        json!({"value": "x"}),
        (400, "BadParameter"),
    );
    refused(
        "PUT",
        "/secrets/db",
        json!({"value": 5}),
        (400, "BadParameter"),
    );
    refused(
        "GET",
        "/secrets?maxresults=26",
        Value::Null,
        (400, "BadParameter"),
    );
    refused(
        "GET",
        "/secrets?$skiptoken=!",
        Value::Null,
        (400, "BadParameter"),
    );

    let blob = ask("POST", "/secrets/db/backup", Value::Null).2;
    refused("POST", "/secrets/restore", blob.clone(), (409, "Conflict"));
    refused("POST", "/keys/restore", blob.clone(), (400, "BadParameter"));
    let deleted = ask("DELETE", "/secrets/db", Value::Null).2;
    assert_eq!(deleted["id"], second["id"]);
    assert!(deleted["scheduledPurgeDate"].as_i64() > deleted["deletedDate"].as_i64());
    refused("GET", "/secrets/db", Value::Null, (404, "SecretNotFound"));
    refused(
        "PUT",
        "/secrets/db",
        json!({"value": "x"}),
        (409, "ObjectIsDeletedButRecoverable"),
    );
    assert_eq!(
        ask("POST", "/deletedsecrets/db/recover", Value::Null).0,
        200
    );
    assert_eq!(ask("GET", "/secrets/db", Value::Null).2["value"], "two");
    ask("DELETE", "/secrets/db", Value::Null);
    assert_eq!(ask("DELETE", "/deletedsecrets/db", Value::Null).0, 204);
    refused(
        "GET",
        "/deletedsecrets/db",
        Value::Null,
        (404, "SecretNotFound"),
    );
    assert_eq!(ask("POST", "/secrets/restore", blob).2["id"], second["id"]);
    assert_eq!(ask("GET", "/secrets/db", Value::Null).2["value"], "two");
}

#[test]
fn a_key_does_what_it_is_for_and_nothing_else() {
    let cloud = Cloud::start(scratch(), &["--in-memory"]);
    let token = cloud.token();
    let post = |path: &str, body: Value| cloud.vault("POST", path, &token, &body);
    // 32 bytes and 31, in base64url
    let (digest, short) = ("A".repeat(42) + "A", "A".repeat(42));
    for (key, algorithm) in [
        (json!({"kty": "RSA"}), "PS256"),
        (json!({"kty": "EC", "crv": "P-256"}), "ES256"),
        (json!({"kty": "EC", "crv": "P-256K"}), "ES256K"),
    ] {
        let name = algorithm.to_lowercase();
        assert_eq!(post(&format!("/keys/{name}/create"), key).0, 200);
        let signed = post(
            &format!("/keys/{name}/sign"),
            json!({"alg": algorithm, "value": digest}),
        )
        .1;
        let mut check = json!({"alg": algorithm, "digest": digest, "value": signed["value"]});
        let at = format!("/keys/{name}/verify");
        assert_eq!(
            post(&at, check.clone()).1,
            json!({"value": true}),
            "{algorithm}"
        );
        check["digest"] = json!(format!("B{}", "A".repeat(42)));
        assert_eq!(post(&at, check).1, json!({"value": false}), "{algorithm}");
        let sign = |alg: &str, value: &str| {
            post(
                &format!("/keys/{name}/sign"),
                json!({"alg": alg, "value": value}),
            )
            .0
        };
        assert_eq!(
            (
                sign("RS384", &digest),
                sign(algorithm, &short),
                sign("none", &digest)
            ),
            (400, 400, 400)
        );
    }
    assert_eq!(
        post(
            "/keys/es256/encrypt",
            json!({"alg": "RSA-OAEP", "value": "AA"})
        )
        .0,
        403
    );
    let only = json!({"key_ops": ["verify"]});
    assert_eq!(cloud.vault("PATCH", "/keys/ps256", &token, &only).0, 200);
    let (status, body) = post("/keys/ps256/sign", json!({"alg": "PS256", "value": digest}));
    assert_eq!(
        (status, &body["error"]["innererror"]["code"]),
        (403, &json!("KeyOperationForbidden"))
    );
    let ended = json!({"attributes": {"exp": 10}});
    cloud.vault("PATCH", "/keys/es256", &token, &ended);
    let (status, body) = post("/keys/es256/sign", json!({"alg": "ES256", "value": digest}));
    assert_eq!(
        (status, &body["error"]["innererror"]["code"]),
        (403, &json!("KeyExpired"))
    );
    for (name, wanted) in [
        ("a", json!({"kty": "oct"})),
        ("b", json!({"kty": "RSA", "key_size": 1024})),
        ("c", json!({"kty": "RSA", "key_ops": ["fly"]})),
    ] {
        assert_eq!(post(&format!("/keys/{name}/create"), wanted).0, 400);
    }
}

/// Runs openssl in a folder; `None` where this machine has none.
pub(crate) fn openssl(folder: &Path, arguments: &[&str]) -> Option<std::process::Output> {
    Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .ok()
}

#[test]
fn a_certificate_brings_its_key_and_its_secret() {
    let cloud = Cloud::start(scratch(), &["--in-memory"]);
    let token = cloud.token();
    let ask = |method: &str, path: &str, body: Value| cloud.vault(method, path, &token, &body);
    let policy = json!({"issuer": {"name": "Self"}, "key_props": {"kty": "EC"}, "x509_props": {"subject": "CN=web.example"}});
    let (status, pending) = ask(
        "POST",
        "/certificates/web/create",
        json!({"policy": policy}),
    );
    assert_eq!((status, &pending["status"]), (202, &json!("inProgress")));
    let (_, pending) = ask("GET", "/certificates/web/pending", Value::Null);
    assert_eq!(pending["status"], "completed");
    let (_, made) = ask("GET", "/certificates/web", Value::Null);
    let (_, secret) = ask("GET", "/secrets/web", Value::Null);
    assert_eq!(
        (&secret["id"], &secret["kid"], &secret["managed"]),
        (&made["sid"], &made["kid"], &json!(true))
    );
    assert_eq!(secret["contentType"], "application/x-pkcs12");
    // what belongs to a certificate changes with it alone
    assert_eq!(ask("DELETE", "/secrets/web", Value::Null).0, 403);
    assert_eq!(ask("PUT", "/secrets/web", json!({"value": "x"})).0, 403);
    let enabled = |on: bool| json!({"attributes": {"enabled": on}});
    ask("PATCH", "/certificates/web", enabled(false));
    assert_eq!(ask("GET", "/secrets/web", Value::Null).0, 403);
    let body = json!({"alg": "ES256", "value": "A".repeat(43)});
    assert_eq!(ask("POST", "/keys/web/sign", body).0, 403);
    ask("PATCH", "/certificates/web", enabled(true));
    assert_eq!(ask("GET", "/secrets/web", Value::Null).0, 200);
    ask("PUT", "/secrets/taken", json!({"value": "x"}));
    let taken = ask(
        "POST",
        "/certificates/taken/create",
        json!({"policy": policy}),
    );
    assert_eq!(taken.0, 409);
    // what is absent says so, and is not taken for a certificate of that name
    assert_eq!(ask("POST", "/rng", json!({"count": 1})).0, 400);
    assert_eq!(ask("GET", "/nothing", Value::Null).0, 404);
    assert_eq!(ask("PUT", "/secrets", json!({})).0, 405);
    for path in ["/certificates/contacts", "/certificates/issuers/mine"] {
        assert_eq!(ask("GET", path, Value::Null).0, 404, "{path}");
    }
    let unknown = json!({"policy": {"issuer": {"name": "DigiCert"}}});
    assert_eq!(ask("POST", "/certificates/x/create", unknown).0, 400);
    let nothing = json!({"value": "bm90aGluZw=="});
    assert_eq!(ask("POST", "/certificates/x/import", nothing).0, 400);

    let folder = scratch();
    let file = folder.join("web.pfx");
    let value = secret["value"].as_str().unwrap();
    std::fs::write(&file, STANDARD.decode(value).unwrap()).unwrap();
    let read = ["pkcs12", "-in", "web.pfx", "-passin", "pass:", "-nodes"];
    let Some(read) = openssl(&folder, &read) else {
        skipped(
            "a_certificate_brings_its_key_and_its_secret",
            "there is no openssl",
        );
        return;
    };
    assert!(
        read.status.success() && out(&read).contains("PRIVATE KEY"),
        "{read:?}"
    );
    std::fs::write(folder.join("web.pem"), out(&read)).unwrap();
    let write = [
        "pkcs12",
        "-export",
        "-in",
        "web.pem",
        "-out",
        "again.pfx",
        "-passout",
        "pass:hard",
    ];
    let write = openssl(&folder, &write).unwrap();
    assert!(write.status.success(), "{write:?}");
    let again = STANDARD.encode(std::fs::read(folder.join("again.pfx")).unwrap());
    let import = |password: &str| {
        let body = json!({"value": again, "pwd": password});
        ask("POST", "/certificates/again/import", body)
    };
    assert_eq!(import("soft").0, 400);
    let (status, imported) = import("hard");
    assert_eq!((status, &imported["x5t"]), (200, &made["x5t"]));

    // a signature of the vault, in openssl's eyes
    std::fs::write(folder.join("text"), "signed").unwrap();
    let digest = openssl(&folder, &["dgst", "-sha256", "-binary", "text"])
        .unwrap()
        .stdout;
    let body = json!({"alg": "ES256", "value": URL_SAFE_NO_PAD.encode(digest)});
    let signed = ask("POST", "/keys/web/sign", body).1["value"].clone();
    let signed = URL_SAFE_NO_PAD.decode(signed.as_str().unwrap()).unwrap();
    std::fs::write(folder.join("signature"), as_der(&signed)).unwrap();
    let public = openssl(
        &folder,
        &[
            "x509", "-in", "web.pem", "-pubkey", "-noout", "-out", "web.pub",
        ],
    );
    assert!(public.unwrap().status.success());
    let verify = [
        "dgst",
        "-sha256",
        "-verify",
        "web.pub",
        "-signature",
        "signature",
        "text",
    ];
    let verified = openssl(&folder, &verify).unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

/// A signature r‖s of 64 bytes as openssl writes it.
fn as_der(signature: &[u8]) -> Vec<u8> {
    let number = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|digit| **digit == 0).count();
        let bare = &digits[zeros..];
        let sign: &[u8] = if bare[0] < 0x80 { &[] } else { &[0] };
        let length = u8::try_from(sign.len() + bare.len()).unwrap();
        [&[2, length], sign, bare].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let both = [number(r), number(s)].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], both.as_slice()].concat()
}
