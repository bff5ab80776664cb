//! What `podward check` prints of each rule's first example, kept beside this file. Run with
//! PODWARD_UPDATE_SNAPSHOTS=1 to write them anew.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{err, out, podward, scratch};

#[test]
fn every_rule_prints_what_it_did() {
    let kept = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/snapshots");
    let update = std::env::var_os("PODWARD_UPDATE_SNAPSHOTS").is_some();
    if update {
        let _ = std::fs::remove_dir_all(&kept);
        std::fs::create_dir_all(&kept).unwrap();
    }
    let list = podward(&["explain", "--list", "-o", "json"], Path::new("/"));
    let mut names = Vec::new();
    for line in out(&list).lines() {
        let rule: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| rule[key].as_str().unwrap().to_owned();
        let (name, file) = (text("rule"), text("file"));
        // an image is no text; its own tests read one
        if file == "image" {
            continue;
        }
        let folder = scratch();
        let path = folder.join(&file);
        std::fs::write(&path, rule["fails"][0].as_str().unwrap()).unwrap();
        let path = path.to_string_lossy().into_owned();
        let version = text("asOf");
        let (profile, code) = (text("profile"), "--code");
        let arguments = [
            "check",
            "--profile",
            &profile,
            "--kubernetes-version",
            &version,
        ];
        let run = podward(&[&arguments[..], &[code, &path]].concat(), Path::new("/"));
        assert!(run.status.code() != Some(2), "{name}: {}", err(&run));
        let printed = out(&run).replace(&path, &file);
        assert!(printed.contains(&format!("[{name}]")), "{name}: {printed}");
        let snapshot = kept.join(format!("{name}.txt"));
        if update {
            std::fs::write(&snapshot, &printed).unwrap();
        }
        let before = std::fs::read_to_string(&snapshot).unwrap_or_default();
        assert_eq!(printed, before, "{name}");
        names.push(format!("{name}.txt"));
    }
    names.sort();
    let entries = std::fs::read_dir(&kept).unwrap();
    let mut there: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, names, "a snapshot of a rule that is no more");
}
