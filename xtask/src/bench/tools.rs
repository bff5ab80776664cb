//! The programs that are compared: how each is installed, called, and asked what it saw.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::shell::{self, cargo, output, program, root, say};

const CHECKOV: &str = "3.3.30";
const KUBE_SCORE: &str = "1.20.0";
const LIBRARY: &str = "0.37.2";
/// Folder of what is ours of them.
const OURS: &str = "xtask/bench-policy";

/// A program, and its work on a folder of manifests.
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) command: Vec<String>,
    /// So often it is measured.
    pub(super) runs: usize,
    /// What it saw, and what it left out.
    pub(super) saw: String,
}

/// The folder into which programs are installed.
fn installed() -> PathBuf {
    root().join("target/bench-policy")
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Runs a command, whose status may tell of findings, and takes both its outputs.
fn both(command: &[String]) -> Result<(String, String), String> {
    let (name, arguments) = command.split_first().ok_or("no command")?;
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(&output.stdout), text(&output.stderr)))
}

/// podward, built as it is shipped.
pub(super) fn podward(folder: &Path) -> Result<Tool, String> {
    shell::run(cargo(&["build", "--quiet", "--profile", "dist"]))?;
    let path = shown(&root().join("target/dist/podward"));
    let command = words(&[&path, "check", "--no-render", "-o", "json", &shown(folder)]);
    let (out, _) = both(&command)?;
    let last = out.lines().last().unwrap_or_default();
    let summary: Value = serde_json::from_str(last).map_err(|e| format!("podward: {e}"))?;
    let count = |name: &str| summary.get(name).and_then(Value::as_u64).unwrap_or(0);
    Ok(Tool {
        name: format!("podward {}", env!("CARGO_PKG_VERSION")),
        command,
        runs: 15,
        saw: format!("{} files, {} workloads", count("files"), count("workloads")),
    })
}

/// Our program on the library of Kubernetes.
pub(super) fn library(folder: &Path) -> Result<Tool, String> {
    let path = shown(&installed().join("podsecurity"));
    let mut go = program("go", &["build", "-o", &path, "."]);
    go.current_dir(root().join(OURS));
    shell::run(go)?;
    let command = words(&[&path, &shown(folder)]);
    let (_, said) = both(&command)?;
    Ok(Tool {
        name: format!("k8s.io/pod-security-admission {LIBRARY}"),
        command,
        runs: 15,
        saw: format!(
            "{}; no custom resources, no older API versions",
            said.trim()
        ),
    })
}

/// kube-score, which stops at the first file it cannot decode: it is given the others.
pub(super) fn kube_score(files: &[PathBuf]) -> Result<Tool, String> {
    let package = format!("github.com/zegl/kube-score/cmd/kube-score@v{KUBE_SCORE}");
    let mut go = program("go", &["install", &package]);
    go.env("GOBIN", installed());
    shell::run(go)?;
    let mut command = words(&[
        &shown(&installed().join("kube-score")),
        "score",
        "--output-format",
        "ci",
    ]);
    let mut given = Vec::new();
    for file in files {
        let one = [command.as_slice(), &[shown(file)]].concat();
        let (_, said) = both(&one)?;
        if !said.contains("Failed to") {
            given.push(shown(file));
        }
    }
    let saw = format!(
        "{} of {} files: it ends at the first it cannot decode, so it is given the others",
        given.len(),
        files.len()
    );
    command.extend(given);
    Ok(Tool {
        name: format!("kube-score {KUBE_SCORE}"),
        command,
        runs: 7,
        saw,
    })
}

/// checkov; folders with a dot it leaves out unless it is told not to.
pub(super) fn checkov(folder: &Path, files: &[PathBuf], hidden: bool) -> Result<Tool, String> {
    let python = install_checkov()?;
    let program = shown(&python.with_file_name("checkov"));
    let mut command = words(&[
        &program,
        "--directory",
        &shown(folder),
        "--framework",
        "kubernetes",
        "--skip-download",
        "--quiet",
        "--compact",
        "-o",
        "json",
    ]);
    if hidden {
        let setting = "CKV_IGNORE_HIDDEN_DIRECTORIES=false".to_owned();
        command.splice(0..0, ["env".to_owned(), setting]);
    }
    if hidden {
        return Ok(Tool {
            name: format!("checkov {CHECKOV}, folders with a dot too"),
            command,
            runs: 1,
            saw: "the files that podward sees".to_owned(),
        });
    }
    say("checkov is asked what it sees, which takes it a while");
    let (out, said) = both(&command)?;
    let seen: Value = serde_json::from_str(&out).map_err(|e| format!("checkov: {e}: {said}"))?;
    let checks = ["/results/passed_checks", "/results/failed_checks"]
        .iter()
        .filter_map(|list| seen.pointer(list)?.as_array())
        .flatten();
    let names: BTreeSet<_> = checks
        .filter_map(|check| check.get("file_path")?.as_str())
        .collect();
    let resources = seen.pointer("/summary/resource_count");
    let resources = resources.and_then(Value::as_u64).unwrap_or(0);
    Ok(Tool {
        name: format!("checkov {CHECKOV}"),
        command,
        runs: 3,
        saw: format!(
            "{} of {} files have results, {resources} resources; it leaves out folders with a dot",
            names.len(),
            files.len(),
        ),
    })
}

/// A virtual environment with checkov, made once. Gives its Python.
fn install_checkov() -> Result<PathBuf, String> {
    let folder = installed().join("checkov");
    let python = folder.join("bin/python3");
    let says = output(program(&shown(&folder.join("bin/checkov")), &["--version"]));
    if says.is_ok_and(|version| version.trim_ascii() == CHECKOV.as_bytes()) {
        return Ok(python);
    }
    shell::run(program(
        "python3",
        &["-m", "venv", "--clear", &shown(&folder)],
    ))?;
    let wanted = format!("checkov=={CHECKOV}");
    shell::run(program(
        &shown(&python),
        &["-m", "pip", "install", "--quiet", &wanted],
    ))?;
    Ok(python)
}
