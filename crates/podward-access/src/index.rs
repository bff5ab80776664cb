//! The SQLite index beside the segments. It can be deleted: the next query makes it again.

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use podward_api::access::Event;
use rusqlite::{Connection, params_from_iter};

use crate::ingest::ingest;
use crate::query::{Filter, QueryError};

/// Version of the tables below; an index of another one is made again.
const VERSION: i64 = 1;
const TABLES: &str = "
    CREATE TABLE segments (number INTEGER PRIMARY KEY, first BLOB NOT NULL, read INTEGER NOT NULL);
    CREATE TABLE events (
        id INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        namespace TEXT NOT NULL,
        pod TEXT NOT NULL,
        identity TEXT NOT NULL COLLATE NOCASE,
        door TEXT NOT NULL,
        outcome TEXT NOT NULL,
        event TEXT NOT NULL
    );
    CREATE INDEX by_time ON events (time);
    CREATE INDEX by_pod ON events (pod);
    CREATE INDEX by_identity ON events (identity);
    CREATE INDEX by_outcome ON events (outcome, door);
";
/// How long a query waits for another one that writes: the first of a full log takes some seconds.
const PATIENCE: Duration = Duration::from_secs(30);
/// KiB of pages in memory, negative as SQLite wants it: with less, filling the index of a full log writes pages
/// again and again.
const CACHE: i64 = -(32 << 10);
const FILES: [&str; 3] = ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"];

/// The events of a log, ready to be asked for.
pub struct Index {
    folder: PathBuf,
    db: Connection,
}

impl Index {
    /// Opens the index of the log in `folder` and brings it up to date. A damaged one is made again; where the
    /// folder cannot be written, it is made in memory.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn open(folder: &Path) -> Result<Self, QueryError> {
        let Ok(lock) = lock(folder) else {
            return Self::made(folder, Connection::open_in_memory()?);
        };
        let on_disk = || Self::made(folder, connect(folder)?);
        let index = on_disk()
            .or_else(|_damaged| {
                remove(folder);
                on_disk()
            })
            // a full disk, for one
            .or_else(|_| Self::made(folder, Connection::open_in_memory()?));
        drop(lock);
        index
    }

    fn made(folder: &Path, mut db: Connection) -> Result<Self, QueryError> {
        let version: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version != VERSION {
            if version != 0 {
                return Err(QueryError::Index(rusqlite::Error::InvalidQuery));
            }
            let change = db.transaction()?;
            change.execute_batch(TABLES)?;
            change.pragma_update(None, "user_version", VERSION)?;
            change.commit()?;
        }
        ingest(&mut db, folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            db,
        })
    }

    /// Takes in what was written since.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn update(&mut self) -> Result<(), QueryError> {
        if ingest(&mut self.db, &self.folder).is_err() {
            *self = Self::open(&self.folder)?;
        }
        Ok(())
    }

    /// Hands on the events that the filter takes and that stand after position `after`, oldest first, until told to
    /// stop. The answer is the position of the last one, or `after`, to go on from.
    ///
    /// # Errors
    /// When neither index nor log can be read.
    pub fn events(
        &mut self,
        filter: &Filter,
        after: i64,
        mut each: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<ControlFlow<(), i64>, QueryError> {
        let mut last = after;
        if let Ok(flow) = self.hand_on(filter, &mut last, &mut each) {
            return Ok(flow.map_continue(|()| last));
        }
        // damaged where opening did not look; positions stay, so what was handed on is not handed on again
        let lock = lock(&self.folder);
        if lock.is_ok() {
            remove(&self.folder);
        }
        drop(lock);
        *self = Self::open(&self.folder)?;
        let flow = self.hand_on(filter, &mut last, &mut each)?;
        Ok(flow.map_continue(|()| last))
    }

    fn hand_on(
        &self,
        filter: &Filter,
        last: &mut i64,
        each: &mut impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, QueryError> {
        let (text, values) = filter.sql(*last);
        let mut statement = self.db.prepare(&text)?;
        let mut rows = statement.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            let event =
                serde_json::from_str(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
                    .map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
            *last = row.get(0)?;
            if each(&event).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The turn of one query to make, fill or delete the index; given back when dropped.
fn lock(folder: &Path) -> io::Result<File> {
    let file = private(&folder.join("index.lock"))?;
    file.lock()?;
    Ok(file)
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
}

fn connect(folder: &Path) -> Result<Connection, QueryError> {
    let [name, ..] = FILES;
    let path = folder.join(name);
    // SQLite gives its other files the mode of this one
    private(&path).map_err(|source| QueryError::Log {
        path: folder.to_owned(),
        source,
    })?;
    let db = Connection::open(&path)?;
    db.busy_timeout(PATIENCE)?;
    // readers do not hold up who fills it
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", "normal")?;
    db.pragma_update(None, "cache_size", CACHE)?;
    Ok(db)
}

fn remove(folder: &Path) {
    for name in FILES {
        // not all are always there
        let _ = std::fs::remove_file(folder.join(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::{folder, small};
    use crate::read;
    use podward_api::access::{Door, Recorder};

    fn named(pod: &str) -> Event {
        Event {
            pod: pod.into(),
            door: Door::Imds,
            ..Event::default()
        }
    }

    fn pods(folder: &Path) -> Vec<String> {
        let events = read(folder, &Filter::default()).unwrap();
        events.into_iter().map(|event| event.pod).collect()
    }

    #[test]
    fn a_query_reads_on_where_the_last_one_ended() {
        let folder = folder("on");
        let log = small(&folder);
        log.record(named("a")).unwrap();
        let mut index = Index::open(&folder).unwrap();
        let seen = |index: &mut Index, after| {
            let mut pods = Vec::new();
            let last = index.events(&Filter::default(), after, |event| {
                pods.push(event.pod.clone());
                ControlFlow::Continue(())
            });
            (last.unwrap().continue_value().unwrap(), pods)
        };
        let (last, first) = seen(&mut index, 0);
        assert_eq!(first, ["a"]);
        log.record(named("b")).unwrap();
        index.update().unwrap();
        assert_eq!(seen(&mut index, last).1, ["b"]);
        assert_eq!(pods(&folder), ["a", "b"]);
        use std::os::unix::fs::PermissionsExt;
        let mode = folder
            .join("index.sqlite")
            .metadata()
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_deleted_or_damaged_index_is_made_again() {
        let folder = folder("damaged");
        let log = small(&folder);
        for n in 0..500 {
            log.record(named(&n.to_string())).unwrap();
        }
        let whole = pods(&folder);
        assert_eq!(whole.len(), 500);
        let path = folder.join("index.sqlite");
        remove(&folder);
        assert_eq!(pods(&folder), whole);
        std::fs::write(&path, "no database").unwrap();
        assert_eq!(pods(&folder), whole);
        // the first page stays, the others are noise
        let mut bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() > 20_000);
        bytes[4096..].fill(0xa5);
        remove(&folder);
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(pods(&folder), whole);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn events_of_dropped_segments_are_dropped() {
        let folder = folder("dropped");
        let log = small(&folder);
        for n in 0..7_000 {
            log.record(named(&n.to_string())).unwrap();
            if n % 500 == 0 {
                pods(&folder);
            }
        }
        let found = pods(&folder);
        remove(&folder);
        assert_eq!(found, pods(&folder));
        assert_eq!(found.last().unwrap(), "6999");
        assert!(!found.contains(&"0".to_owned()));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn queries_and_the_log_work_at_once() {
        let folder = folder("at-once");
        let log = small(&folder);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..8 {
                        read(&folder, &Filter::default()).unwrap();
                    }
                });
            }
            for n in 0..7_000 {
                log.record(named(&n.to_string())).unwrap();
            }
        });
        let found = pods(&folder);
        remove(&folder);
        assert_eq!(found, pods(&folder));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_log_that_is_not_whole_yet_is_read_as_far_as_it_is() {
        let folder = folder("partial");
        drop(small(&folder));
        let path = folder.join("access-00000000.jsonl");
        std::fs::write(&path, "{\"pod\":\"a\"}\n{\"pod\":").unwrap();
        assert_eq!(pods(&folder), ["a"]);
        std::fs::write(&path, "{\"pod\":\"a\"}\n{\"pod\":\"b\"}\nno event\n").unwrap();
        assert_eq!(pods(&folder), ["a", "b"]);
        // another log in the same place
        std::fs::write(&path, "{\"pod\":\"c\"}\n").unwrap();
        assert_eq!(pods(&folder), ["c"]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_read() {
        let folder = folder("read-only");
        small(&folder).record(named("a")).unwrap();
        // in place of a read-only disk: a folder stands where the lock would
        std::fs::create_dir(folder.join("index.lock")).unwrap();
        assert_eq!(pods(&folder), ["a"]);
        assert!(!folder.join("index.sqlite").exists());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
