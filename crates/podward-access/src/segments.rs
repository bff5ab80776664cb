//! The files of a log: numbered segments of JSON lines, a ring in space that was reserved at the start.
//!
//! The segment written to is the last one that holds anything; those after it are empty and wait. When none
//! waits, the oldest is wiped in its place and becomes the newest, so that no block ever leaves the log.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bound::{Bound, SEGMENTS};
use crate::commit::Store;
use crate::reserve::{end, has_more, open, reserve, taken, wipe};

/// Makes the line that says what was dropped.
pub(crate) type DropLine = Box<dyn FnMut(&str) -> Vec<u8> + Send>;

/// An open log's files.
pub(crate) struct Segments {
    folder: PathBuf,
    directory: Arc<File>,
    size: u64,
    number: u64,
    file: Arc<File>,
    written: u64,
    /// Whether what was written last is no whole line.
    torn: bool,
    /// Files that were written to since the last flush.
    unflushed: Vec<Arc<File>>,
    /// Why the last flush failed, until one succeeds.
    flush_failure: Option<String>,
    drop_line: DropLine,
}

impl Segments {
    /// Opens the files in `folder` and reserves what they lack of `bound`.
    ///
    /// # Errors
    /// When a file cannot be made or the disk has no room; files made for nothing are removed.
    pub(crate) fn open(folder: &Path, bound: Bound, drop_line: DropLine) -> io::Result<Self> {
        let size = bound.segment();
        let newest = list(folder)?.last().map(|(number, _)| *number);
        let dropped = shrink(folder, bound)?;
        fill(folder, size, newest.map_or(0, |number| number + 1))?;
        let (number, file, written) = current(folder)?;
        if has_more(&file, written) {
            wipe(&file, written, size)?;
        }
        let mut byte = [b'\n'];
        if written > 0 {
            file.read_exact_at(&mut byte, written - 1)?;
        }
        let directory = Arc::new(File::open(folder)?);
        let mut segments = Self {
            folder: folder.to_owned(),
            size,
            number,
            file: Arc::new(file),
            written,
            torn: byte != *b"\n",
            unflushed: vec![Arc::clone(&directory)],
            directory,
            flush_failure: None,
            drop_line,
        };
        if !dropped.is_empty() {
            let line = (segments.drop_line)(&dropped.join(", "));
            segments.write(&line)?;
        }
        Ok(segments)
    }

    /// Takes the files that a flush has to reach.
    pub(crate) fn unflushed(&mut self) -> Vec<Arc<File>> {
        std::mem::take(&mut self.unflushed)
    }

    /// Says how the flush of those files ended. After a failure nothing is written until one succeeds.
    pub(crate) fn flushed(&mut self, files: Vec<Arc<File>>, outcome: &io::Result<()>) {
        self.flush_failure = outcome.as_ref().err().map(ToString::to_string);
        if outcome.is_err() {
            self.unflushed.extend(files);
        }
    }

    /// Writes all, or notes that what follows must begin a line of its own.
    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if !self
            .unflushed
            .iter()
            .any(|file| Arc::ptr_eq(file, &self.file))
        {
            self.unflushed.push(Arc::clone(&self.file));
        }
        while !bytes.is_empty() {
            match self.file.write_at(bytes, self.written) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += u64::try_from(count).unwrap_or(0);
                    bytes = bytes.get(count..).unwrap_or_default();
                    self.torn = !bytes.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Goes on in the next segment: one that waits, or the oldest, wiped.
    fn roll(&mut self) -> io::Result<()> {
        let next = self.number + 1;
        let path = path(&self.folder, next);
        let mut dropped = None;
        if !path.exists()
            && let Some((oldest, from)) = list(&self.folder)?.into_iter().next()
            && oldest != self.number
        {
            let file = open(&from)?;
            // the old content ends before the new name begins: after a crash it is an empty segment that waits
            wipe(&file, 0, self.size)?;
            std::fs::rename(&from, &path)?;
            dropped = Some(oldest);
        }
        // a name that is not flushed would lead to what the segment held before
        self.unflushed.push(Arc::clone(&self.directory));
        self.file = Arc::new(open(&path)?);
        // nothing to do where the space was kept
        reserve(&self.file, self.size)?;
        self.number = next;
        self.written = 0;
        self.torn = false;
        if let Some(oldest) = dropped {
            let line = (self.drop_line)(&oldest.to_string());
            self.append(&line)?;
        }
        Ok(())
    }
}

impl Store for Segments {
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        if let Some(reason) = &self.flush_failure {
            return Err(io::Error::other(format!(
                "the disk does not keep it: {reason}"
            )));
        }
        let length = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if self.written + length + u64::from(self.torn) > self.size {
            self.roll()?;
        }
        if self.torn {
            self.append(b"\n")?;
        }
        self.append(batch)
    }
}

/// Drops the oldest segments of a log that was larger, until the rest fits. Which they were.
fn shrink(folder: &Path, bound: Bound) -> io::Result<Vec<String>> {
    let size = bound.segment();
    let (mut count, mut bytes) = (0, SEGMENTS * size);
    let mut dropped = Vec::new();
    for (number, path) in list(folder)?.iter().rev() {
        let metadata = path.metadata()?;
        count += 1;
        bytes += metadata.len().min(taken(&metadata)).saturating_sub(size);
        if count > SEGMENTS || bytes > bound.bytes() {
            std::fs::remove_file(path)?;
            if metadata.len() > 0 {
                dropped.push(number.to_string());
            }
        }
    }
    dropped.reverse();
    Ok(dropped)
}

/// Makes the segments that are missing, from the number `next` on, and reserves the space of all. Segments that
/// were made for nothing are removed.
fn fill(folder: &Path, size: u64, mut next: u64) -> io::Result<()> {
    let held = list(folder)?;
    for (_, path) in &held {
        reserve(&open(path)?, size)?;
    }
    let mut made = Vec::new();
    for _ in held.len()..usize::try_from(SEGMENTS).unwrap_or(0) {
        made.push(path(folder, next));
        next += 1;
    }
    let outcome = made.iter().try_for_each(|path| reserve(&open(path)?, size));
    if outcome.is_err() {
        for path in made {
            // the one that failed may not be there
            let _ = std::fs::remove_file(path);
        }
    }
    outcome
}

/// The last segment that holds anything, or the first where none does, and where its content ends.
fn current(folder: &Path) -> io::Result<(u64, File, u64)> {
    let held = list(folder)?;
    for (number, path) in held.iter().rev() {
        let file = open(path)?;
        let end = end(&file)?;
        if end > 0 {
            return Ok((*number, file, end));
        }
    }
    let (number, path) = held.first().ok_or(io::ErrorKind::NotFound)?;
    Ok((*number, open(path)?, 0))
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("access-{number:08}.jsonl"))
}

/// The segments of a log, oldest first.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| {
            name.to_str()?
                .strip_prefix("access-")?
                .strip_suffix(".jsonl")?
                .parse()
                .ok()
        });
        if let Some(number) = number {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::folder;

    fn opened(folder: &Path) -> Segments {
        let line = |dropped: &str| format!("dropped {dropped}\n").into_bytes();
        Segments::open(folder, Bound::new(1 << 20).unwrap(), Box::new(line)).unwrap()
    }

    fn text(folder: &Path) -> String {
        let mut text = String::new();
        for (_, path) in list(folder).unwrap() {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
        text.replace('\0', "")
    }

    fn blocks(folder: &Path) -> u64 {
        let held = list(folder).unwrap();
        held.iter()
            .map(|(_, path)| taken(&path.metadata().unwrap()))
            .sum()
    }

    #[test]
    fn the_space_is_taken_at_the_start_and_kept_ever_after() {
        let folder = folder("space");
        std::fs::create_dir_all(&folder).unwrap();
        let mut segments = opened(&folder);
        let at_start = blocks(&folder);
        assert!(at_start >= 1 << 20, "{at_start}");
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..3000 {
            segments.write(&line).unwrap();
            assert!(list(&folder).unwrap().len() == 8);
        }
        assert_eq!(blocks(&folder), at_start);
        let text = text(&folder);
        assert!(
            text.len() > 900 << 10 && text.len() <= 1 << 20,
            "{}",
            text.len()
        );
        assert!(
            text.contains("dropped 0\n") || text.contains("dropped 8\n"),
            "{text}"
        );
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_wiped_segment_goes_on_where_its_content_ends() {
        let folder = folder("wiped");
        std::fs::create_dir_all(&folder).unwrap();
        let mut segments = opened(&folder);
        let line = [&[b'x'; 999][..], b"\n"].concat();
        while segments.number < 9 {
            segments.write(&line).unwrap();
        }
        segments.write(b"the last\n").unwrap();
        let written = segments.written;
        drop(segments);
        let mut segments = opened(&folder);
        assert_eq!((segments.number, segments.written), (9, written));
        segments.write(b"and on\n").unwrap();
        assert!(text(&folder).ends_with("the last\nand on\n"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_write_that_fails_harms_none_that_follows() {
        let folder = folder("fails");
        std::fs::create_dir_all(&folder).unwrap();
        let mut segments = opened(&folder);
        segments.write(b"before\n").unwrap();
        let path = path(&folder, 0);
        let writable = std::mem::replace(&mut segments.file, Arc::new(File::open(path).unwrap()));
        assert!(segments.write(b"refused\n").is_err());
        segments.file = writable;
        // a write that broke off
        segments.append(b"to").unwrap();
        segments.torn = true;
        segments.write(b"after\n").unwrap();
        assert_eq!(text(&folder), "before\nto\nafter\n");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_smaller_bound_drops_the_oldest() {
        let folder = folder("smaller");
        std::fs::create_dir_all(&folder).unwrap();
        let large = Bound::new(8 << 20).unwrap();
        let mut segments = Segments::open(&folder, large, Box::new(|_| Vec::new())).unwrap();
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for _ in 0..2500 {
            segments.write(&line).unwrap();
        }
        drop(segments);
        drop(opened(&folder));
        assert!(
            blocks(&folder) <= (1 << 20) + (256 << 10),
            "{}",
            blocks(&folder)
        );
        assert!(text(&folder).contains("dropped 0, 1"));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_failed_flush_stops_writes_until_one_succeeds() {
        let folder = folder("flush");
        std::fs::create_dir_all(&folder).unwrap();
        let mut segments = opened(&folder);
        let files = segments.unflushed();
        segments.flushed(files, &Err(io::Error::other("broken")));
        assert!(segments.write(b"x\n").is_err());
        let files = segments.unflushed();
        assert!(!files.is_empty());
        segments.flushed(files, &Ok(()));
        segments.write(b"x\n").unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }
}
