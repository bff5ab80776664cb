//! Verdicts against those of the Kubernetes library: word for word.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixtures;

use podward_manifest::{decode_error, objects_found, parse, workload};
use podward_policy::{Level, Version, judge};

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
