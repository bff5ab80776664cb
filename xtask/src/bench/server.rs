//! What a server takes for the requests of wrk, and how that compares with what was wanted.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::shell::{output, program, say};

/// A figure and what was wanted of it.
pub(super) struct Goal {
    pub(super) name: String,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) most: Option<f64>,
    pub(super) least: Option<f64>,
}

/// A table of the figures, with the goals that are met and those that are not.
pub(super) fn told(goals: &[Goal]) -> Value {
    let mut figures = Map::new();
    for goal in goals {
        let met = goal.most.is_none_or(|most| goal.value <= most)
            && goal.least.is_none_or(|least| goal.value >= least);
        let wanted = match (goal.most, goal.least) {
            (Some(most), _) => format!("at most {most:.0}"),
            (None, Some(least)) => format!("at least {least:.0}"),
            (None, None) => String::new(),
        };
        let verdict = match (wanted.is_empty(), met) {
            (true, _) => "",
            (false, true) => "met",
            (false, false) => "NOT MET",
        };
        let Goal {
            name, value, unit, ..
        } = goal;
        say(&format!(
            "{name:<62} {value:>10.2} {unit:<5} {wanted:<16} {verdict}"
        ));
        figures.insert(
            name.clone(),
            json!({"value": value, "unit": unit, "goal": wanted, "met": met}),
        );
    }
    Value::Object(figures)
}

/// What wrk tells.
pub(super) struct Told {
    /// Requests that were answered.
    pub(super) count: f64,
    /// Of them in a second.
    pub(super) rate: f64,
    /// Milliseconds in which 99 of 100 were answered.
    pub(super) p99: f64,
}

/// Runs wrk with a script, on so many connections and threads for so many seconds. An answer that is no success is an
/// error.
pub(super) fn wrk(
    url: &str,
    script: &Path,
    (connections, threads, seconds): (&str, &str, &str),
) -> Result<Told, String> {
    let seconds = format!("{seconds}s");
    let mut wrk = program(
        "wrk",
        &[
            "--latency",
            "-c",
            connections,
            "-t",
            threads,
            "-d",
            &seconds,
            "-s",
        ],
    );
    wrk.arg(script).arg(url);
    let text = output(wrk)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let failed = || format!("wrk said: {text}");
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(failed());
    }
    let number = |start: &str| {
        let mut lines = text.lines().map(str::trim);
        lines
            .find_map(|line| line.strip_prefix(start))
            .map(str::trim)
    };
    let requests = text
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "));
    let count = requests.and_then(|(count, _)| count.parse().ok());
    Ok(Told {
        count: count.ok_or_else(failed)?,
        rate: number("Requests/sec:")
            .and_then(|text| text.parse().ok())
            .ok_or_else(failed)?,
        p99: number("99%").and_then(milliseconds).ok_or_else(failed)?,
    })
}

/// A time as wrk writes it.
fn milliseconds(text: &str) -> Option<f64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(at)?;
    let number: f64 = number.parse().ok()?;
    match unit {
        "us" => Some(number / 1000.0),
        "ms" => Some(number),
        "s" => Some(number * 1000.0),
        _ => None,
    }
}

fn proc(pid: u32, file: &str) -> Result<String, String> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))
}

/// Resident memory of a process.
pub(super) fn mebibytes(pid: u32) -> Result<f64, String> {
    let status = proc(pid, "status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number
        .map(|kibibytes| kibibytes / 1024.0)
        .ok_or_else(|| "no VmRSS".into())
}

/// Seconds of processors that a process has used, of user and system. The kernel counts hundredths.
pub(super) fn cpu(pid: u32) -> Result<f64, String> {
    let stat = proc(pid, "stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("no fields")?;
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    Ok(ticks / 100.0)
}
