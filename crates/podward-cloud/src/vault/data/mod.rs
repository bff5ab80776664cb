//! Where the vaults are kept: SQLite, with every value encrypted. What is served is in memory; here each change is
//! written before it is made, in one transaction.

mod rows;
mod seal;

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use zeroize::Zeroizing;

pub(crate) use seal::Seal;
pub(super) use seal::{pack, unpack};

use super::step::Step;
use super::store::Store;
use crate::keys::{KeysError, kept};

/// Name of the file, below the data folder.
const FILE: &str = "vaults.sqlite";
/// Name of the key that values are encrypted with, below the folder of keys.
const KEY: &str = "vaults.key";
/// Version of the tables.
const SCHEMA: i64 = 1;
/// How long a write waits for another process that reads.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much later than it is acknowledged a change is safe from a power failure, at most.
const FLUSH: Duration = Duration::from_secs(1);
/// Pages of the write-ahead log at which a write itself empties it (16 MiB): the flushing thread has done most of it.
const MOST_PAGES: u32 = 4_096;
/// Bytes that the file of the write-ahead log keeps once it is empty.
const MOST_LEFT: u32 = 4 << 20;
/// Where the proof that the key is the right one is sealed for.
const PROOF: &[&str] = &["", "proof"];
/// Where the configuration is sealed for.
const CONFIG: &[&str] = &["", "config"];

/// What is kept cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// It is of a version to come.
    #[error(
        "{path} was written by a newer podward: it has schema {found}, and this podward reads up to {SCHEMA}"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
    },
    /// The key file is gone.
    #[error("{key} is missing, without which nobody can read {path}")]
    NoKey {
        /// The key file.
        key: PathBuf,
        /// The database.
        path: PathBuf,
    },
    /// The key file is another one.
    #[error("{key} is not the key that {path} was written with")]
    WrongKey {
        /// The key file.
        key: PathBuf,
        /// The database.
        path: PathBuf,
    },
    /// A row was changed by others.
    #[error("{path} is damaged: {what} cannot be decrypted or read")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// Which row.
        what: String,
    },
    /// A value could not be encrypted, or was never made.
    #[error("{0} cannot be encrypted")]
    Unsealed(String),
    /// SQLite.
    #[error("{path}: {source}")]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeysError),
}

impl DataError {
    /// How to go on.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Database { source, .. }
                if source.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) =>
            {
                "nothing was changed: put the folder back from a copy; or begin anew, with another folder by --data or after moving vaults.sqlite away"
            }
            Self::Newer { .. } => {
                "nothing was changed: use the podward that wrote it, or take another folder by --data"
            }
            Self::NoKey { .. } | Self::WrongKey { .. } => {
                "nothing was changed: put the key back from a copy of the folder; or begin anew, with another folder by --data or after moving the database away"
            }
            Self::Damaged { .. } => {
                "nothing was changed: put the folder back from a copy, or take another one by --data"
            }
            _ => "see that the folder can be written and has room, or take another one by --data",
        }
    }
}

/// The vaults of one data folder.
pub struct Data {
    path: PathBuf,
    seal: Seal,
    db: Mutex<Connection>,
    /// Tells the flushing thread that something was written.
    wake: SyncSender<()>,
}

/// Where one vault is kept.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(super) data: Arc<Data>,
    /// Its name in lower case.
    pub(super) vault: String,
}

/// Where a version of a key is kept that is still to be made.
pub(super) struct Place {
    pub(super) kept: Kept,
    /// In lower case.
    pub(super) name: String,
    pub(super) version: String,
}

impl Place {
    /// Keeps the key. `false` where that fails: then it is planned anew at the next start.
    pub(super) fn keep(&self, body: Zeroizing<Vec<u8>>) -> bool {
        self.kept.data.key_made(self, body).is_ok()
    }
}

impl Data {
    /// Opens what a folder keeps, or begins it. `keys` is the folder of its keys.
    ///
    /// # Errors
    /// When it is of a newer version, its key is missing or another one, or a file cannot be used; then nothing of
    /// it is changed.
    pub fn open(folder: &Path, keys: &Path) -> Result<Arc<Self>, DataError> {
        let path = folder.join(FILE);
        let mut options = fs::OpenOptions::new();
        // made by hand, since SQLite would let others read it
        options.create(true).append(true).mode(0o600);
        options.open(&path).map_err(|source| DataError::File {
            path: path.clone(),
            source,
        })?;
        let failed = |source| DataError::Database {
            path: path.clone(),
            source,
        };
        let mut db = Connection::open(&path).map_err(failed)?;
        let found: i64 = db
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed)?;
        if found > SCHEMA {
            return Err(DataError::Newer { path, found });
        }
        let key = keys.join(KEY);
        if found != 0 && !key.exists() {
            return Err(DataError::NoKey { key, path });
        }
        let bytes = kept(Some(keys), KEY, || {
            let mut bytes = Zeroizing::new(vec![0; 32]);
            aws_lc_rs::rand::fill(&mut bytes)
                .map_err(|e| KeysError::Crypto(format!("key of the vaults: {e}")))?;
            Ok(bytes)
        })?;
        let wrong = || DataError::WrongKey {
            key: key.clone(),
            path: path.clone(),
        };
        let seal = Seal::of(&bytes).ok_or_else(wrong)?;
        settings(&db).map_err(failed)?;
        if found == 0 {
            let proof = seal.seal(PROOF, pack(&[])).ok_or_else(wrong)?;
            rows::make(&mut db, SCHEMA, &proof).map_err(failed)?;
        }
        let proof = rows::named(&db, PROOF).map_err(failed)?;
        if proof.is_none_or(|proof| seal.open(PROOF, &proof).is_err()) {
            return Err(wrong());
        }
        let (wake, asleep) = sync_channel(1);
        flush_later(&path, asleep).map_err(|source| DataError::File {
            path: path.clone(),
            source,
        })?;
        Ok(Arc::new(Self {
            path,
            seal,
            db: Mutex::new(db),
            wake,
        }))
    }

    /// Whether a folder keeps anything.
    #[must_use]
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Names of the vaults that hold something.
    pub(super) fn vaults(&self) -> Result<Vec<String>, DataError> {
        rows::vaults(&self.db()).map_err(|e| rows::RowError::from(e).at(&self.path))
    }

    /// It is not what was written.
    pub(super) fn damaged(&self, what: &str) -> DataError {
        DataError::Damaged {
            path: self.path.clone(),
            what: what.to_owned(),
        }
    }

    /// What marks are made with.
    pub(crate) const fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Reads a vault, which is kept here from now on.
    pub(crate) fn load(self: &Arc<Self>, vault: &str) -> Result<Store, DataError> {
        let mut store = Store::default();
        rows::load(&self.db(), &self.seal, vault, &mut store).map_err(|e| e.at(&self.path))?;
        store.kept = Some(Kept {
            data: Arc::clone(self),
            vault: vault.to_owned(),
        });
        Ok(store)
    }

    /// Writes a change, all of it or nothing.
    pub(super) fn write(&self, vault: &str, steps: &[Step]) -> Result<(), DataError> {
        self.change(|change| {
            let mut steps = steps.iter();
            steps.try_for_each(|step| rows::write(change, &self.seal, vault, step))
        })
    }

    fn key_made(&self, place: &Place, body: Zeroizing<Vec<u8>>) -> Result<(), DataError> {
        self.change(|change| rows::key_made(change, &self.seal, place, body))
    }

    /// Keeps the configuration, as JSON, for `export`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_config(&self, json: &[u8]) -> Result<(), DataError> {
        if self.config()?.is_some_and(|last| *last == json) {
            return Ok(());
        }
        let sealed = self.seal.seal(CONFIG, pack(&[json]));
        let sealed = sealed.ok_or_else(|| DataError::Unsealed("the configuration".into()))?;
        self.change(|change| Ok(rows::set_named(change, CONFIG, &sealed)?))
    }

    /// The configuration that was kept last, as JSON.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn config(&self) -> Result<Option<Zeroizing<Vec<u8>>>, DataError> {
        let sealed = rows::named(&self.db(), CONFIG);
        let sealed = sealed.map_err(|e| rows::RowError::from(e).at(&self.path))?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let damaged = || self.damaged("the configuration");
        let opened = self.seal.open(CONFIG, &sealed);
        let opened = opened.map_err(|_forged| damaged())?;
        let fields = unpack(&opened).ok_or_else(damaged)?;
        let json = fields.first().ok_or_else(damaged)?;
        Ok(Some(Zeroizing::new(json.to_vec())))
    }

    fn change(
        &self,
        write: impl FnOnce(&Connection) -> Result<(), rows::RowError>,
    ) -> Result<(), DataError> {
        rows::change(&mut self.db(), write).map_err(|e| e.at(&self.path))?;
        // full: it was told already
        let _ = self.wake.try_send(());
        Ok(())
    }

    fn db(&self) -> MutexGuard<'_, Connection> {
        self.db.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // who ends in an orderly way waits for the disk; what fails here is made good at the next start
        let flushed = self
            .db()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let _ = flushed;
    }
}

fn settings(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    let _: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // what is in the log of the file system's cache outlives the process; the thread below makes it outlive power
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    let _: i64 = db.query_row(
        &format!("PRAGMA journal_size_limit = {MOST_LEFT}"),
        [],
        |row| row.get(0),
    )?;
    db.pragma_update(None, "wal_autocheckpoint", MOST_PAGES)
}

/// Brings to the disk, a second later, what was written: on a thread and a connection of its own, so that no request
/// waits for the disk.
fn flush_later(path: &Path, asleep: Receiver<()>) -> std::io::Result<()> {
    let path = path.to_owned();
    let flush = move || {
        let Ok(db) = Connection::open(&path) else {
            return;
        };
        let ready = db.busy_timeout(PATIENCE).is_ok()
            && db.pragma_update(None, "synchronous", "NORMAL").is_ok();
        while ready && asleep.recv().is_ok() {
            std::thread::sleep(FLUSH);
            // what fails here is tried again after the next change
            let _ = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
    };
    std::thread::Builder::new()
        .name("vault-flush".into())
        .spawn(flush)?;
    Ok(())
}
