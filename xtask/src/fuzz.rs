//! Drawn inputs against the readers.

use crate::shell::{self, cargo};

/// Runs the targets of `podward-fuzz` side by side; it says how a failure is repeated.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    let mut command = cargo(&["run", "--quiet", "--package", "podward-fuzz", "--"]);
    command.args(arguments);
    shell::run(command)
}
