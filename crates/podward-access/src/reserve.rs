//! Space on the disk that is a segment's before anything stands in it.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use rustix::io::Errno;

/// Bytes of the unit that `st_blocks` counts in.
const UNIT: u64 = 512;
/// Bytes that are read at once where the end is looked for.
const BLOCK: u64 = 4096;
/// Bytes that a file system may take beyond what was asked for: its own tables, or the rest of a block.
const SLACK: u64 = 256 << 10;

/// Opens a segment to write, made for this user alone where it is not there.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .mode(0o600)
        .open(path)
}

/// Reserves the first `size` bytes, where they are not yet. The length stays what it is.
///
/// # Errors
/// When the disk has no room. A file system that cannot reserve is no error.
pub(crate) fn reserve(file: &File, size: u64) -> io::Result<()> {
    let held = taken(&file.metadata()?);
    if held >= size && held <= size + SLACK {
        return Ok(());
    }
    if held > size {
        // a log that was larger: what lies beyond the content goes back to the disk
        file.set_len(file.metadata()?.len())?;
    }
    allocate(file, FallocateFlags::KEEP_SIZE, size)
}

/// Empties a segment from `start` on and keeps its space: at no moment could somebody else take it.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn wipe(file: &File, start: u64, size: u64) -> io::Result<()> {
    let keep = FallocateFlags::ZERO_RANGE | FallocateFlags::KEEP_SIZE;
    match retried(|| fallocate(file, keep, start, size.saturating_sub(start))) {
        Err(Errno::OPNOTSUPP) => {
            file.set_len(start)?;
            allocate(file, FallocateFlags::KEEP_SIZE, size)
        }
        other => Ok(other?),
    }
}

/// Whether anything stands in the blocks after the one that content ends in: a power failure may have kept a
/// later write and lost an earlier one.
pub(crate) fn has_more(file: &File, end: u64) -> bool {
    !matches!(
        seek(file, SeekFrom::Data(end.next_multiple_of(BLOCK))),
        Err(Errno::NXIO)
    )
}

fn allocate(file: &File, flags: FallocateFlags, size: u64) -> io::Result<()> {
    match retried(|| fallocate(file, flags, 0, size)) {
        Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn retried(mut call: impl FnMut() -> rustix::io::Result<()>) -> rustix::io::Result<()> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// Bytes of disk that a file takes.
pub(crate) fn taken(metadata: &Metadata) -> u64 {
    metadata.blocks().saturating_mul(UNIT)
}

/// Where the content ends: a wiped segment keeps its length, and zeros are no content.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn end(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut end = match seek(file, SeekFrom::Hole(0)) {
        Ok(hole) => hole.min(length),
        // no file system needs to know holes
        Err(_) => length,
    };
    let mut block = [0; 4096];
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        let wanted = usize::try_from(end - start).unwrap_or_default();
        let part = block.get_mut(..wanted).unwrap_or_default();
        file.read_exact_at(part, start)?;
        if let Some(last) = part.iter().rposition(|byte| *byte != 0) {
            return Ok(start + u64::try_from(last).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}
