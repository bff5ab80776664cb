//! Repository chores: `cargo xtask` lists them.

mod bench;
mod check;
mod cluster;
mod conformance;
mod e2e;
mod edges;
mod fuzz;
mod generate;
mod metadata;
mod sdk;
mod shell;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <COMMAND>

  check   formatting, lints, documentation, crate edges, licences, second versions
  test    installs what this machine lacks, runs every test, fuzzes for ten seconds, and runs
          the end-to-end tests where there are root and Go; with --every-sdk it is
          an error, and no reason to skip, that a language of an Azure SDK is not installed
  cluster up | down | run -- CMD… | apiserver  a Kubernetes of one node on this machine, for tests: needs root and
          Go; docs/cluster.md
  e2e [admission|identity|secrets…]  the end-to-end tests, all or these parts, on that cluster
  conformance [-- CMD…]  starts the local cloud and runs CMD with the options of the suite for the Azure SDKs
          appended; without CMD, that suite from the folder that PODWARD_CONFORMANCE names
  sdk [javascript|go|rust…]  runs the suites of e2e/sdk against the local cloud
  bench   prints figures: `cargo xtask bench` lists them
  fuzz    drawn inputs against the readers: --seconds N (10), --seed N (1), --target NAME, --case N
  gen     writes what is made from Kubernetes' own types; --check only compares (needs Go)
  rules   writes docs/rules from the text of the rules
";

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let done = match command.as_str() {
        "check" => check::run(),
        "test" => test::run(std::env::args().nth(2).as_deref() == Some("--every-sdk")),
        "sdk" => sdk::run(&std::env::args().skip(2).collect::<Vec<_>>(), true),
        "bench" => bench::run(
            &std::env::args().nth(2).unwrap_or_default(),
            std::env::args().nth(3).as_deref() == Some("--slow"),
        ),
        "cluster" => match cluster::verb(&std::env::args().skip(2).collect::<Vec<_>>()) {
            Ok(code) => return ExitCode::from(code),
            Err(fault) => Err(fault),
        },
        "conformance" => {
            let rest = std::env::args().skip(2).collect::<Vec<_>>();
            let command = rest.strip_prefix(&["--".to_owned()]).unwrap_or(&rest);
            conformance::run(command)
        }
        bench::TOKEN_CLIENT => bench::token_client(),
        "e2e" => e2e::run(&std::env::args().skip(2).collect::<Vec<_>>()),
        "fuzz" => fuzz::run(&std::env::args().skip(2).collect::<Vec<_>>()),
        "gen" => generate::run(std::env::args().nth(2).as_deref() == Some("--check")),
        "rules" => shell::run(shell::cargo(&[
            "run",
            "--quiet",
            "--",
            "explain",
            "--markdown",
            "docs/rules",
        ])),
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
