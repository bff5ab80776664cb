//! The tables, and how changes and objects stand in them.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, ToSql, params};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{DataError, Place, Seal};
use crate::vault::certificate::Certificate;
use crate::vault::issuer::Issuers;
use crate::vault::key::Key;
use crate::vault::objects::{Kind, Object};
use crate::vault::pending::Pending;
use crate::vault::secret::Secret;
use crate::vault::shelf::{Shelf, Version};
use crate::vault::step::{Any, Step};
use crate::vault::store::Store;

const TABLES: &str = "
    CREATE TABLE named (name TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE objects (
        id INTEGER PRIMARY KEY,
        vault TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        shown TEXT NOT NULL,
        deleted INTEGER,
        policy TEXT,
        UNIQUE (vault, kind, name)
    );
    CREATE TABLE versions (
        id INTEGER PRIMARY KEY,
        object INTEGER NOT NULL REFERENCES objects ON DELETE CASCADE,
        version TEXT NOT NULL,
        attributes TEXT NOT NULL,
        tags TEXT,
        managed INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (object, version)
    );
    CREATE TABLE pending (
        vault TEXT NOT NULL,
        name TEXT NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (vault, name)
    ) WITHOUT ROWID;
    CREATE TABLE applied (
        vault TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        mark BLOB NOT NULL,
        PRIMARY KEY (vault, kind, name)
    ) WITHOUT ROWID;
";
const ADD_OBJECT: &str =
    "INSERT INTO objects (vault, kind, name, shown) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
const PUT: &str = "
    INSERT INTO versions (object, version, attributes, tags, managed, sealed)
    VALUES ((SELECT id FROM objects WHERE vault = ?1 AND kind = ?2 AND name = ?3), ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (object, version) DO UPDATE
    SET attributes = excluded.attributes, tags = excluded.tags, sealed = excluded.sealed";
const KEY_MADE: &str = "
    UPDATE versions SET sealed = ?4 WHERE version = ?3
    AND object = (SELECT id FROM objects WHERE vault = ?1 AND kind = 'key' AND name = ?2)";
const POLICY: &str = "UPDATE objects SET policy = ?4 WHERE vault = ?1 AND kind = ?2 AND name = ?3";
const MARK: &str = "UPDATE objects SET deleted = ?4 WHERE vault = ?1 AND kind = ?2 AND name = ?3";
const PURGE: &str = "DELETE FROM objects WHERE vault = ?1 AND kind = ?2 AND name = ?3";
const ALL: &str = "
    SELECT kind, name, shown, deleted, policy, version, attributes, tags, managed, sealed
    FROM versions JOIN objects ON object = objects.id WHERE vault = ?1 ORDER BY versions.id";

/// A row cannot be read or written.
#[derive(Debug)]
pub(super) enum RowError {
    Sql(rusqlite::Error),
    /// It is not what was written there.
    Damaged(String),
    /// It cannot be encrypted.
    Unsealed(String),
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl RowError {
    /// With the database it is about.
    pub(super) fn at(self, path: &Path) -> DataError {
        let path = path.to_owned();
        match self {
            Self::Sql(source) => DataError::Database { path, source },
            Self::Damaged(what) => DataError::Damaged { path, what },
            Self::Unsealed(what) => DataError::Unsealed(what),
        }
    }
}

/// Makes the tables.
pub(super) fn make(db: &mut Connection, schema: i64, proof: &[u8]) -> rusqlite::Result<()> {
    let change = db.transaction()?;
    change.execute_batch(TABLES)?;
    set_named(&change, super::PROOF, proof)?;
    change.pragma_update(None, "user_version", schema)?;
    change.commit()
}

/// Makes a change, all of it or nothing.
pub(super) fn change(
    db: &mut Connection,
    write: impl FnOnce(&Connection) -> Result<(), RowError>,
) -> Result<(), RowError> {
    let change = db.transaction()?;
    write(&change)?;
    Ok(change.commit()?)
}

/// What is kept once: the last word of its place names it.
pub(super) fn named(db: &Connection, place: &[&str]) -> rusqlite::Result<Option<Vec<u8>>> {
    let name = place.last().copied().unwrap_or_default();
    let mut ask = db.prepare("SELECT sealed FROM named WHERE name = ?1")?;
    ask.query_row([name], |row| row.get(0)).optional()
}

pub(super) fn set_named(db: &Connection, place: &[&str], sealed: &[u8]) -> rusqlite::Result<()> {
    let name = place.last().copied().unwrap_or_default();
    let put = "INSERT OR REPLACE INTO named (name, sealed) VALUES (?1, ?2)";
    db.execute(put, params![name, sealed]).map(drop)
}

/// Names of the vaults that hold something.
pub(super) fn vaults(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut ask = db.prepare("SELECT DISTINCT vault FROM objects ORDER BY vault")?;
    ask.query_map([], |row| row.get(0))?.collect()
}

/// Writes one step of a change.
pub(super) fn write(
    db: &Connection,
    seal: &Seal,
    vault: &str,
    step: &Step,
) -> Result<(), RowError> {
    let run = |text: &str, values: &[&dyn ToSql]| db.execute(text, values).map(drop);
    let lower = |name: &String| name.to_ascii_lowercase();
    match step {
        Step::Put(name, version) => {
            let kind = version.kind().one;
            run(ADD_OBJECT, params![&vault, &kind, &lower(name), name])?;
            match version {
                Any::Secret(version) => put(db, seal, vault, &lower(name), version)?,
                Any::Key(version) => put(db, seal, vault, &lower(name), version)?,
                Any::Certificate(version) => put(db, seal, vault, &lower(name), version)?,
            }
        }
        Step::Policy(kind, name, policy) => run(
            POLICY,
            params![&vault, &kind.one, &lower(name), &policy.to_string()],
        )?,
        Step::Mark(kind, name, deleted) => {
            run(MARK, params![&vault, &kind.one, &lower(name), deleted])?;
        }
        Step::Purge(kind, name) => run(PURGE, params![&vault, &kind.one, &lower(name)])?,
        Step::Pending(name, Some(pending)) => {
            let name = lower(name);
            let sealed = seal.seal(&[vault, "pending", &name, ""], pending.save());
            let sealed = sealed.ok_or_else(|| RowError::Unsealed(format!("pending {name}")))?;
            run(
                "INSERT OR REPLACE INTO pending (vault, name, sealed) VALUES (?1, ?2, ?3)",
                params![&vault, &name, &sealed],
            )?;
        }
        Step::Pending(name, None) => run(
            "DELETE FROM pending WHERE vault = ?1 AND name = ?2",
            params![&vault, &lower(name)],
        )?,
        Step::Issuers(issuers) => {
            let unsealed = || RowError::Unsealed(format!("issuers {vault}"));
            let saved = issuers.save().ok_or_else(unsealed)?;
            let place = [vault, "issuers"];
            let sealed = seal.seal(&place, saved).ok_or_else(unsealed)?;
            set_named(db, &[&place.join("/")], &sealed)?;
        }
        Step::Applied(kind, name, Some(mark)) => run(
            "INSERT OR REPLACE INTO applied (vault, kind, name, mark) VALUES (?1, ?2, ?3, ?4)",
            params![&vault, &kind.one, &lower(name), mark],
        )?,
        Step::Applied(kind, name, None) => run(
            "DELETE FROM applied WHERE vault = ?1 AND kind = ?2 AND name = ?3",
            params![&vault, &kind.one, &lower(name)],
        )?,
    }
    Ok(())
}

fn put<T: Object>(
    db: &Connection,
    seal: &Seal,
    vault: &str,
    name: &str,
    version: &Version<T>,
) -> Result<(), RowError> {
    let kind = T::KIND.one;
    let unsealed = || RowError::Unsealed(format!("{kind} {name}"));
    let body = version.body.save().ok_or_else(unsealed)?;
    let sealed = seal.seal(&[vault, kind, name, &version.id], body);
    let attributes = serde_json::to_string(&version.attributes).map_err(|_never| unsealed())?;
    let tags = version.tags.as_ref().map(serde_json::to_string);
    let tags = tags.transpose().map_err(|_never| unsealed())?;
    db.prepare(PUT)?.execute(params![
        vault,
        kind,
        name,
        version.id,
        attributes,
        tags,
        version.managed,
        sealed.ok_or_else(unsealed)?,
    ])?;
    Ok(())
}

/// Keeps a key that was planned.
pub(super) fn key_made(
    db: &Connection,
    seal: &Seal,
    place: &Place,
    body: Zeroizing<Vec<u8>>,
) -> Result<(), RowError> {
    let (vault, name, version) = (place.kept.vault.as_str(), &place.name, &place.version);
    let sealed = seal.seal(&[vault, Key::KIND.one, name, version], body);
    let sealed = sealed.ok_or_else(|| RowError::Unsealed(format!("key {name}")))?;
    db.prepare(KEY_MADE)?
        .execute(params![vault, name, version, sealed])?;
    Ok(())
}

/// Reads all that is kept of a vault. Keys that are still planned are begun by whoever takes the store.
pub(super) fn load(
    db: &Connection,
    seal: &Seal,
    vault: &str,
    store: &mut Store,
) -> Result<(), RowError> {
    let mut ask = db.prepare(ALL)?;
    let mut rows = ask.query([vault])?;
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        match kind {
            "secret" => read::<Secret>(row, seal, vault, &mut store.secrets)?,
            "key" => read::<Key>(row, seal, vault, &mut store.keys)?,
            "certificate" => read::<Certificate>(row, seal, vault, &mut store.certificates)?,
            other => return Err(RowError::Damaged(format!("an object of kind {other:?}"))),
        }
    }
    let mut ask = db.prepare("SELECT name, sealed FROM pending WHERE vault = ?1")?;
    let mut rows = ask.query([vault])?;
    while let Some(row) = rows.next()? {
        let name: String = row.get(0)?;
        let sealed: Vec<u8> = row.get(1)?;
        let opened = seal.open(&[vault, "pending", &name, ""], &sealed).ok();
        let pending = opened.and_then(|opened| Pending::restore(&opened));
        let damaged = || RowError::Damaged(format!("pending certificate {vault}/{name}"));
        let pending = pending.ok_or_else(damaged)?;
        store.pending.insert(name, pending);
    }
    let place = [vault, "issuers"];
    if let Some(sealed) = named(db, &[&place.join("/")])? {
        let opened = seal.open(&place, &sealed).ok();
        let issuers = opened.and_then(|opened| Issuers::restore(&opened));
        let damaged = || RowError::Damaged(format!("the issuers of {vault}"));
        store.issuers = issuers.ok_or_else(damaged)?;
    }
    let mut ask = db.prepare("SELECT kind, name, mark FROM applied WHERE vault = ?1")?;
    let mut rows = ask.query([vault])?;
    let kinds = [Secret::KIND, Key::KIND, Certificate::KIND];
    while let Some(row) = rows.next()? {
        let word: String = row.get(0)?;
        if let Some(kind) = kinds.iter().find(|kind| kind.one == word) {
            store.applied.insert((kind.one, row.get(1)?), row.get(2)?);
        }
    }
    Ok(())
}

fn read<T: Object>(
    row: &rusqlite::Row<'_>,
    seal: &Seal,
    vault: &str,
    shelf: &mut Shelf<T>,
) -> Result<(), RowError> {
    let kind: Kind = T::KIND;
    let text = |column: usize| -> Result<String, rusqlite::Error> { row.get(column) };
    let (name, shown, id) = (text(1)?, text(2)?, text(5)?);
    let damaged = || RowError::Damaged(format!("{} {vault}/{name}/{id}", kind.one));
    let sealed = row.get_ref(9)?.as_blob().map_err(rusqlite::Error::from)?;
    let opened = seal.open(&[vault, kind.one, &name, &id], sealed);
    let opened = opened.map_err(|_forged| damaged())?;
    let tags: Option<String> = row.get(7)?;
    let tags = tags.map(|tags| serde_json::from_str(&tags)).transpose();
    let version = Version {
        attributes: serde_json::from_str(&text(6)?).map_err(|_other_form| damaged())?,
        tags: tags.map_err(|_other_form| damaged())?,
        managed: row.get(8)?,
        body: T::restore(&opened).ok_or_else(damaged)?,
        id: id.clone(),
    };
    shelf.put(&shown, version);
    shelf.mark(&name, row.get(3)?);
    let policy: Option<String> = row.get(4)?;
    if let Some(policy) = policy {
        let policy: Value = serde_json::from_str(&policy).map_err(|_other_form| damaged())?;
        shelf.set_policy(&name, policy);
    }
    Ok(())
}
