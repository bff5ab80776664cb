//! How long the first command builds from nothing.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::{Spread, print};
use crate::shell::{self, cargo, root};

/// Builds what the first command in the README builds, in a folder of its own.
pub(super) fn build() -> Result<(), String> {
    let target: PathBuf = root().join("target/bench-build");
    // it is not there the first time
    let _ = std::fs::remove_dir_all(&target);
    shell::run(cargo(&["fetch", "--locked"]))?;
    let mut command = cargo(&["build", "--release", "--quiet"]);
    command.env("CARGO_TARGET_DIR", &target);
    let begun = Instant::now();
    let done = shell::run(command);
    let took = begun.elapsed().as_secs_f64();
    let _ = std::fs::remove_dir_all(&target);
    done?;
    print(&json!({"build": Spread::new(vec![took]).tell("the first command builds", "s")}))
}
