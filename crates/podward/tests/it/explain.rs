//! `podward explain`.

use std::path::{Path, PathBuf};

use crate::harness::{err, out, podward, scratch};

#[test]
fn a_rule_is_explained_in_whatever_case_and_a_wrong_name_is_answered_with_a_near_one() {
    let run = podward(&["explain", "PRIVILEGEDport"], Path::new("/"));
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let text = out(&run);
    for part in [
        "privilegedPort: a container that is not root listens on no port below 1024",
        "warning; profile podward and stricter; fix: unsafe",
        "This breaks it:",
        "# podward: ignore[privilegedPort] REASON",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let run = podward(&["explain", "privilegedPorts"], Path::new("/"));
    assert_eq!(run.status.code(), Some(2));
    assert!(err(&run).contains("privilegedPort"), "{}", err(&run));
}

#[test]
fn the_list_has_every_rule_with_its_facts() {
    let run = podward(&["explain", "--list", "-o", "json"], Path::new("/"));
    let rules: Vec<serde_json::Value> = out(&run)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(rules.len() > 50, "{}", rules.len());
    let procs = rules
        .iter()
        .find(|rule| rule["rule"] == "procMount_restricted")
        .unwrap();
    assert_eq!(procs["severity"], "error");
    assert_eq!(procs["profile"], "restricted");
}

#[test]
fn the_documents_are_those_of_the_rules() {
    let folder = scratch();
    let made = folder.join("rules");
    let run = podward(
        &["explain", "--markdown", &made.to_string_lossy()],
        Path::new("/"),
    );
    assert_eq!(run.status.code(), Some(0), "{}", err(&run));
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules");
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&made), names(&kept), "run cargo xtask rules");
    for name in names(&made) {
        let (made, kept) = (made.join(&name), kept.join(&name));
        assert_eq!(
            std::fs::read_to_string(made).unwrap(),
            std::fs::read_to_string(kept).unwrap(),
            "{name:?} is old: run cargo xtask rules"
        );
    }
}
