//! What the files that are judged together say about each other.

use podward_policy::Neighbours;

use crate::cores;
use crate::files::File;

/// Files that a thread takes at once.
const AT_ONCE: usize = 64;

/// Reads the files for what rules ask for, on all cores, for who judges waits for it. One that cannot be read is told
/// when it is judged.
pub(crate) fn of(files: &[File]) -> Neighbours {
    let chunks: Vec<&[File]> = files.chunks(AT_ONCE).collect();
    let mut neighbours = Neighbours::default();
    for more in cores::map(&chunks, |chunk| of_some(chunk)) {
        neighbours.append(more);
    }
    neighbours
}

fn of_some(files: &[File]) -> Neighbours {
    let mut neighbours = Neighbours::default();
    for file in files.iter().filter(|file| !file.is_code()) {
        if let Ok(Some(source)) = file.read() {
            neighbours.add_text(&source.path, &source.text);
        }
    }
    neighbours
}
