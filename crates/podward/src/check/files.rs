//! Which files are read, and how much of them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use podward_manifest::{Position, Source};

use crate::report::Report;

/// Largest file read, bytes: some ten times what the largest manifests have.
const MAX_FILE: u64 = 16 << 20;
/// Deepest folder below a given one.
const MAX_DEPTH: usize = 64;

/// A file that is to be judged.
pub(crate) struct File {
    /// None is standard input.
    path: Option<PathBuf>,
    /// As messages name it.
    pub(crate) shown: String,
    /// Path below the folder that was given; of a file that was given, as it was given.
    pub(crate) relative: String,
}

/// The files of all paths, those of a folder sorted, and what could not be looked into.
pub(crate) fn find(paths: &[PathBuf]) -> (Vec<File>, Vec<Report>) {
    let (mut files, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            files.push(File {
                path: None,
                shown: "-".to_owned(),
                relative: "-".to_owned(),
            });
        } else if path.is_dir() {
            let mut found = Vec::new();
            walk(path, 0, &mut found, &mut errors);
            found.sort();
            for file in found {
                let relative = file.strip_prefix(path).unwrap_or(&file);
                files.push(File {
                    relative: relative.to_string_lossy().into_owned(),
                    shown: shown(&file),
                    path: Some(file),
                });
            }
        } else {
            files.push(File {
                relative: path.to_string_lossy().into_owned(),
                shown: shown(path),
                path: Some(path.clone()),
            });
        }
    }
    (files, errors)
}

/// A path without the `./` that a walk of `.` puts before it.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.to_string_lossy().into_owned()
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, errors: &mut Vec<Report>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return errors.push(Report::new(error).at(&shown(folder), None)),
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                errors.push(Report::new(error).at(&shown(folder), None));
                continue;
            }
        };
        if path.is_dir() {
            // a link to a folder may lead back up
            if path.is_symlink() || path.file_name().is_some_and(|name| name == ".git") {
                continue;
            }
            if depth == MAX_DEPTH {
                let message = format!("more than {MAX_DEPTH} folders deep");
                errors.push(Report::new(message).at(&shown(&path), None));
                continue;
            }
            walk(&path, depth + 1, found, errors);
        } else if path
            .extension()
            .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
        {
            found.push(path);
        }
    }
}

impl File {
    /// Where it is; `None` is standard input.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The whole text.
    pub(crate) fn read(&self) -> Result<Source, Report> {
        let failed = |e: std::io::Error| Report::new(e).at(&self.shown, None);
        let mut bytes = Vec::new();
        match &self.path {
            Some(path) => std::fs::File::open(path)
                .map_err(failed)?
                .take(MAX_FILE + 1)
                .read_to_end(&mut bytes),
            None => stdin(&mut bytes),
        }
        .map_err(failed)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE {
            return Err(Report::new("the file is larger than 16 MiB").at(&self.shown, None));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let good = e.as_bytes().get(..e.utf8_error().valid_up_to());
            Report::new("this is not UTF-8")
                .at(&self.shown, Some(end_of(good.unwrap_or_default())))
                .help("podward reads YAML and JSON in UTF-8")
        })?;
        Ok(Source {
            path: self.shown.clone(),
            text,
        })
    }
}

/// Standard input, which can be read once, and is asked for more than once.
fn stdin(bytes: &mut Vec<u8>) -> std::io::Result<usize> {
    static TEXT: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    let mut text = TEXT.lock().unwrap_or_else(PoisonError::into_inner);
    if text.is_none() {
        let mut read = Vec::new();
        std::io::stdin().take(MAX_FILE + 1).read_to_end(&mut read)?;
        *text = Some(read);
    }
    bytes.extend(text.iter().flatten());
    Ok(bytes.len())
}

/// The place behind a text.
fn end_of(text: &[u8]) -> Position {
    let text = String::from_utf8_lossy(text);
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position {
        line: text.matches('\n').count() + 1,
        column: last.chars().count() + 1,
    }
}
