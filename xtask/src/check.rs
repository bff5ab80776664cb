//! What must hold of every change.

use crate::metadata::Metadata;
use crate::shell::{self, cargo, say};
use crate::{edges, metadata};

pub(crate) fn run() -> Result<(), String> {
    shell::run(cargo(&["fmt", "--all", "--check"]))?;
    shell::run(cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let mut doc = cargo(&[
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
    ]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    shell::run(doc)?;
    let metadata = Metadata::read()?;
    let mut faults = edges::faults(&metadata)?;
    faults.extend(metadata::licence_faults(&metadata));
    faults.extend(metadata::version_faults(&metadata));
    if faults.is_empty() {
        say("check: crate edges, licences and versions hold");
        return Ok(());
    }
    Err(faults.join("\n"))
}
