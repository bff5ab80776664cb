//! The podward that was built, on this machine.

use std::process::Command;

use serde_json::Value;

use crate::cluster::{Fault, run};

/// One line of `podward check -o podsecurity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Of the object.
    pub name: String,
    /// Whether Pod Security admission lets it in.
    pub allowed: bool,
    /// Why it does not: the sentence from `violates PodSecurity` on. Empty if it does.
    pub detail: String,
}

/// The verdicts on manifests, at a level with or without a version: `baseline`, `restricted:v1.29`.
///
/// # Errors
///
/// If podward cannot be run, or could not read the manifests.
pub fn check(manifests: &str, level: &str) -> Result<Vec<Verdict>, Fault> {
    let binary = std::env::var_os("PODWARD").ok_or("PODWARD names no binary")?;
    let mut podward = Command::new(binary);
    let (profile, version) = level.split_once(":v").unwrap_or((level, "latest"));
    podward.args(["check", "-", "--profile", profile, "-o", "podsecurity"]);
    podward.args(["--kubernetes-version", version]);
    let said = run(&mut podward, manifests)?;
    if !said.err.is_empty() {
        return Err(said.err.into());
    }
    said.out.lines().map(verdict).collect()
}

fn verdict(line: &str) -> Result<Verdict, Fault> {
    let value: Value = serde_json::from_str(line)?;
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    Ok(Verdict {
        name: text("name").to_owned(),
        allowed: value.get("allowed").and_then(Value::as_bool) == Some(true),
        detail: text("detail").to_owned(),
    })
}
