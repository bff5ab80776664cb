//! `podward check` beside other tools, on the same manifests in one run.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::tools::{self, Tool};
use super::{Spread, document, print};
use crate::shell::{cargo, output, program, root, say};

/// One file, judged from the start of the process to its end.
const SMALL: &str = "examples/quickstart/web.yaml";
const SMALL_RUNS: usize = 51;

/// What a run took.
pub(super) struct Measured {
    pub(super) name: String,
    pub(super) saw: String,
    pub(super) runs: usize,
    /// Seconds.
    pub(super) wall: f64,
    pub(super) cpu: f64,
    /// Bytes.
    pub(super) memory: f64,
}

/// All figures.
pub(super) struct Figures {
    pub(super) files: usize,
    pub(super) bytes: f64,
    /// The first is podward's.
    pub(super) tools: Vec<Measured>,
    /// MB/s of one core, by what reads.
    pub(super) readers: Vec<(String, f64)>,
    /// Seconds.
    pub(super) small: f64,
    /// What could not be installed or run.
    pub(super) missing: Vec<String>,
    /// Load of the machine at the start.
    pub(super) load: String,
}

pub(super) fn policy(slow: bool) -> Result<(), String> {
    let Some(folder) = std::env::var_os("PODWARD_CONFORMANCE") else {
        say("bench policy: skipped, PODWARD_CONFORMANCE is not set");
        return Ok(());
    };
    let folder = Path::new(&folder).join("manifests");
    let mut files = Vec::new();
    walk(&folder, &mut files)?;
    files.sort();
    let (mut all, mut missing) = (vec![tools::podward(&folder)?], Vec::new());
    let mut others = vec![
        ("the library of Pod Security", tools::library(&folder)),
        ("kube-score", tools::kube_score(&files)),
        ("checkov", tools::checkov(&folder, &files, false)),
    ];
    if slow {
        others.push(("checkov", tools::checkov(&folder, &files, true)));
    }
    for (name, tool) in others {
        match tool {
            Ok(tool) => all.push(tool),
            Err(fault) => {
                say(&fault);
                missing.push(name.to_owned());
            }
        }
    }
    let readers = readers(&folder)?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let measured: Result<Vec<_>, _> = all.iter().map(measure).collect();
    let figures = Figures {
        bytes: bytes(&files)?,
        files: files.len(),
        tools: measured?,
        readers,
        small: small()?,
        missing,
        load,
    };
    document::write(&figures)?;
    print(&json!({
        "tools": figures.tools.iter().map(|tool| json!({
            "name": tool.name, "wall": tool.wall, "cpu": tool.cpu, "memory": tool.memory,
        })).collect::<Vec<_>>(),
        "small": figures.small,
    }))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path
            .extension()
            .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
        {
            found.push(path);
        }
    }
    Ok(())
}

fn bytes(files: &[PathBuf]) -> Result<f64, String> {
    let sizes = files.iter().map(|file| {
        let about = std::fs::metadata(file).map_err(|e| e.to_string())?;
        #[expect(clippy::cast_precision_loss, reason = "a figure")]
        let size = about.len() as f64;
        Ok(size)
    });
    sizes.sum()
}

/// The figures of each run of a command: wall and CPU seconds, bytes of memory.
fn runs(command: &[String], count: usize) -> Result<[Spread; 3], String> {
    let mut python = program("python3", &["xtask/bench-policy/measure.py"]);
    python.arg(count.to_string()).args(command);
    let text = String::from_utf8_lossy(&output(python)?).into_owned();
    let all: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let of = |field: &str| {
        let numbers = all.iter().filter_map(|run| run.get(field)?.as_f64());
        Spread::new(numbers.collect())
    };
    Ok(["wall", "cpu", "memory"].map(of))
}

fn measure(tool: &Tool) -> Result<Measured, String> {
    say(&format!("{}, {} times", tool.name, tool.runs));
    let [wall, cpu, memory] = runs(&tool.command, tool.runs)?;
    wall.tell(&tool.name, "s");
    Ok(Measured {
        name: tool.name.clone(),
        saw: tool.saw.clone(),
        runs: tool.runs,
        wall: wall.at(0.5),
        cpu: cpu.at(0.5),
        memory: memory.at(0.5),
    })
}

/// Speeds of the readers alone.
fn readers(folder: &Path) -> Result<Vec<(String, f64)>, String> {
    let mut example = cargo(&["run", "--quiet", "--release", "-p", "podward-policy"]);
    example.args(["--example", "speed", "--"]).arg(folder);
    let text = String::from_utf8_lossy(&output(example)?).into_owned();
    let line = |line: &str| {
        let (name, speed) = line.split_once('\t')?;
        Some((name.to_owned(), speed.parse().ok()?))
    };
    Ok(text.lines().filter_map(line).collect())
}

fn small() -> Result<f64, String> {
    let podward = root().join("target/dist/podward");
    let command = [
        podward.to_string_lossy().into_owned(),
        "check".to_owned(),
        SMALL.to_owned(),
    ];
    let [wall, ..] = runs(&command, SMALL_RUNS)?;
    Ok(wall.at(0.5))
}
