//! Repository chores: `cargo xtask check`, `cargo xtask test` and `cargo xtask gen`.

mod check;
mod edges;
mod generate;
mod metadata;
mod shell;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <COMMAND>

  check   formatting, lints, documentation, crate edges, licences, second versions
  test    installs what this machine lacks and runs every test
  gen     writes what is made from Kubernetes' own types; --check only compares (needs Go)
";

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let done = match command.as_str() {
        "check" => check::run(),
        "test" => test::run(),
        "gen" => generate::run(std::env::args().nth(2).as_deref() == Some("--check")),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            shell::say(&fault);
            ExitCode::FAILURE
        }
    }
}
