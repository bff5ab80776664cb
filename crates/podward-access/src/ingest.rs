//! From segments into the index: only whole lines, and only those beyond what was read before.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use podward_api::access::Event;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::query::QueryError;
use crate::segments::list;

/// Bytes that are read at once; far more than the longest line.
const CHUNK: usize = 1 << 20;
/// Bytes of its first line by which a segment is known again: time and node are in them.
const FIRST: usize = 64;
/// Bits of an event's position that are its offset in the segment; those above are the segment's number.
const OFFSET_BITS: u32 = 38;

/// How far a segment was read.
#[derive(Default, PartialEq)]
struct Known {
    first: Vec<u8>,
    read: u64,
}

/// Brings the index up to date with the log in `folder`.
///
/// # Errors
/// When a segment cannot be read or the index not be written; the index is then as it was.
pub(crate) fn ingest(db: &mut Connection, folder: &Path) -> Result<(), QueryError> {
    let log = |source| QueryError::Log {
        path: folder.to_owned(),
        source,
    };
    let held: BTreeMap<u64, PathBuf> = list(folder).map_err(log)?.into_iter().collect();
    if !has_news(&known(db)?, &held).map_err(log)? {
        return Ok(());
    }
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // another query may have read on meanwhile
    let mut known = known(&change)?;
    for number in known.keys().filter(|number| !held.contains_key(number)) {
        forget(&change, *number)?;
    }
    for (number, path) in &held {
        let before = known.remove(number).unwrap_or_default();
        match File::open(path) {
            Ok(file) => segment(&change, *number, path, &file, before, log)?,
            // it was wiped for a new one meanwhile; its events go with the next query
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(log(error)),
        }
    }
    change.commit()?;
    Ok(())
}

fn known(db: &Connection) -> rusqlite::Result<BTreeMap<u64, Known>> {
    let mut rows = db.prepare("SELECT number, first, read FROM segments")?;
    rows.query_map([], |row| {
        let first = row.get(1)?;
        let read = row.get(2)?;
        Ok((row.get(0)?, Known { first, read }))
    })?
    .collect()
}

/// Whether there is anything to do, without which a query takes no turn at writing.
fn has_news(known: &BTreeMap<u64, Known>, held: &BTreeMap<u64, PathBuf>) -> io::Result<bool> {
    if known.keys().any(|number| !held.contains_key(number)) {
        return Ok(true);
    }
    for (number, path) in held {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            file => file?,
        };
        let known = known.get(number);
        let mut next = [0];
        let count = file.read_at(&mut next, known.map_or(0, |known| known.read))?;
        let same = match known {
            Some(known) => first(&file)? == known.first,
            None => true,
        };
        if (count == 1 && next != [0]) || !same {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The beginning of the first line.
fn first(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; FIRST];
    let count = file.read_at(&mut bytes, 0)?;
    bytes.truncate(count);
    let end = bytes.iter().position(|byte| matches!(byte, b'\n' | 0));
    bytes.truncate(end.unwrap_or(count));
    Ok(bytes)
}

/// Reads one segment on.
fn segment(
    db: &Transaction<'_>,
    number: u64,
    path: &Path,
    file: &File,
    mut known: Known,
    log: impl Fn(io::Error) -> QueryError,
) -> Result<(), QueryError> {
    let first = first(file).map_err(&log)?;
    if known.read > 0 && known.first != first {
        forget(db, number)?;
        known = Known::default();
    }
    let mut chunk = vec![0; CHUNK];
    let mut insert = db.prepare(
        "INSERT INTO events (id, time, namespace, pod, identity, door, outcome, event)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )?;
    let mut read = known.read;
    loop {
        let count = file.read_at(&mut chunk, read).map_err(&log)?;
        let content = chunk.get(..count).unwrap_or_default();
        // zeros are where nothing was written yet
        let content = content.split(|byte| *byte == 0).next().unwrap_or_default();
        let whole = match content.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => content.get(..=last).unwrap_or_default(),
            // no event is that long: none of ours
            None if content.len() == CHUNK => content,
            None => break,
        };
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            if let Some((text, event)) = parse(line) {
                insert.execute(params![
                    position(number, read),
                    nanoseconds(&event.time),
                    event.namespace,
                    event.pod,
                    event.identity,
                    event.door.as_str(),
                    event.outcome.as_str(),
                    text,
                ])?;
            }
            read += u64::try_from(line.len()).unwrap_or(0);
        }
    }
    let same = |now: std::fs::Metadata| Ok(now.ino() == file.metadata()?.ino());
    if !std::fs::metadata(path).and_then(same).unwrap_or(false) {
        // it was wiped for a new one while it was read: what was read may be of either
        return Ok(forget(db, number)?);
    }
    if read > known.read {
        db.execute(
            "INSERT OR REPLACE INTO segments (number, first, read) VALUES (?, ?, ?)",
            params![number, first, read],
        )?;
    }
    Ok(())
}

/// An event and its text; nothing where a line is none, as the last one of a writer that was killed.
fn parse(line: &[u8]) -> Option<(&str, Event)> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    Some((text, serde_json::from_str(text).ok()?))
}

/// Positions are above 0, in the order of writing, and stay when the index is made again.
fn position(number: u64, offset: u64) -> i64 {
    i64::try_from((number + 1) << OFFSET_BITS | offset).unwrap_or(i64::MAX)
}

/// Nanoseconds since 1970; 0 where the text is no time.
fn nanoseconds(time: &str) -> i64 {
    OffsetDateTime::parse(time, &Rfc3339)
        .ok()
        .and_then(|time| i64::try_from(time.unix_timestamp_nanos()).ok())
        .unwrap_or(0)
}

fn forget(db: &Connection, number: u64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM segments WHERE number = ?", [number])?;
    db.execute(
        "DELETE FROM events WHERE id >= ? AND id < ?",
        [position(number, 0), position(number + 1, 0)],
    )?;
    Ok(())
}
