//! docs/benchmarks.md, which is made of the figures.

use std::fmt::Write;

use super::policy::{Figures, Measured};
use crate::shell::{root, say};

const PATH: &str = "docs/benchmarks.md";
const MEBIBYTE: f64 = (1 << 20) as f64;

pub(super) fn write(figures: &Figures) -> Result<(), String> {
    let text = text(figures).map_err(|e| e.to_string())?;
    std::fs::write(root().join(PATH), text).map_err(|e| format!("{PATH}: {e}"))?;
    say(&format!("{PATH} is written"));
    Ok(())
}

fn text(figures: &Figures) -> Result<String, std::fmt::Error> {
    let mut out = String::from(
        "# Benchmarks\n\nMade by `cargo xtask bench policy`; do not edit it by hand.\n\n",
    );
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    writeln!(
        out,
        "`podward check --no-render -o json` beside other tools, which render nothing either, in one run on the same {} files, {:.1} MB of manifests of seven public repositories, on {cores} cores of a Linux machine whose load was {} before{}. Wall and CPU time and peak memory of the whole process, output thrown away; medians.\n",
        figures.files,
        figures.bytes / 1e6,
        figures.load,
        if figures.load.parse::<f64>().is_ok_and(|load| load < 0.5) {
            ""
        } else {
            ": other work took part of it, and every wall time is longer than it need be"
        },
    )?;
    out.push_str("| tool | wall | CPU | memory | wall against podward | runs | what it saw |\n|-|-|-|-|-|-|-|\n");
    let Some(podward) = figures.tools.first() else {
        return Ok(out);
    };
    for tool in &figures.tools {
        writeln!(
            out,
            "| {} | {} | {} | {:.1} MiB | {} | {} | {} |",
            tool.name,
            seconds(tool.wall),
            seconds(tool.cpu),
            tool.memory / MEBIBYTE,
            ratio(tool.wall / podward.wall),
            tool.runs,
            tool.saw,
        )?;
    }
    for name in &figures.missing {
        writeln!(
            out,
            "\n{name} could not be installed or run, and is left out."
        )?;
    }
    out.push_str("\nThe tools do not do the same work. The library gives a verdict by the 19 controls of one profile and no place; kube-score and checkov have rules of other kinds. podward judges by the same controls, checks every field and type, looks for credentials, and writes each finding with its place and its mend.\n\n");
    out.push_str("| one core | MB/s |\n|-|-|\n");
    for (name, speed) in &figures.readers {
        writeln!(out, "| {name} | {speed:.0} |")?;
    }
    let whole = figures.bytes / podward.cpu / 1e6;
    writeln!(
        out,
        "| `podward check --no-render -o json`, from the start of the process to the last finding written | {whole:.0} |\n"
    )?;
    out.push_str("| goal | measured | met |\n|-|-|-|\n");
    for (goal, measured, met) in goals(figures, podward) {
        writeln!(
            out,
            "| {goal} | {measured} | {} |",
            if met { "yes" } else { "no" }
        )?;
    }
    Ok(out)
}

/// Goals, what was measured, and whether they are met.
fn goals(figures: &Figures, podward: &Measured) -> Vec<(&'static str, String, bool)> {
    let against = |name: &str| {
        let tool = figures.tools.iter().find(|tool| tool.name.contains(name));
        tool.map(|tool| tool.wall / podward.wall)
    };
    let mut goals = Vec::new();
    let same = against("folders with a dot").map(|times| {
        (
            "at least 200 times as fast as checkov on the same files",
            times,
        )
    });
    let fewer = || {
        against("checkov").map(|times| {
            (
                "at least 200 times as fast as checkov, which sees fewer files",
                times,
            )
        })
    };
    if let Some((goal, times)) = same.or_else(fewer) {
        goals.push((goal, ratio(times), times >= 200.0));
    }
    if let Some(times) = against("pod-security-admission") {
        goals.push((
            "not slower than the library of Pod Security",
            ratio(times),
            times >= 1.0,
        ));
    }
    let memory = podward.memory / MEBIBYTE;
    let judging = figures
        .readers
        .iter()
        .find(|(name, _)| name.contains("findings"));
    if let Some((_, speed)) = judging {
        goals.push((
            "40 MB/s a core from bytes to findings",
            format!("{speed:.0} MB/s"),
            *speed >= 40.0,
        ));
    }
    goals.push((
        "memory below 60 MiB",
        format!("{memory:.1} MiB"),
        memory < 60.0,
    ));
    goals.push((
        "one small file below 5 ms, from start to exit",
        format!("{:.1} ms", figures.small * 1e3),
        figures.small < 0.005,
    ));
    goals
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else {
        format!("{seconds:.1} s")
    }
}

fn ratio(times: f64) -> String {
    if times < 10.0 {
        format!("{times:.1} times")
    } else {
        format!("{times:.0} times")
    }
}
