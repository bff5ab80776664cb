//! An open log: events become lines, lines become durable.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use podward_api::access::{Event, RecordError, Recorder};

use crate::bound::Bound;
use crate::commit::Commit;
use crate::line::{dropped, line, stamp};
use crate::repeats::{Answer, Repeats};
use crate::reserve::taken;
use crate::segments::{Segments, list};

/// Bytes of one write: far more than grants that are in flight at once, and no burden to memory.
const BATCH: u64 = 64 << 10;
/// How often written events are flushed to the disk; at most a second may pass.
const FLUSH_INTERVAL: Duration = Duration::from_millis(500);
/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk has not the space that the log reserves.
    #[error(
        "the disk has no room for the access log {path}: of the {bound} it is bound to, {missing}MiB are still to be reserved"
    )]
    Full {
        /// Folder of the log.
        path: PathBuf,
        /// What it takes in all.
        bound: Bound,
        /// What of it is not reserved, MiB.
        missing: u64,
    },
    /// A file cannot be made, read or written.
    #[error("the access log {path} cannot be opened: {source}")]
    Failed {
        /// Folder of the log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An open log. Clones write to the same one.
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    commit: Commit<Segments>,
    node: String,
    repeats: Repeats,
    /// Whether the last write or flush failed. Then nothing is counted: each grant has to be written.
    failing: AtomicBool,
    watcher: OnceLock<Watcher>,
}

type Watcher = Box<dyn Fn(&Event) + Send + Sync>;

impl AccessLog {
    /// Opens the log in `folder` (made with mode 0700), reserves its space and starts the flusher.
    ///
    /// # Errors
    /// When the folder or a segment cannot be made, or the disk has no room for it.
    pub fn open(folder: &Path, node: &str, bound: Bound) -> Result<Self, LogError> {
        let at = |source: io::Error| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => LogError::Full {
                path: folder.to_owned(),
                bound,
                missing: missing(folder, bound),
            },
            _ => LogError::Failed {
                path: folder.to_owned(),
                source,
            },
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(at)?;
        let of_node = node.to_owned();
        let drop_line = move |segment: &str| line(&dropped(&of_node, segment)).unwrap_or_default();
        let segments = Segments::open(folder, bound, Box::new(drop_line)).map_err(at)?;
        // the event of a drop and one batch fit into a new segment
        let limit = usize::try_from(BATCH.min(bound.segment() / 2)).unwrap_or(usize::MAX);
        let inner = Arc::new(Inner {
            commit: Commit::new(segments, limit),
            node: node.to_owned(),
            repeats: Repeats::default(),
            failing: AtomicBool::new(false),
            watcher: OnceLock::new(),
        });
        let weak = Arc::downgrade(&inner);
        std::thread::Builder::new()
            .name("access-flush".into())
            .spawn(move || {
                std::thread::sleep(FLUSH_INTERVAL);
                while let Some(inner) = weak.upgrade() {
                    // a failure shows at the next write, which then refuses
                    let _ = inner.settle(false);
                    let _ = inner.flush();
                    drop(inner);
                    std::thread::sleep(FLUSH_INTERVAL);
                }
            })
            .map_err(at)?;
        Ok(Self(inner))
    }

    /// Shows every event to `watcher`, once it is written. The first watcher stays the only one.
    pub fn watch(&self, watcher: impl Fn(&Event) + Send + Sync + 'static) {
        // a second one would be a fault of the program, and shows nothing
        let _ = self.0.watcher.set(Box::new(watcher));
    }

    /// Writes what is still counted, and flushes what was written to the disk.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> io::Result<()> {
        let settled = self.0.settle(true);
        self.0.flush()?;
        settled.map_err(io::Error::other)
    }
}

impl Inner {
    /// Returns once the event is written.
    fn write(&self, event: &mut Event) -> Result<(), RecordError> {
        stamp(event, &self.node);
        let line = line(event).map_err(|e| RecordError(e.to_string()))?;
        let outcome = self.commit.append(&line);
        self.failing.store(outcome.is_err(), Ordering::Relaxed);
        outcome.map_err(|text| RecordError(text.to_string()))?;
        if let Some(watcher) = self.watcher.get() {
            watcher(event);
        }
        Ok(())
    }

    /// Writes an event for what was counted; what cannot be written is counted on.
    fn write_counted(&self, mut event: Event) -> Result<(), RecordError> {
        let outcome = self.write(&mut event);
        if outcome.is_err() {
            self.repeats.put_back(event, Instant::now());
        }
        outcome
    }

    /// Writes what was counted in intervals that have ended, or in all.
    fn settle(&self, all: bool) -> Result<(), RecordError> {
        let counted = self.repeats.take(Instant::now(), all);
        counted
            .into_iter()
            .map(|event| self.write_counted(event))
            .fold(Ok(()), Result::and)
    }

    fn flush(&self) -> io::Result<()> {
        let files = self.commit.store().unflushed();
        if files.is_empty() {
            return Ok(());
        }
        // writes go on meanwhile
        let outcome = files.iter().try_for_each(|file| file.sync_data());
        if outcome.is_err() {
            self.failing.store(true, Ordering::Relaxed);
        }
        self.commit.store().flushed(files, &outcome);
        outcome
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // nobody is left to be told
        let _ = self.settle(true);
        let _ = self.flush();
    }
}

impl Recorder for AccessLog {
    fn record(&self, mut event: Event) -> Result<(), RecordError> {
        self.0.write(&mut event)
    }

    fn record_grant(&self, mut event: Event, cached: bool) -> Result<(), RecordError> {
        let log = &self.0;
        if cached && !log.failing.load(Ordering::Relaxed) {
            match log.repeats.count(&mut event, Instant::now()) {
                Answer::Counted => return Ok(()),
                Answer::First(None) => {}
                Answer::First(Some(before)) => log.write_counted(*before)?,
            }
        }
        log.write(&mut event)?;
        log.repeats.begin(event, Instant::now());
        Ok(())
    }
}

/// What of the bound is not reserved, in MiB, the next whole one.
fn missing(folder: &Path, bound: Bound) -> u64 {
    let held = list(folder).unwrap_or_default();
    let taken: u64 = held
        .iter()
        .filter_map(|(_, path)| path.metadata().ok())
        .map(|metadata| taken(&metadata))
        .sum();
    bound.bytes().saturating_sub(taken).div_ceil(1 << 20)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Filter, Outcome, read};

    pub(crate) fn folder(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("podward-access-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        path
    }

    pub(crate) fn small(folder: &Path) -> AccessLog {
        AccessLog::open(folder, "node-1", Bound::new(1 << 20).unwrap()).unwrap()
    }

    #[test]
    fn what_was_recorded_is_read_back() {
        let folder = folder("read");
        let log = small(&folder);
        for pod in ["web", "other"] {
            let event = Event {
                pod: pod.into(),
                ..Event::default()
            };
            log.record(event).unwrap();
        }
        let filter = Filter {
            pod: Some("web".into()),
            ..Filter::default()
        };
        let events = read(&folder, &filter).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].node, "node-1");
        assert_eq!(events[0].time.len(), "2026-01-15T09:30:00.125000Z".len());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_bound_holds_and_a_drop_is_an_event() {
        let folder = folder("bound");
        let log = small(&folder);
        for n in 0..8000 {
            log.record(Event {
                asked: format!("resource {n}"),
                ..Event::default()
            })
            .unwrap();
        }
        let bytes: u64 = list(&folder)
            .unwrap()
            .iter()
            .map(|(_, p)| p.metadata().unwrap().len())
            .sum();
        assert!(bytes <= 1 << 20, "{bytes} bytes");
        let events = read(&folder, &Filter::default()).unwrap();
        assert!(events.iter().any(|e| e.rule == "bounded"));
        assert_eq!(events.last().unwrap().asked, "resource 7999");
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn repeats_out_of_a_cache_are_counted_and_nothing_else_is() {
        let folder = folder("repeats");
        let log = small(&folder);
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let to = Arc::clone(&seen);
        log.watch(move |event| to.lock().unwrap().push(event.count));
        let event = |asked: &str, request: &str| Event {
            asked: asked.into(),
            outcome: Outcome::Granted,
            request_id: request.into(),
            ..Event::default()
        };
        log.record_grant(event("a", "1"), false).unwrap();
        for request in ["2", "3", "4"] {
            log.record_grant(event("a", request), true).unwrap();
        }
        log.record_grant(event("b", "5"), true).unwrap();
        // fetched anew: not out of a cache
        log.record_grant(event("a", "6"), false).unwrap();
        log.flush().unwrap();
        let events = read(&folder, &Filter::default()).unwrap();
        let found: Vec<_> = events
            .iter()
            .map(|e| (e.asked.as_str(), e.request_id.as_str(), e.count))
            .collect();
        assert_eq!(
            found,
            [
                ("a", "1", None),
                ("b", "5", None),
                ("a", "6", None),
                ("a", "4", Some(3))
            ]
        );
        assert_eq!(*seen.lock().unwrap(), [None, None, None, Some(3)]);
        assert!(events.iter().all(|e| !e.time.is_empty()));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn repeats_end_where_the_log_cannot_be_written() {
        let folder = folder("repeats-fail");
        let log = small(&folder);
        log.record_grant(Event::default(), false).unwrap();
        log.record_grant(Event::default(), true).unwrap();
        let files = log.0.commit.store().unflushed();
        log.0
            .commit
            .store()
            .flushed(files, &Err(io::Error::other("broken")));
        log.record(Event::default()).unwrap_err();
        let error = log.record_grant(Event::default(), true).unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
        // the next flush goes well, and what was counted is not lost
        log.flush().unwrap_err();
        log.flush().unwrap();
        assert_eq!(read(&folder, &Filter::default()).unwrap().len(), 2);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = folder("torn");
        drop(small(&folder));
        std::fs::write(folder.join("access-00000000.jsonl"), "{\"time\":\"2026").unwrap();
        let log = small(&folder);
        log.record(Event::default()).unwrap();
        let events = read(&folder, &Filter::default()).unwrap();
        assert_eq!(events.len(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_full_disk_is_found_at_the_start() {
        let folder = folder("full");
        std::fs::create_dir_all(&folder).unwrap();
        let mounted = |arguments: &[&str]| {
            let status = std::process::Command::new(arguments[0])
                .args(&arguments[1..])
                .arg(&folder)
                .stderr(std::process::Stdio::null())
                .status();
            status.is_ok_and(|status| status.success())
        };
        if !mounted(&["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs"]) {
            eprintln!("a_full_disk_is_found_at_the_start: skipped, it needs root");
            return;
        }
        let open =
            |bytes: u64| AccessLog::open(&folder.join("log"), "n", Bound::new(bytes).unwrap());
        let error = open(4 << 20).err().unwrap().to_string();
        let left = list(&folder.join("log")).unwrap().len();
        let log = open(1 << 20);
        // whatever else fills the disk
        let _ = std::fs::write(folder.join("other"), vec![0; 2 << 20]);
        let recorded = log.map(|log| (0..8000).all(|_| log.record(Event::default()).is_ok()));
        assert!(mounted(&["umount"]));
        assert!(
            error.ends_with("of the 4MiB it is bound to, 4MiB are still to be reserved"),
            "{error}"
        );
        assert_eq!(left, 0);
        assert!(recorded.unwrap());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
