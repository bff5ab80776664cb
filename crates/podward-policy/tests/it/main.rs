//! Verdicts against those of the Kubernetes library: word for word.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fixtures;

use podward_manifest::{Object, objects, parse, workload};
use podward_policy::{Level, judge};

/// Document, name and sentence of a workload.
type Said = (usize, String, String);

/// What is said of each workload of a file at a level, or why it cannot be read.
fn sentences(path: &str, text: &str, level: Level) -> Result<Vec<Said>, String> {
    let documents = parse(path, text).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    for document in documents {
        let list: Vec<Object> = objects(document).map_err(|e| e.to_string())?;
        for object in &list {
            if let Some(workload) = workload(object) {
                let said = judge(&workload, level).sentence();
                found.push((object.doc, object.name.clone(), said));
            }
        }
    }
    Ok(found)
}
