//! Completion scripts and manual pages.

use std::path::Path;

use crate::harness::{out, podward, scratch};

#[test]
fn every_command_is_completed_and_has_a_page() {
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&podward(&["completions", shell], Path::new("/")));
        for command in ["up", "check", "fix", "exec"] {
            assert!(script.contains(command), "{shell} {command}");
        }
    }
    let folder = scratch();
    let man = podward(&["man", &folder.to_string_lossy()], Path::new("/"));
    assert_eq!(man.status.code(), Some(0));
    for page in [
        "podward.1",
        "podward-up.1",
        "podward-access-log.1",
        "podward-fix.1",
    ] {
        let text = std::fs::read_to_string(folder.join(page)).unwrap();
        assert!(text.starts_with(".ie"), "{page}: {text}");
    }
}
