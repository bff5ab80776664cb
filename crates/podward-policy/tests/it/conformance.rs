//! The suites that `PODWARD_CONFORMANCE` names: fixtures of the Pod Security Standards and real
//! manifests, with what the Kubernetes library says of each.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use podward_policy::Level;
use serde_json::Value;

/// The suites, or a word that they are not here.
fn suites(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PODWARD_CONFORMANCE");
    if folder.is_none() {
        // not by a macro, whose output a passing test hides
        let _ = writeln!(
            std::io::stderr(),
            "{test}: skipped, PODWARD_CONFORMANCE is not set"
        );
    }
    folder.map(PathBuf::from)
}

/// Judges every line of a list whose version is among those that mean the latest rules.
fn compare(list: &Path, files: &Path, versions: &[&str]) -> usize {
    let text = std::fs::read_to_string(list).unwrap();
    let mut wanted: BTreeMap<(String, Level), Vec<super::Said>> = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let Some((level, version)) = case["level"].as_str().and_then(|l| l.split_once(':')) else {
            continue;
        };
        if !versions.contains(&version) {
            continue;
        }
        let detail = case["detail"].as_str().unwrap_or_default();
        let prefix = format!("violates PodSecurity \"{level}:{version}\": ");
        wanted
            .entry((
                case["file"].as_str().unwrap().to_owned(),
                level.parse().unwrap(),
            ))
            .or_default()
            .push((
                usize::try_from(case["doc"].as_u64().unwrap()).unwrap(),
                case["name"].as_str().unwrap_or_default().to_owned(),
                detail.strip_prefix(&prefix).unwrap_or(detail).to_owned(),
            ));
    }
    let (mut count, mut wrong) = (0, Vec::new());
    for ((file, level), cases) in wanted {
        let text = std::fs::read_to_string(files.join(&file)).unwrap();
        let said = super::sentences(&file, &text, level);
        for case in cases {
            count += 1;
            match &said {
                Ok(said) if said.contains(&case) => {}
                Ok(said) => {
                    let near = said
                        .iter()
                        .find(|(doc, name, _)| (*doc, name) == (case.0, &case.1));
                    wrong.push(format!("{file} {level}\n  want {case:?}\n  said {near:?}"));
                }
                Err(error) => wrong.push(format!("{file}: {error}")),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    count
}

#[test]
fn the_fixtures_of_the_standards() {
    let Some(folder) = suites("the_fixtures_of_the_standards") else {
        return;
    };
    let folder = folder.join("pod-security");
    // what 1.37 adds to 1.36 are two sysctls, which no fixture of 1.36 refuses
    let count = compare(
        &folder.join("expected-fixtures.jsonl"),
        &folder.join("fixtures"),
        &["v1.35", "v1.36", "v1.37", "latest"],
    );
    assert!(count > 100, "only {count} cases");
}

#[test]
fn real_manifests() {
    let Some(folder) = suites("real_manifests") else {
        return;
    };
    let count = compare(
        &folder.join("pod-security").join("expected-manifests.jsonl"),
        &folder.join("manifests"),
        &["latest"],
    );
    assert!(count > 1000, "only {count} cases");
}
