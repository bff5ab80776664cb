//! Paths with `*`, `?`, `[…]` and `**`, for whoever has no shell that takes them apart.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::code::is_code;
use super::pattern::Pattern;
use super::walk::{Entry, Walk, is_manifest};
use super::{MAX_DEPTH, shown};
use crate::report::Report;

/// Whether a path that does not exist may be meant as a pattern.
pub(super) fn is_pattern(path: &Path) -> bool {
    let text = path.as_os_str().as_bytes();
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// The files and folders that a pattern means, sorted. Of files those that are manifests by their
/// names, or have the ending that the pattern has. As in a shell, hidden ones are meant only where
/// the pattern has a dot for them.
pub(super) fn expand(
    path: &Path,
    ignore: bool,
    code: bool,
    errors: &mut Vec<Report>,
) -> Vec<PathBuf> {
    let (mut base, mut rest) = (PathBuf::new(), PathBuf::new());
    for part in path.components() {
        if rest.as_os_str().is_empty() && !is_pattern(part.as_ref()) {
            base.push(part);
        } else {
            rest.push(part);
        }
    }
    let given = shown(path);
    let nothing = |why: &str| {
        Report::new(why)
            .at(&given, None)
            .help("podward takes *, ?, [a-z] and ** in a path that is not there as it stands")
    };
    let text = rest.as_os_str().as_bytes();
    let Some(pattern) = Pattern::new(text) else {
        errors.push(nothing("this pattern has a [ that does not end"));
        return Vec::new();
    };
    let folder = if base.as_os_str().is_empty() {
        Path::new(".")
    } else {
        &base
    };
    let has_dot = text.starts_with(b".") || text.windows(2).any(|two| two == b"/.");
    let ending = rest
        .extension()
        .filter(|ending| !is_pattern(ending.as_ref()));
    let deepest = if text.windows(2).any(|two| two == b"**") {
        MAX_DEPTH
    } else {
        rest.components().count() - 1
    };
    let mut found = Vec::new();
    let mut walk = Walk {
        deepest: MAX_DEPTH,
        ignore,
        visit: |entry: &Entry<'_>| {
            if entry.is_hidden() && !has_dot {
                return false;
            }
            let is_wanted = entry.is_folder
                || is_manifest(entry.path)
                || (code && is_code(entry.path))
                || ending.is_some_and(|ending| entry.path.extension() == Some(ending));
            if is_wanted && pattern.matches(entry.below) {
                let below = std::ffi::OsStr::from_bytes(entry.below);
                found.push(base.join(below));
                // all of a folder is read
                return false;
            }
            entry.depth < deepest
        },
        errors: Vec::new(),
    };
    if folder.is_dir() {
        walk.go(folder);
    }
    errors.append(&mut walk.errors);
    found.sort();
    if found.is_empty() {
        errors.push(nothing("this pattern matches nothing"));
    }
    found
}
