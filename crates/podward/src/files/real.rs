//! Files by their real paths, whatever they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::File;

/// Takes out what is there under another name, or twice. A second name of the same bytes, a hard link, is
/// another file.
pub(super) fn once(files: &mut Vec<File>) {
    let mut seen: BTreeMap<(u64, u64), Vec<PathBuf>> = BTreeMap::new();
    files.retain(|file| {
        let Some(path) = file.path() else { return true };
        let Some(about) = path.metadata().ok().filter(Metadata::is_file) else {
            return true;
        };
        let known = seen.entry((about.dev(), about.ino())).or_default();
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let is_new = known.is_empty() || !known.iter().any(|other| real(other) == real(path));
        if is_new {
            known.push(path.to_path_buf());
        }
        is_new
    });
}

/// Marks the files that are patches.
pub(super) fn mark(files: &mut [File], patches: &BTreeSet<PathBuf>) {
    if patches.is_empty() {
        return;
    }
    for file in files {
        let path = file.path().and_then(|path| path.canonicalize().ok());
        file.is_patch = path.is_some_and(|path| patches.contains(&path));
    }
}
