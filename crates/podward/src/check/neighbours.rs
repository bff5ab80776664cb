//! What the files that are judged together say about each other.

use podward_manifest::{objects_found, parse_each};
use podward_policy::Neighbours;

use crate::files::File;

/// Reads the files for what rules ask for; one that cannot be read is told when it is judged.
pub(crate) fn of(files: &[File]) -> Neighbours {
    let mut neighbours = Neighbours::default();
    for file in files.iter().filter(|file| !file.is_code()) {
        let Ok(Some(source)) = file.read() else {
            continue;
        };
        if !Neighbours::may_concern(&source.text) {
            continue;
        }
        let (documents, _) = parse_each(&source.path, &source.text);
        for object in documents.into_iter().flat_map(objects_found) {
            neighbours.add(&object);
        }
    }
    neighbours
}
