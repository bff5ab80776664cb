//! Segments of JSON lines. A record is answered after its `write` has returned; a thread flushes twice a second.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use podward_api::access::{Door, Event, Outcome, RecordError, Recorder};
use rustix::fs::FallocateFlags;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::commit::{Commit, Store};

/// Bytes of one write: far more than grants that are in flight at once, and no burden to memory.
const BATCH: u64 = 64 << 10;

/// Bounds of a log.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of all segments together.
    pub total: u64,
    /// Number of segments; the oldest is dropped whole.
    pub segments: u64,
}

impl Default for Options {
    /// 256 MiB in eight segments.
    fn default() -> Self {
        Self {
            total: 256 << 20,
            segments: 8,
        }
    }
}

/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the access log {path} cannot be opened: {source}")]
pub struct LogError {
    path: PathBuf,
    source: io::Error,
}

/// An open log. Clones write to the same one.
#[derive(Clone)]
pub struct AccessLog {
    commit: Arc<Commit<Writer>>,
    node: Arc<str>,
}

struct Writer {
    folder: PathBuf,
    segment: u64,
    file: File,
    written: u64,
    /// Whether the last write broke off within a line.
    torn: bool,
    options: Options,
    dirty: Arc<AtomicBool>,
}

impl AccessLog {
    /// Opens the log in `folder` (made with mode 0700), reserves its space and starts the flusher.
    ///
    /// # Errors
    /// When the folder or a segment cannot be made, or the disk has no room for it.
    pub fn open(folder: &Path, node: &str, options: Options) -> Result<Self, LogError> {
        let at = |source| LogError {
            path: folder.to_owned(),
            source,
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at)?;
        let newest = segments(folder)
            .map_err(at)?
            .into_iter()
            .next_back()
            .map_or(0, |(number, _)| number);
        let size = options.total / options.segments;
        let (file, written) = open_segment(folder, newest, size).map_err(at)?;
        let dirty = Arc::new(AtomicBool::new(false));
        let writer = Writer {
            folder: folder.to_owned(),
            segment: newest,
            file,
            written,
            torn: false,
            options,
            dirty: Arc::clone(&dirty),
        };
        // the event of a drop and one batch fit into a new segment
        let limit = usize::try_from(BATCH.min(size / 2)).unwrap_or(usize::MAX);
        let log = Self {
            commit: Arc::new(Commit::new(writer, limit)),
            node: node.into(),
        };
        let weak = Arc::downgrade(&log.commit);
        std::thread::Builder::new()
            .name("access-flush".into())
            .spawn(move || {
                while let Some(commit) = weak.upgrade() {
                    if dirty.swap(false, Ordering::AcqRel) {
                        let file = commit.store().file.try_clone();
                        // a failure shows at the next write, which then refuses
                        let _ = file.and_then(|f| f.sync_data());
                    }
                    drop(commit);
                    std::thread::sleep(Duration::from_millis(500));
                }
            })
            .map_err(at)?;
        Ok(log)
    }

    /// Fills in time and node where the event has none.
    #[must_use]
    pub fn stamp(&self, mut event: Event) -> Event {
        if event.time.is_empty() {
            event.time = now();
        }
        if event.node.is_empty() {
            event.node = self.node.as_ref().to_owned();
        }
        event
    }

    /// Flushes what was written to the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> io::Result<()> {
        self.commit.store().file.sync_data()
    }
}

impl Recorder for AccessLog {
    fn record(&self, event: Event) -> Result<(), RecordError> {
        let event = self.stamp(event);
        let failed = |text: &str| RecordError(text.to_owned());
        let mut line = serde_json::to_vec(&event).map_err(|e| failed(&e.to_string()))?;
        line.push(b'\n');
        self.commit.append(&line).map_err(|text| failed(&text))
    }
}

fn now() -> String {
    OffsetDateTime::now_utc()
        .format(&Rfc3339)
        .unwrap_or_default()
}

impl Store for Writer {
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        let length = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if self.written + length > self.options.total / self.options.segments {
            self.roll()?;
        }
        if self.torn {
            self.append(b"\n")?;
            self.torn = false;
        }
        self.append(batch)
    }
}

impl Writer {
    /// Writes all, or notes that what follows must begin a line of its own.
    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.dirty.store(true, Ordering::Release);
        while !bytes.is_empty() {
            match self.file.write(bytes) {
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

    /// Begins a new segment. The oldest is dropped first, so that its space is there for the new one.
    fn roll(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        let held = segments(&self.folder)?;
        let keep = usize::try_from(self.options.segments)
            .unwrap_or(1)
            .saturating_sub(1);
        let mut dropped = Vec::new();
        for (number, path) in held.iter().take(held.len().saturating_sub(keep)) {
            std::fs::remove_file(path)?;
            dropped.push(number.to_string());
        }
        self.segment += 1;
        (self.file, self.written) = open_segment(
            &self.folder,
            self.segment,
            self.options.total / self.options.segments,
        )?;
        self.torn = false;
        if !dropped.is_empty() {
            let event = Event {
                time: now(),
                door: Door::Host,
                asked: "access log".into(),
                outcome: Outcome::Granted,
                rule: "bounded".into(),
                reason: format!(
                    "dropped the oldest segment {} to stay within the bound",
                    dropped.join(", ")
                ),
                ..Event::default()
            };
            let mut line = serde_json::to_vec(&event)?;
            line.push(b'\n');
            self.append(&line)?;
        }
        Ok(())
    }
}

/// The segments of a log, oldest first.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
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

fn open_segment(folder: &Path, number: u64, size: u64) -> io::Result<(File, u64)> {
    let path = folder.join(format!("access-{number:08}.jsonl"));
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .mode(0o600)
        .open(path)?;
    let length = file.metadata()?.len();
    if length > 0 {
        // a line that the last writer did not finish must not swallow the next
        use std::os::unix::fs::FileExt;
        let mut last = [0];
        file.read_exact_at(&mut last, length - 1)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    match rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, size) {
        Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => Ok((file, length)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Filter, read};

    fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("podward-access-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        let folder = folder("read");
        let log = AccessLog::open(&folder, "node-1", Options::default()).unwrap();
        log.record(Event {
            pod: "web".into(),
            asked: "x".into(),
            ..Event::default()
        })
        .unwrap();
        log.record(Event {
            pod: "other".into(),
            ..Event::default()
        })
        .unwrap();
        let events = read(
            &folder,
            &Filter {
                pod: Some("web".into()),
            },
        )
        .unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].node, "node-1");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_bound_holds_and_a_drop_is_an_event() {
        let folder = folder("bound");
        let options = Options {
            total: 16 << 10,
            segments: 4,
        };
        let log = AccessLog::open(&folder, "n", options).unwrap();
        for n in 0..200 {
            log.record(Event {
                asked: format!("resource {n}"),
                ..Event::default()
            })
            .unwrap();
        }
        let bytes: u64 = segments(&folder)
            .unwrap()
            .iter()
            .map(|(_, p)| p.metadata().unwrap().len())
            .sum();
        assert!(bytes <= options.total, "{bytes} bytes");
        let events = read(&folder, &Filter::default()).unwrap();
        assert!(events.iter().any(|e| e.rule == "bounded"));
        assert_eq!(events.last().unwrap().asked, "resource 199");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = folder("torn");
        drop(AccessLog::open(&folder, "n", Options::default()).unwrap());
        std::fs::write(folder.join("access-00000000.jsonl"), "{\"time\":\"2026").unwrap();
        let log = AccessLog::open(&folder, "n", Options::default()).unwrap();
        log.record(Event {
            asked: "after".into(),
            ..Event::default()
        })
        .unwrap();
        let events = read(&folder, &Filter::default()).unwrap();
        assert_eq!(events.len(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
