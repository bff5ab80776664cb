//! `podward cloud`: how fast it starts and answers, and what it takes for it.

mod load;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Goal, cpu, mebibytes, told};
use super::{Spread, print};
use crate::shell::{self, cargo, output, program, root};
use crate::test::{in_path_as, install};
use load::Load;

/// Starts of which the median is told.
const RUNS: usize = 15;
/// Where the metadata service of the clouds listens that are started for their time.
const METADATA_PORT: &str = "18169";
const TENANT: &str = "6e1a4f0d-3b52-4c8e-9d07-5a2f8c61b394";
const CLIENT: &str = "4f0a6a3c-52a7-4a05-9d5b-6a1d3a4c7f10";
/// Secrets of which the memory is told.
const SECRETS: usize = 10_000;
/// Secrets that are wanted in a second.
const RATE: f64 = 30_000.0;

pub(super) fn cloud() -> Result<(), String> {
    install("wrk", in_path_as("wrk"))?;
    install("openssl", in_path_as("openssl"))?;
    shell::run(cargo(&["build", "--profile", "dist"]))?;
    let podward = root().join("target/dist/podward");
    let scratch = std::env::temp_dir().join(format!("podward-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    let goals = measure(&podward, &scratch);
    // what is left of it is in the way of nobody
    let _ = std::fs::remove_dir_all(&scratch);
    print(&told(&goals?))
}

fn measure(podward: &Path, scratch: &Path) -> Result<Vec<Goal>, String> {
    let mut all = Vec::new();
    let mut tell = |name: &str, value, unit, most, least| {
        all.push(Goal {
            name: name.into(),
            value,
            unit,
            most,
            least,
        });
    };
    let file = scratch.join("cloud.yaml");
    std::fs::write(&file, config().to_string()).map_err(|e| e.to_string())?;
    let kept = scratch.join("kept").to_string_lossy().into_owned();
    let starts = |how: &[&str]| -> Result<f64, String> {
        let runs = (0..RUNS).map(|_| first_answer(podward, &file, how));
        Ok(Spread::new(runs.collect::<Result<_, _>>()?).at(0.5))
    };
    tell(
        "start to first answer, in memory",
        starts(&["--in-memory"])?,
        "ms",
        Some(50.0),
        None,
    );
    first_answer(podward, &file, &["--data", &kept])?;
    tell(
        "start to first answer, with a data folder",
        starts(&["--data", &kept])?,
        "ms",
        Some(50.0),
        None,
    );

    for (how, called) in [
        (&["--in-memory"] as &[&str], "in memory"),
        (&["--data", &kept], "kept and logged"),
    ] {
        let cloud = Running::start(podward, &file, how)?;
        let memory = |of: &str| format!("memory {of}, {called}");
        tell(
            &memory("after the start"),
            cloud.mebibytes()?,
            "MiB",
            Some(15.0),
            None,
        );
        let load = Load::new(&cloud, scratch)?;
        load.set_secrets(SECRETS)?;
        tell(
            &memory("with 10,000 secrets"),
            cloud.mebibytes()?,
            "MiB",
            Some(30.0),
            None,
        );
        let get = |what: &str| format!("secret GET, {called}{what}");
        let got = load.secrets(SECRETS)?;
        tell(&get(""), got.rate, "/s", None, Some(RATE));
        tell(&get(": CPU time"), got.cpu, "us", None, None);
        tell(&get(": p99 at full load"), got.p99, "ms", None, None);
        let got = load.paced_secrets(SECRETS)?;
        tell(&get(", paced"), got.rate, "/s", None, Some(RATE));
        tell(&get(", paced: p99"), got.p99, "ms", Some(2.0), None);
        if how.contains(&"--data") {
            let tokens = load.tokens()?;
            tell("tokens issued", tokens.rate, "/s", None, None);
            tell(
                "tokens issued: CPU time of one",
                tokens.cpu,
                "us",
                None,
                None,
            );
            let openssl = openssl()?;
            tell("openssl speed rsa2048, one core", openssl, "/s", None, None);
            let sign = load.signatures()?;
            tell(
                "RSA-2048 sign over one connection",
                sign.rate,
                "/s",
                None,
                Some(openssl * 0.7),
            );
            tell(
                "RSA-2048 sign over one connection: CPU time",
                sign.cpu,
                "us",
                None,
                None,
            );
            tell(
                "RSA-2048 sign in the process",
                in_process()?,
                "/s",
                None,
                Some(openssl * 0.9),
            );
        }
    }
    Ok(all)
}

fn config() -> Value {
    let all = json!(["all"]);
    json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "tenants": [{"id": TENANT, "name": "bench", "applications": [
            {"name": "bench", "clientId": CLIENT, "clientSecrets": ["bench"]}],
            "managedIdentities": [{"name": "machine", "clientId": "2c9d7b35-f840-4a16-b3ce-81f0d6e52a97", "systemAssigned": true}]}],
        "vaults": [{"name": "dev", "tenant": "bench", "keys": [{"name": "k", "type": "RSA"}],
            "access": [{"identity": "machine", "secrets": all, "keys": all}]}],
    })
}

/// Milliseconds from the start of the process until it has answered a request.
fn first_answer(podward: &Path, file: &Path, how: &[&str]) -> Result<f64, String> {
    let begun = Instant::now();
    let cloud = Running::spawn(podward, file, how, METADATA_PORT)?;
    let address = format!("127.0.0.1:{METADATA_PORT}");
    while begun.elapsed() < Duration::from_secs(10) {
        if get(&address, "/metadata/versions").is_ok() {
            let time = begun.elapsed().as_secs_f64() * 1000.0;
            drop(cloud);
            return Ok(time);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Err("podward cloud does not answer".into())
}

/// Asks the metadata service.
fn get(address: &str, path: &str) -> Result<Value, String> {
    let failed = |e: std::io::Error| e.to_string();
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nMetadata: true\r\nConnection: close\r\n\r\n"
    )
    .map_err(failed)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(failed)?;
    let (_, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    serde_json::from_str(body).map_err(|e| e.to_string())
}

/// Signatures in a second that openssl makes on one core.
fn openssl() -> Result<f64, String> {
    let text = output(program(
        "openssl",
        &["speed", "-seconds", "3", "-mr", "rsa2048"],
    ))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().rfind(|line| line.starts_with("+F2:"));
    let number = line.and_then(|line| line.split(':').nth(3)?.parse::<f64>().ok());
    // older ones tell the time of one
    number
        .map(|number| if number < 1.0 { 1.0 / number } else { number })
        .ok_or_else(|| format!("openssl speed said: {text}"))
}

/// The same by a vault, without the network.
fn in_process() -> Result<f64, String> {
    let bench = [
        "bench",
        "--quiet",
        "--package",
        "podward-cloud",
        "--bench",
        "sign",
        "--profile",
        "dist",
    ];
    let text = output(cargo(&bench))?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let number = text.lines().rev().find_map(|line| line.trim().parse().ok());
    number.ok_or_else(|| format!("the benchmark said: {text}"))
}

/// A cloud that runs until it is dropped.
pub(super) struct Running {
    child: Child,
    ready: Value,
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // it has ended already where something went wrong
        let _ = output(program("kill", &[&pid]));
        let _ = self.child.wait();
    }
}

impl Running {
    fn spawn(podward: &Path, file: &Path, how: &[&str], metadata: &str) -> Result<Self, String> {
        let mut command = program(
            &podward.to_string_lossy(),
            &[
                "cloud",
                "-o",
                "json",
                "--port",
                "0",
                "--metadata-port",
                metadata,
            ],
        );
        command
            .arg("--config")
            .arg(file)
            .args(how)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let child = command.spawn().map_err(|e| format!("podward cloud: {e}"))?;
        Ok(Self {
            child,
            ready: Value::Null,
        })
    }

    fn start(podward: &Path, file: &Path, how: &[&str]) -> Result<Self, String> {
        let mut cloud = Self::spawn(podward, file, how, "0")?;
        let mut line = String::new();
        if let Some(out) = cloud.child.stdout.as_mut() {
            BufReader::new(out)
                .read_line(&mut line)
                .map_err(|e| e.to_string())?;
        }
        cloud.ready =
            serde_json::from_str(&line).map_err(|_no_event| "podward cloud did not start")?;
        Ok(cloud)
    }

    fn text(&self, field: &str) -> Result<&str, String> {
        let found = self.ready.get(field).and_then(Value::as_str);
        found.ok_or_else(|| format!("the event ready has no {field}"))
    }

    /// Resident memory.
    fn mebibytes(&self) -> Result<f64, String> {
        mebibytes(self.child.id())
    }

    /// Seconds of processors that it has used.
    fn cpu(&self) -> Result<f64, String> {
        cpu(self.child.id())
    }
}
