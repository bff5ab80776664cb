//! The bytes of a file, bounded, and its text.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use podward_manifest::Position;

use crate::report::Report;

/// Largest file read, bytes: some ten times what the largest manifests have.
pub(crate) const MAX_FILE: u64 = 16 << 20;

/// Why there are no bytes.
#[derive(Debug)]
pub(super) enum Refused {
    Missing,
    /// It is a folder, a pipe or another thing, which is named.
    NoFile(&'static str),
    TooLarge(u64),
    Failed(std::io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file or folder"),
            Self::NoFile(kind) => write!(f, "this is {kind}, and no file"),
            Self::TooLarge(most) => write!(f, "the file is larger than {} MiB", most >> 20),
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Failed(error),
        }
    }
}

/// What is no file has a name; opening it may wait for ever or set something off.
fn other_than_file(kind: std::fs::FileType) -> Option<&'static str> {
    if kind.is_file() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_symlink() {
        Some("a link")
    } else {
        Some("a device")
    }
}

/// The bytes of what is a file, or with `follow` a link to one.
pub(super) fn bytes_of_file(path: &Path, most: u64, follow: bool) -> Result<Vec<u8>, Refused> {
    let about = if follow {
        path.metadata()?
    } else {
        path.symlink_metadata()?
    };
    if let Some(kind) = other_than_file(about.file_type()) {
        return Err(Refused::NoFile(kind));
    }
    // something else may have taken its place since
    let mut flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    if !follow {
        flags |= libc::O_NOFOLLOW;
    }
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    match other_than_file(file.metadata()?.file_type()) {
        Some(kind) => Err(Refused::NoFile(kind)),
        None => bytes(file, most, about.len()),
    }
}

/// The bytes of whatever a path that a person gave leads to, which may be a pipe.
pub(super) fn bytes_of_given(path: &Path, most: u64) -> Result<Vec<u8>, Refused> {
    let file = std::fs::File::open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(Refused::NoFile("a folder"));
    }
    bytes(file, most, about.len())
}

/// All bytes of a reader, of which `expected` are likely.
pub(super) fn bytes(from: impl Read, most: u64, expected: u64) -> Result<Vec<u8>, Refused> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(most)).unwrap_or_default());
    from.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(Refused::TooLarge(most));
    }
    Ok(bytes)
}

/// Bytes as the text of a manifest.
pub(super) fn text(bytes: Vec<u8>, shown: &str) -> Result<String, Report> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to());
        Report::new("this is not UTF-8")
            .at(shown, Some(end_of(good.unwrap_or_default())))
            .help("podward reads YAML and JSON in UTF-8")
    })
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
