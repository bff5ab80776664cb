//! The suites that `PODWARD_CONFORMANCE` names: fixtures of the Pod Security Standards and real
//! manifests, with what the Kubernetes library says of each.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// Judges every line of a list: how many there are.
fn compare(list: &Path, files: &Path) -> usize {
    let text = std::fs::read_to_string(list).unwrap();
    let mut wanted: BTreeMap<(String, String), Vec<super::Said>> = BTreeMap::new();
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| case[name].as_str().unwrap_or_default().to_owned();
        let detail = field("detail");
        let prefix = format!("violates PodSecurity \"{}\": ", field("level"));
        let sentence = detail.strip_prefix(&prefix).unwrap_or(&detail).to_owned() + &field("err");
        assert_eq!(case["allowed"] == true, sentence.is_empty());
        let doc = usize::try_from(case["doc"].as_u64().unwrap()).unwrap();
        wanted
            .entry((field("file"), field("level")))
            .or_default()
            .push((doc, field("name"), sentence));
    }
    let (mut count, mut wrong) = (0, Vec::new());
    for ((file, asked), cases) in wanted {
        let text = std::fs::read_to_string(files.join(&file)).unwrap();
        // what cannot be decoded has no level
        let (level, version) = asked.split_once(':').unwrap_or(("restricted", "latest"));
        let said = super::sentences(
            &file,
            &text,
            level.parse().unwrap(),
            version.parse().unwrap(),
        );
        for case in cases {
            count += 1;
            match &said {
                Ok(said) if said.contains(&case) => {}
                Ok(said) => {
                    let near = said
                        .iter()
                        .find(|(doc, name, _)| (*doc, name) == (case.0, &case.1));
                    wrong.push(format!("{file} {asked}\n  want {case:?}\n  said {near:?}"));
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
    let Some(folder) = super::suites("the_fixtures_of_the_standards") else {
        return;
    };
    let folder = folder.join("pod-security");
    let count = compare(
        &folder.join("expected-fixtures.jsonl"),
        &folder.join("fixtures"),
    );
    assert!(count > 1000, "only {count} cases");
}

#[test]
fn real_manifests() {
    let Some(folder) = super::suites("real_manifests") else {
        return;
    };
    let count = compare(
        &folder.join("pod-security").join("expected-manifests.jsonl"),
        &folder.join("manifests"),
    );
    assert!(count > 10_000, "only {count} cases");
}
