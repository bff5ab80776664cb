//! Files that are made from Kubernetes' own types.

use std::path::Path;

use crate::shell::{self, output, program, root, say};

/// The field table of the built-in kinds.
const TABLE: &str = "crates/podward-manifest/src/schema/kubernetes.txt";

/// Writes the files anew, or only says whether they are current.
pub(crate) fn run(only_check: bool) -> Result<(), String> {
    // modules are fetched where the network is; go.sum says what they must be
    let mut go = program("go", &["run", "."]);
    go.current_dir(root().join("xtask").join("gen"));
    say("$ go run . (in xtask/gen; the first time it builds for minutes)");
    let made = output(go).map_err(|e| format!("{e}\nthis chore needs Go and its modules"))?;
    let path = root().join(TABLE);
    if only_check {
        return compare(&path, &made);
    }
    std::fs::write(&path, &made).map_err(|e| format!("{TABLE}: {e}"))?;
    say(&format!("gen: {TABLE} is written"));
    shell::run(program("git", &["diff", "--stat", "--", TABLE]))
}

fn compare(path: &Path, made: &[u8]) -> Result<(), String> {
    let there = std::fs::read(path).map_err(|e| format!("{TABLE}: {e}"))?;
    if there == made {
        say(&format!("gen: {TABLE} is current"));
        return Ok(());
    }
    Err(format!("{TABLE} is not current: run cargo xtask gen"))
}
