//! What `--code` reads: files that are no manifests and may hold credentials.

use std::path::Path;

use podward_manifest::Source;
use podward_policy::{FileKind, file_kind};

use super::read::{self, Refused};
use crate::report::Report;

/// Largest file, bytes. What people write is smaller.
const MAX_FILE: u64 = 1 << 20;
/// Longest that the lines of a large file are on average, bytes; longer ones are a program's.
const MAX_LINE: usize = 400;
/// Smallest file whose lines are looked at, bytes.
const MIN_MINIFIED: usize = 10 << 10;

/// Whether credentials are looked for in such a file.
pub(super) fn is_code(path: &Path) -> bool {
    file_kind(&path.to_string_lossy()).is_some()
}

/// The text of such a file; none where it is large, made by a program, or no text.
pub(super) fn read(path: &Path, shown: &str) -> Result<Option<Source>, Report> {
    let bytes = match read::bytes_of_file(path, MAX_FILE, true) {
        Ok(bytes) => bytes,
        // editors leave links behind that lead nowhere
        Err(Refused::TooLarge(_) | Refused::NoFile(_) | Refused::Missing) => return Ok(None),
        Err(refused) => return Err(Report::new(refused).at(shown, None)),
    };
    Ok(text(&bytes)
        .filter(|text| is_written(shown, text))
        .map(|text| Source {
            path: shown.to_owned(),
            text,
        }))
}

/// Bytes as text, as far as they are; none where they are something else.
pub(crate) fn text(bytes: &[u8]) -> Option<String> {
    let units = |from: fn([u8; 2]) -> u16| {
        let pairs = bytes.as_chunks::<2>().0.iter().skip(1);
        String::from_utf16_lossy(&pairs.map(|pair| from(*pair)).collect::<Vec<_>>())
    };
    match bytes {
        [0xff, 0xfe, ..] => Some(units(u16::from_le_bytes)),
        [0xfe, 0xff, ..] => Some(units(u16::from_be_bytes)),
        _ if bytes.contains(&0) => None,
        _ => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

/// Whether people wrote a text: what a program wrote has lines without end.
fn is_written(path: &str, text: &str) -> bool {
    file_kind(path) != Some(FileKind::Code)
        || text.len() < MIN_MINIFIED
        || text.len() / (text.matches('\n').count() + 1) < MAX_LINE
}
