//! `podward webhook`: reviews in a second, over TLS, and what one takes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::print;
use super::server::{Goal, cpu, mebibytes, told, wrk};
use crate::cluster::{Session, with_cluster};
use crate::shell::{self, cargo, output, program, root};
use crate::test::{in_path_as, install};

/// Where the reviews are answered meanwhile.
const ADDRESS: &str = "127.0.0.1:19443";
/// Seconds of each load.
const SECONDS: &str = "8";
/// How long the webhook may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn webhook() -> Result<(), String> {
    install("wrk", in_path_as("wrk"))?;
    shell::run(cargo(&["build", "--profile", "dist"]))?;
    let scratch = std::env::temp_dir().join(format!("podward-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    let session = Session::start()?;
    let figures = measure(&scratch);
    session.end()?;
    // what is left of it is in the way of nobody
    let _ = std::fs::remove_dir_all(&scratch);
    print(&told(&figures?))
}

/// Ends with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // it has ended already where something went wrong
        let _ = output(program("kill", &[&self.0.id().to_string()]));
        let _ = self.0.wait();
    }
}

fn kubectl(arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut kubectl = program("kubectl", arguments);
    with_cluster(&mut kubectl)?;
    output(kubectl)
}

fn measure(scratch: &Path) -> Result<Vec<Goal>, String> {
    // one that stands from before has them already
    let _ = kubectl(&["create", "namespace", "podward-system"]);
    let _ = kubectl(&["create", "namespace", "bench"]);
    kubectl(&[
        "label",
        "--overwrite",
        "namespace",
        "bench",
        "podward.dev/enforce=restricted",
    ])?;
    let log = scratch.join("decisions.jsonl");
    let podward = root().join("target/dist/podward");
    let mut command = program(
        &podward.to_string_lossy(),
        &[
            "webhook",
            "-o",
            "json",
            "--listen",
            ADDRESS,
            "--health",
            "127.0.0.1:0",
            "--name",
            "127.0.0.1",
        ],
    );
    with_cluster(&mut command)?;
    let out = File::create(&log).map_err(|e| e.to_string())?;
    let child = command.stdin(Stdio::null()).stdout(out).spawn();
    let running = Running(child.map_err(|e| format!("podward webhook: {e}"))?);
    let begun = Instant::now();
    while !std::fs::read_to_string(&log)
        .unwrap_or_default()
        .contains("\"ready\"")
    {
        if begun.elapsed() > PATIENCE {
            return Err("podward webhook does not become ready".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = running.0.id();
    let mut all = Vec::new();
    for (size, pause, connections, names) in [
        (
            1 << 10,
            0,
            "8",
            ["1 kB, as many as it takes", "1 kB: p99", "1 kB: CPU time"],
        ),
        (
            10 << 10,
            0,
            "8",
            [
                "10 kB, as many as it takes",
                "10 kB: p99",
                "10 kB: CPU time",
            ],
        ),
        (
            100 << 10,
            0,
            "8",
            [
                "100 kB, as many as it takes",
                "100 kB: p99",
                "100 kB: CPU time",
            ],
        ),
        (
            MIXED,
            0,
            "8",
            [
                "mixed, as many as it takes",
                "mixed: p99",
                "mixed: CPU time",
            ],
        ),
        // 16 connections that wait 7 ms between reviews
        (
            1 << 10,
            7,
            "16",
            [
                "1 kB, some 2,000 a second",
                "1 kB, some 2,000 a second: p99",
                "1 kB, some 2,000 a second: CPU time",
            ],
        ),
        (
            10 << 10,
            7,
            "16",
            [
                "10 kB, some 2,000 a second",
                "10 kB, some 2,000 a second: p99",
                "10 kB, some 2,000 a second: CPU time",
            ],
        ),
        (
            MIXED,
            7,
            "16",
            [
                "mixed, some 2,000 a second",
                "mixed, some 2,000 a second: p99",
                "mixed, some 2,000 a second: CPU time",
            ],
        ),
    ] {
        let script = script(scratch, size, pause)?;
        let before = cpu(pid)?;
        let url = format!("https://{ADDRESS}/validate");
        let done = wrk(&url, &script, (connections, "2", SECONDS))?;
        let spent = (cpu(pid)? - before) * 1e6 / done.count;
        let paced = pause > 0;
        let [rate, p99, time] = names;
        let goal = |name: &str, value, unit, most, least| Goal {
            name: name.into(),
            value,
            unit,
            most,
            least,
        };
        let least = (paced || size == MIXED).then_some(if paced { 1900.0 } else { 2000.0 });
        all.push(goal(rate, done.rate, "/s", None, least));
        all.push(goal(p99, done.p99, "ms", paced.then_some(2.0), None));
        all.push(goal(time, spent, "us", None, None));
    }
    all.push(Goal {
        name: "resident memory after that".into(),
        value: mebibytes(pid)?,
        unit: "MiB",
        most: Some(40.0),
        least: None,
    });
    Ok(all)
}

/// Of ten reviews eight of 1 kB, one of 10 kB and one of 100 kB.
const MIXED: usize = 0;

/// What wrk sends: reviews of one size, or mixed, with so many milliseconds between two of a connection.
fn script(scratch: &Path, size: usize, pause: u32) -> Result<PathBuf, String> {
    let sizes: Vec<usize> = match size {
        MIXED => [vec![1 << 10; 8], vec![10 << 10, 100 << 10]].concat(),
        size => vec![size],
    };
    let mut lua = String::from("local bodies = {}\n");
    for (index, size) in sizes.iter().enumerate() {
        let file = scratch.join(format!("review-{index}.json"));
        std::fs::write(&file, review(*size).to_string()).map_err(|e| e.to_string())?;
        lua.push_str(&format!(
            "do local f = io.open({:?}) bodies[#bodies + 1] = f:read(\"a\") f:close() end\n",
            file.to_string_lossy()
        ));
    }
    lua.push_str(
        "local n = 0\nrequest = function()\n  n = n + 1\n  return wrk.format(\"POST\", \"/validate\", {[\"Content-Type\"] = \"application/json\"}, bodies[n % #bodies + 1])\nend\n",
    );
    if pause > 0 {
        lua.push_str(&format!("delay = function() return {pause} end\n"));
    }
    let file = scratch.join("load.lua");
    std::fs::write(&file, lua).map_err(|e| e.to_string())?;
    Ok(file)
}

/// A review of a pod that meets `restricted`, as the API server sends it, filled up with variables.
fn review(size: usize) -> Value {
    let mut variables = Vec::new();
    loop {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-5d4f8c7b9-x2x7k", "generateName": "web-5d4f8c7b9-", "namespace": "bench",
                "labels": {"app": "web", "pod-template-hash": "5d4f8c7b9"}},
            "spec": {
                "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"name": "web", "image": "web:1", "env": variables,
                    "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
            },
        });
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "operation": "CREATE", "name": "web-5d4f8c7b9-x2x7k", "namespace": "bench",
                "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
                "object": pod, "oldObject": null, "dryRun": false,
            },
        });
        let missing = size.saturating_sub(review.to_string().len());
        if missing == 0 {
            return review;
        }
        for _ in 0..missing / 60 + 1 {
            let number = variables.len();
            variables.push(json!({"name": format!("SETTING_{number}"), "value": format!("https://host-{number}.shop.example/")}));
        }
    }
}
