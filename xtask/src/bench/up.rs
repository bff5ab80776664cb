//! `podward up`: how fast it starts, what it takes, how long a warm token takes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Spread, TOKEN_CLIENT, print};
use crate::shell::{self, cargo, output, program, root};

/// Runs of which the median is told.
const RUNS: usize = 15;
/// Token requests that are timed, after some that are not.
const REQUESTS: usize = 10_000;
const WARM_UP: usize = 200;
/// Where a pod asks for tokens, and what it asks.
const DOOR: &str = "169.254.169.254:80";
const QUERY: &str = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net HTTP/1.1\r\nHost: 169.254.169.254\r\nMetadata: true\r\n\r\n";

pub(super) fn up() -> Result<(), String> {
    shell::run(cargo(&["build", "--profile", "dist"]))?;
    let podward = root().join("target/dist/podward");
    let scratch = std::env::temp_dir().join(format!("podward-bench-{}", std::process::id()));
    let figures = measure(&podward, &scratch);
    // what is left of it is in the way of nobody
    let _ = std::fs::remove_dir_all(&scratch);
    print(&figures?)
}

fn measure(podward: &Path, scratch: &Path) -> Result<Value, String> {
    let mut first = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let (ready, set_up) = once(podward, &scratch.join(run.to_string()))?;
        first.0.push(ready);
        first.1.push(set_up);
    }
    let state = scratch.join("0");
    let mut again = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (ready, set_up) = once(podward, &state)?;
        again.0.push(ready);
        again.1.push(set_up);
    }
    let mut staying = Staying::start(podward, &state)?;
    let resident = staying.resident()?;
    let token = staying.token(podward, &state)?;
    staying.stop()?;
    Ok(json!({
        "firstStart": {
            "everyPodReady": Spread::new(first.0).tell("first start, until every pod is ready", "ms"),
            "everyPodSetUp": Spread::new(first.1).tell("first start, until every pod is set up", "ms"),
        },
        "laterStart": {
            "everyPodReady": Spread::new(again.0).tell("later start, until every pod is ready", "ms"),
            "everyPodSetUp": Spread::new(again.1).tell("later start, until every pod is set up", "ms"),
        },
        "resident": resident,
        "warmToken": token,
    }))
}

fn up_command(podward: &Path, state: &Path) -> Command {
    let mut command = program(
        &podward.to_string_lossy(),
        &["up", "examples/quickstart", "-o", "json"],
    );
    command
        .env("PODWARD_STATE", state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

/// One run with `--once`: milliseconds until every pod was ready, and until every pod was set up.
fn once(podward: &Path, state: &Path) -> Result<(f64, f64), String> {
    let mut command = up_command(podward, state);
    command.arg("--once");
    let text = output(command)?;
    settled(text.lines().map_while(Result::ok)).ok_or_else(|| "no pod settled".into())
}

/// What the event `settled` says.
fn settled(lines: impl Iterator<Item = String>) -> Option<(f64, f64)> {
    let mut events = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let event = events.find(|event| event.get("event").is_some_and(|e| e == "settled"))?;
    let number = |field: &str| event.get(field)?.as_f64();
    Some((number("milliseconds")?, number("setUpMilliseconds")?))
}

/// A `podward up` that stays.
struct Staying {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Staying {
    fn start(podward: &Path, state: &Path) -> Result<Self, String> {
        let mut child = up_command(podward, state)
            .spawn()
            .map_err(|e| format!("podward up: {e}"))?;
        let stdout = child.stdout.take().ok_or("podward up has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        settled(lines.by_ref().map_while(Result::ok)).ok_or("no pod settled")?;
        Ok(Self { child, lines })
    }

    /// Memory of `up`, and of it and its pods' shims together, each shared page counted once.
    fn resident(&self) -> Result<Value, String> {
        let up = self.child.id();
        let mut all = vec![up];
        let mut next = 0;
        while let Some(pid) = all.get(next).copied() {
            next += 1;
            let children = Path::new("/proc").join(format!("{pid}/task/{pid}/children"));
            let text = std::fs::read_to_string(children).unwrap_or_default();
            all.extend(
                text.split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
        let own: Vec<u32> = all
            .into_iter()
            .filter(|pid| {
                let exe = std::fs::read_link(format!("/proc/{pid}/exe"));
                exe.is_ok_and(|exe| exe.ends_with("podward"))
            })
            .collect();
        let mebibytes = |pid: u32, file: &str, field: &str| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(field))?;
            let number = line.split_whitespace().nth(0)?;
            number
                .parse::<f64>()
                .ok()
                .map(|kibibytes| kibibytes / 1024.0)
        };
        let resident = mebibytes(up, "status", "VmRSS:").ok_or("no VmRSS")?;
        let together: f64 = own
            .iter()
            .filter_map(|pid| mebibytes(*pid, "smaps_rollup", "Pss:"))
            .sum();
        let [of_up, of_all] = [
            ("resident memory of podward up", resident),
            ("the same with the shims of three pods", together),
        ]
        .map(|(name, value)| Spread::new(vec![value]).tell(name, "MiB"));
        Ok(json!({"up": of_up, "withShims": of_all}))
    }

    /// A token out of the cache, asked for inside a pod.
    fn token(&self, podward: &Path, state: &Path) -> Result<Value, String> {
        let me = std::env::current_exe().map_err(|e| e.to_string())?;
        let mut client = program(
            &podward.to_string_lossy(),
            &["exec", "legacy", "--", &me.to_string_lossy(), TOKEN_CLIENT],
        );
        client.env("PODWARD_STATE", state);
        let text = String::from_utf8_lossy(&output(client)?).into_owned();
        let all = Spread::new(text.lines().filter_map(|line| line.parse().ok()).collect());
        if all.0.len() != REQUESTS {
            return Err(format!("the client in the pod said: {text}"));
        }
        let [p50, p99] = [("p50", 0.5), ("p99", 0.99)].map(|(name, part)| {
            let value = Spread::new(vec![all.at(part)]);
            value.tell(&format!("a warm token at {DOOR}, {name}"), "ms")
        });
        Ok(json!({"p50": p50, "p99": p99}))
    }

    fn stop(&mut self) -> Result<(), String> {
        let pid = self.child.id().to_string();
        output(program("kill", &["-s", "INT", &pid]))?;
        // its output is read to the end, so that it is not held up
        self.lines.by_ref().for_each(drop);
        self.child.wait().map(drop).map_err(|e| e.to_string())
    }
}

/// The client: prints the milliseconds of each request.
pub(crate) fn token_client() -> Result<(), String> {
    let failed = |e: std::io::Error| e.to_string();
    let mut stream = TcpStream::connect(DOOR).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .map_err(failed)?;
    let mut out = String::new();
    let mut buffer = vec![0; 16 << 10];
    for request in 0..WARM_UP + REQUESTS {
        let begun = Instant::now();
        stream.write_all(QUERY.as_bytes()).map_err(failed)?;
        answer(&mut stream, &mut buffer)?;
        if request >= WARM_UP {
            out.push_str(&format!("{:.4}\n", begun.elapsed().as_secs_f64() * 1000.0));
        }
    }
    std::io::stdout().write_all(out.as_bytes()).map_err(failed)
}

/// Reads one answer, which must hold a token.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<(), String> {
    let mut have = 0;
    loop {
        let free = buffer.get_mut(have..).unwrap_or_default();
        let count = stream.read(free).map_err(|e| e.to_string())?;
        if count == 0 {
            return Err("the answer broke off".into());
        }
        have += count;
        let text = String::from_utf8_lossy(buffer.get(..have).unwrap_or_default()).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())
            .ok_or("the answer has no length")?;
        if body.len() < length {
            continue;
        }
        return if head.starts_with("HTTP/1.1 200") && body.contains("access_token") {
            Ok(())
        } else {
            Err(format!("no token: {head}"))
        };
    }
}
