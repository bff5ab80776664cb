//! Verdicts against those of the Kubernetes library, word for word, and credentials in real
//! manifests.

#[cfg(test)]
mod by_hand;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod rules;

use std::io::Write;
use std::path::PathBuf;

use podward_manifest::{decode_error, objects_found, parse, workload};
use podward_policy::{Level, Version, judge};

/// The suites, or a word that they are not here.
fn suites(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PODWARD_CONFORMANCE");
    if folder.is_none() {
        // not by a macro, whose output a passing test hides
        let _ = writeln!(
            std::io::stderr(),
            "{test}: skipped, PODWARD_CONFORMANCE is not set"
        );
    }
    folder.map(PathBuf::from)
}

/// Document, name and sentence of a workload, or the decoder's.
type Said = (usize, String, String);

/// What is said of each workload of a file at a level, or why it cannot be read.
fn sentences(path: &str, text: &str, level: Level, version: Version) -> Result<Vec<Said>, String> {
    let documents = parse(path, text).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    for object in documents.into_iter().flat_map(objects_found) {
        if let Some(workload) = workload(&object) {
            found.push(match decode_error(&object) {
                Some(error) => (object.doc, String::new(), error),
                None => {
                    let said = judge(&workload, level, version).sentence();
                    (object.doc, object.name.clone(), said)
                }
            });
        }
    }
    Ok(found)
}
