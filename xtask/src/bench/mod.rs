//! Figures, printed as text and, last, as one JSON line.

mod build;
mod cloud;
mod document;
mod policy;
mod server;
mod tools;
mod up;
mod webhook;

use std::io::Write;

use serde_json::{Value, json};

use crate::shell::say;
pub(crate) use up::token_client;

/// The argument by which this program is the client in a pod.
pub(crate) const TOKEN_CLIENT: &str = "__token-client";

const USAGE: &str = "\
usage: cargo xtask bench <NAME>

  up      `podward up examples/quickstart --once`: time, memory, a warm token (needs root)
  cloud   `podward cloud`: start, memory, secrets, signatures, tokens (needs wrk and openssl)
  webhook `podward webhook` on the test cluster: reviews in a second (needs root, Go and wrk)
  build   how long the first command builds from nothing
  policy  `podward check` beside checkov, kube-score and the library of Pod Security; writes
          docs/benchmarks.md (needs Go, Python and PODWARD_CONFORMANCE); --slow lets checkov look
          into folders with a dot too, which takes it minutes
";

pub(crate) fn run(name: &str, slow: bool) -> Result<(), String> {
    match name {
        "up" => up::up(),
        "cloud" => cloud::cloud(),
        "webhook" => webhook::webhook(),
        "build" => build::build(),
        "policy" => policy::policy(slow),
        _ => Err(USAGE.to_owned()),
    }
}

/// Minimum, median and maximum.
struct Spread(Vec<f64>);

impl Spread {
    fn new(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Self(all)
    }

    fn at(&self, part: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a short list"
        )]
        let index = (last as f64 * part).round() as usize;
        self.0.get(index).copied().unwrap_or_default()
    }

    fn tell(&self, name: &str, unit: &str) -> Value {
        let [min, median, max] = [0.0, 0.5, 1.0].map(|part| self.at(part));
        say(&format!(
            "{name:<58} {median:>9.2} {unit}  ({min:.2} to {max:.2})"
        ));
        json!({"min": min, "median": median, "max": max, "unit": unit})
    }
}

fn print(figures: &Value) -> Result<(), String> {
    writeln!(std::io::stdout(), "{figures}").map_err(|e| e.to_string())
}
