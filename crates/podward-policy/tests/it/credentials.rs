//! What is found in real manifests, every line of it looked at, and what must not be found.

use std::io::Write;
use std::path::{Path, PathBuf};

use podward_manifest::{objects_found, parse};
use podward_policy::{Finding, Reading, credentials_in, credentials_of};

/// The files below a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.push(path);
            }
        }
    }
    all.sort();
    all
}

/// The findings of a file; none where it is no YAML.
fn findings(path: &str, text: &str) -> Vec<Finding> {
    let documents = parse(path, text).unwrap_or_default();
    let objects = documents.into_iter().flat_map(objects_found);
    objects.flat_map(|object| credentials_of(&object)).collect()
}

/// The findings of all files, a line each.
fn told(folder: &Path) -> Vec<String> {
    let mut told = Vec::new();
    for file in files(folder) {
        let path = file.strip_prefix(folder).unwrap().display().to_string();
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        for finding in findings(&path, &text) {
            let place = format!("{path}:{}", finding.position);
            let severity = finding.severity.as_str();
            told.push(format!("{severity} {place} {}", finding.message));
        }
    }
    told
}

#[test]
fn real_manifests_hold_these() {
    let Some(folder) = super::suites("real_manifests_hold_these") else {
        return;
    };
    let told = told(&folder.join("manifests"));
    let wanted: Vec<_> = include_str!("real_manifests.txt").lines().collect();
    let more: Vec<_> = told
        .iter()
        .filter(|line| !wanted.contains(&line.as_str()))
        .collect();
    let less: Vec<_> = wanted
        .iter()
        .filter(|line| !told.iter().any(|told| told == **line))
        .collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "more: {more:#?}\nless: {less:#?}"
    );
}

#[test]
fn the_fixtures_of_the_standards_hold_none() {
    let Some(folder) = super::suites("the_fixtures_of_the_standards_hold_none") else {
        return;
    };
    let told = told(&folder.join("pod-security").join("fixtures"));
    assert!(told.is_empty(), "{told:#?}");
}

/// Megabytes a second, to be read by a person: `cargo test --release -p podward-policy -- --ignored
/// --nocapture speed`.
#[test]
#[ignore = "it measures"]
fn speed() {
    let Some(folder) = super::suites("speed") else {
        return;
    };
    let texts: Vec<_> = files(&folder.join("manifests"))
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let report = |what: &str, run: &mut dyn FnMut() -> usize| {
        let best = (0..5)
            .map(|_| {
                let start = std::time::Instant::now();
                std::hint::black_box(run());
                start.elapsed()
            })
            .min()
            .unwrap();
        let rate = bytes as f64 / best.as_secs_f64() / 1e6;
        let _ = writeln!(std::io::stderr(), "{what}: {rate:.0} MB/s, {best:?}");
    };
    let objects: Vec<_> = texts
        .iter()
        .flat_map(|text| parse("f", text).unwrap_or_default())
        .flat_map(objects_found)
        .collect();
    report("parsing", &mut || {
        texts
            .iter()
            .filter_map(|text| parse("f", text).ok())
            .map(|d| d.len())
            .sum()
    });
    report("objects", &mut || {
        objects
            .iter()
            .map(|object| credentials_of(object).len())
            .sum()
    });
    for reading in [Reading::Form, Reading::Text, Reading::Code] {
        report(&format!("{reading:?}"), &mut || {
            texts
                .iter()
                .map(|text| credentials_in(None, text, reading).len())
                .sum()
        });
    }
}
