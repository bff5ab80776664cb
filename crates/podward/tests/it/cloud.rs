//! `podward cloud` by itself.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use podward_http::{HttpClient, Overrides};
use serde_json::{Value, json};

use crate::harness::{PODWARD, Up, err, out, podward, scratch};

/// A cloud that runs, and a client that trusts it.
pub(crate) struct Cloud {
    pub(crate) process: Up,
    pub(crate) ready: Value,
    client: HttpClient,
    runtime: tokio::runtime::Runtime,
}

impl Cloud {
    fn start(data: PathBuf, arguments: &[&str]) -> Self {
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
        let address = ready["address"].as_str().unwrap().parse().unwrap();
        let hosts = ["login.localhost", "*.vault.localhost"];
        let overrides: Overrides = hosts.map(|host| (host.to_owned(), address)).into();
        let ca = std::fs::read_to_string(ready["caFile"].as_str().unwrap()).unwrap();
        Self {
            process,
            ready,
            client: HttpClient::new(&ca, overrides).unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        }
    }

    /// Asks the metadata service, with these headers more.
    fn metadata(&self, path: &str, headers: &str) -> (u16, Value) {
        let address = self.ready["metadata"]
            .as_str()
            .unwrap()
            .trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap())
    }

    /// A token of the machine's own identity, for the vaults.
    fn token(&self) -> String {
        let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
        let (status, body) = self.metadata(path, "Metadata: true\r\n");
        assert_eq!(status, 200, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Asks the vault `dev`.
    fn vault(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let base = self.ready["vaults"][0]["url"].as_str().unwrap();
        let separator = if path.contains('?') { '&' } else { '?' };
        let request = hyper::Request::builder()
            .method(method)
            .uri(format!("{base}{path}{separator}api-version=7.6"))
            .header("authorization", format!("Bearer {token}"))
            .body(if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            })
            .unwrap();
        let answer = self.runtime.block_on(self.client.send(request)).unwrap();
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.status.as_u16(), body)
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
