//! What is the same for secrets, keys and certificates.

use axum::http::Method;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::backup;
use super::certificate::Certificate;
use super::door::{Call, Query};
use super::fault::{Fault, shown};
use super::page::Page;
pub(super) use super::sent::Sent;
use super::shelf::{Item, Shelf, Version};
use super::step::{Any, Step, along};
use super::store::{Store, valid_name};
use crate::answer;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// A kind of object, and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// `secret`.
    pub(super) one: &'static str,
    /// `secrets`, as in addresses.
    pub(super) many: &'static str,
    /// `deletedsecrets`.
    pub(super) deleted: &'static str,
    /// `Secret`, as texts begin.
    pub(super) title: &'static str,
    /// `SecretNotFound`.
    pub(super) not_found: &'static str,
    /// `SecretDisabled`.
    pub(super) disabled: &'static str,
    /// The right that a change of attributes asks for.
    pub(super) update: &'static str,
}

/// How much is told of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// An entry of a list.
    Entry,
    /// Everything but what is secret.
    Bundle,
    /// Everything.
    Whole,
}

/// A kind of object.
pub(super) trait Object: Clone {
    /// Its words.
    const KIND: Kind;
    /// Where a vault keeps them.
    fn shelf(store: &Store) -> &Shelf<Self>;
    /// The version of one kind among all.
    fn any(version: Version<Self>) -> Any;
    /// Adds the fields that other kinds do not have. `id` is the version's address, or the object's in a list.
    fn tell(&self, call: &Call<'_>, told: &Told<'_>, fields: &mut Map<String, Value>);
    /// Takes the fields of a change that other kinds do not have.
    fn update(&mut self, sent: &Value) -> Result<(), Fault>;
    /// Whether it is still to come: a certificate that waits for a merge.
    fn waits(&self) -> bool {
        false
    }
    /// The policy of an object after a change of one of its versions, where it has one and it changes with it.
    fn policy(
        _store: &Store,
        _name: &str,
        _sent: &Value,
        _now: i64,
    ) -> Result<Option<Value>, Fault> {
        Ok(None)
    }
    /// Everything, to be encrypted; `None` where it could not be made.
    fn save(&self) -> Option<Zeroizing<Vec<u8>>>;
    /// The way back.
    fn restore(saved: &[u8]) -> Option<Self>;
}

/// What a version is told by.
pub(super) struct Told<'a> {
    pub(super) name: &'a str,
    pub(super) version: &'a str,
    pub(super) managed: bool,
    pub(super) id: String,
    pub(super) detail: Detail,
    pub(super) policy: Option<&'a Value>,
}

/// What deletes an object, or brings it back, with what goes along.
pub(super) fn marked(kind: Kind, name: &str, deleted: Option<i64>) -> Vec<Step> {
    let mark = |kind: &Kind| Step::Mark(*kind, name.to_owned(), deleted);
    along(kind).iter().map(mark).collect()
}

/// A backup as a client sends it.
#[derive(Deserialize)]
pub(super) struct Backup {
    pub(super) value: String,
}

/// What puts an object of a backup in its place.
pub(super) fn restored<T: Object>(item: Item<T>) -> Vec<Step> {
    let name = item.name;
    let versions = item.versions.into_iter();
    let mut steps: Vec<_> = versions.map(|one| Step::put(&name, one)).collect();
    if let Some(policy) = item.policy {
        steps.push(Step::Policy(T::KIND, name, policy));
    }
    steps
}

/// What some clients put before their JSON, and what a reader may ignore (RFC 8259, 8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a body. What it holds is not told: it may be a secret.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    serde_json::from_slice(body).map_err(|e| {
        Fault::bad(format!(
            "The request body is not the JSON that this operation takes (line {}, column {})",
            e.line(),
            e.column()
        ))
    })
}

/// Answers what all kinds have in common; `None` where it is nothing of that.
pub(super) fn serve<T: Object>(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Option<Response>, Fault> {
    let told = match (method, rest) {
        (&Method::GET, []) => call.list::<T>(query)?,
        (&Method::GET, [name, "versions"]) => call.list_versions::<T>(name, query)?,
        (&Method::POST, ["restore"]) => call.restore::<T>(body)?,
        (&Method::POST, [name, "backup"]) => call.backup::<T>(name)?,
        (&Method::GET, [name]) => call.get::<T>(name, None)?,
        (&Method::GET, [name, version]) => call.get::<T>(name, Some(version))?,
        (&Method::PATCH, [name]) => call.update::<T>(name, None, body)?,
        (&Method::PATCH, [name, version]) => call.update::<T>(name, Some(version), body)?,
        (&Method::DELETE, [name]) => call.delete::<T>(name)?,
        _ => return Ok(None),
    };
    Ok(Some(answer(200, &told)))
}

/// Whether a list is to have certificates that are still to come.
fn pending_too(query: &Query) -> bool {
    let asked = query.parameter("includePending");
    asked.is_some_and(|asked| asked.eq_ignore_ascii_case("true"))
}

impl Call<'_> {
    /// Address of an object or of one of its versions.
    pub(super) fn id(&self, kind: Kind, name: &str, version: Option<&str>) -> String {
        let (slash, version) = version.map_or(("", ""), |version| ("/", version));
        [&*self.base, "/", kind.many, "/", name, slash, version].concat()
    }

    /// A version as JSON.
    pub(super) fn told<T: Object>(
        &self,
        item: &Item<T>,
        version: &Version<T>,
        detail: Detail,
        with_version: bool,
    ) -> Value {
        let mut fields = Map::new();
        let told = Told {
            name: &item.name,
            version: &version.id,
            managed: version.managed,
            id: self.id(T::KIND, &item.name, with_version.then_some(&version.id)),
            detail,
            policy: item.policy.as_ref(),
        };
        let mut attributes = json!(version.attributes);
        if let Some(attributes) = attributes.as_object_mut() {
            attributes.insert("recoveryLevel".into(), json!(self.vault.recovery_level()));
            attributes.insert("recoverableDays".into(), json!(self.vault.retention()));
        }
        fields.insert("attributes".into(), attributes);
        if let Some(tags) = &version.tags {
            fields.insert("tags".into(), json!(tags));
        }
        if version.managed {
            fields.insert("managed".into(), json!(true));
        }
        let certified = T::KIND == Certificate::KIND || version.managed;
        if certified && detail != Detail::Entry && self.query.since("2025-07-01") {
            let before = item.versions.iter().take_while(|one| one.id != version.id);
            if let Some(previous) = before.filter(|one| !one.body.waits()).last() {
                fields.insert("previousVersion".into(), json!(previous.id));
            }
        }
        version.body.tell(self, &told, &mut fields);
        if let Some(at) = item.deleted {
            let id = format!("{}/{}/{}", self.base, T::KIND.deleted, item.name);
            fields.insert("recoveryId".into(), json!(id));
            fields.insert("deletedDate".into(), json!(at));
            let until = at + self.vault.retention() * DAY;
            fields.insert("scheduledPurgeDate".into(), json!(until));
        }
        Value::Object(fields)
    }

    /// There is no such object, or no such version.
    pub(super) fn missing<T: Object>(&self, name: &str, version: Option<&str>) -> Fault {
        let kind = T::KIND;
        let version = version
            .map(|v| format!("/{}", shown(v)))
            .unwrap_or_default();
        Fault::new(
            404,
            kind.not_found,
            format!(
                "A {} with (name/id) {name}{version} was not found in this key vault. If you recently deleted this {0} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182",
                kind.one
            ),
        )
    }

    /// Whether a name is free of an object that was deleted and may come back.
    pub(super) fn not_deleted<T: Object>(
        &self,
        store: &mut Store,
        name: &str,
    ) -> Result<(), Fault> {
        if T::shelf(store).deleted(name).is_none() {
            return Ok(());
        }
        self.forget::<T>(store)?;
        if T::shelf(store).deleted(name).is_none() {
            return Ok(());
        }
        let kind = T::KIND;
        Err(Fault::new(409, "Conflict", format!(
            "{} {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the {} can only be recovered or purged.",
            kind.title, kind.one
        ))
        .inner("ObjectIsDeletedButRecoverable"))
    }

    /// Whether an object may be changed by itself: those of a certificate change with it.
    pub(super) fn own<T: Object>(item: Option<&Item<T>>) -> Result<(), Fault> {
        if item.is_some_and(Item::managed) {
            let text = format!(
                "Operation is not allowed on a {} that belongs to a certificate",
                T::KIND.one
            );
            return Err(Fault::new(403, "Forbidden", text));
        }
        Ok(())
    }

    /// Drops what was deleted longer ago than the vault keeps it.
    pub(super) fn forget<T: Object>(&self, store: &mut Store) -> Result<(), Fault> {
        let until = self.now() - self.vault.retention() * DAY;
        let old = T::shelf(store).deleted_until(until);
        if old.is_empty() {
            return Ok(());
        }
        let purge = |name| Step::Purge(T::KIND, name);
        store.commit(old.into_iter().map(purge).collect())
    }

    /// A version with everything.
    pub(super) fn get<T: Object>(&self, name: &str, version: Option<&str>) -> Result<Value, Fault> {
        let kind = T::KIND;
        self.may(kind, "get", name)?;
        let store = self.store();
        let item = T::shelf(&store).live(name);
        let found = item.and_then(|item| Some((item, item.version(version)?)));
        let (item, found) = found.ok_or_else(|| self.missing::<T>(name, version))?;
        // what a certificate or a key tells is public; its state is told with it
        if kind.one == "secret" && !found.attributes.enabled {
            let text = "Operation get is not allowed on a disabled secret.";
            return Err(Fault::new(403, "Forbidden", text).inner(kind.disabled));
        }
        self.granted(kind, "get", name, &found.id)?;
        Ok(self.told(item, found, Detail::Whole, true))
    }

    fn list<T: Object>(&self, query: &Query) -> Result<Value, Fault> {
        self.may(T::KIND, "list", "")?;
        let page = Page::of(|name| query.parameter(name))?;
        let with_pending = pending_too(query);
        self.granted(T::KIND, "list", "", "")?;
        let store = self.store();
        let all = T::shelf(&store)
            .after(&page.after, false)
            .filter_map(|(name, item)| {
                let latest = item.version(None)?;
                if latest.body.waits() && !with_pending {
                    return None;
                }
                Some((
                    name.to_owned(),
                    self.told(item, latest, Detail::Entry, false),
                ))
            });
        let list = format!("{}/{}", self.base, T::KIND.many);
        let more = if with_pending {
            "&includePending=true"
        } else {
            ""
        };
        Ok(page.fill(all, &format!("{list}?api-version={}{more}", query.version)))
    }

    fn list_versions<T: Object>(&self, name: &str, query: &Query) -> Result<Value, Fault> {
        self.may(T::KIND, "list", name)?;
        let page = Page::of(|name| query.parameter(name))?;
        self.granted(T::KIND, "list", name, "")?;
        let store = self.store();
        let item = T::shelf(&store).live(name);
        let mut all: Vec<_> = item
            .iter()
            .flat_map(|item| item.versions.iter().map(move |version| (*item, version)))
            .filter(|(_, version)| version.id > page.after && !version.body.waits())
            .collect();
        all.sort_by_key(|(_, version)| &version.id);
        let all = all.into_iter().map(|(item, version)| {
            (
                version.id.clone(),
                self.told(item, version, Detail::Entry, true),
            )
        });
        let list = format!("{}/versions", self.id(T::KIND, name, None));
        Ok(page.fill(all, &format!("{list}?api-version={}", query.version)))
    }

    fn update<T: Object>(
        &self,
        name: &str,
        version: Option<&str>,
        body: &[u8],
    ) -> Result<Value, Fault> {
        let kind = T::KIND;
        self.may(kind, kind.update, name)?;
        let (sent, all): (Sent, Value) = (read(body)?, read(body)?);
        let mut store = self.store();
        let item = T::shelf(&store).live(name);
        let found = item.and_then(|item| item.version(version));
        let mut changed = found
            .cloned()
            .ok_or_else(|| self.missing::<T>(name, version))?;
        Self::own(item)?;
        // the times of a certificate stand in it
        let sent = if kind == Certificate::KIND {
            sent.without_times()
        } else {
            sent
        };
        sent.apply(&mut changed.attributes, &mut changed.tags, self.now())?;
        if changed.body.waits() {
            changed.attributes.enabled = false;
        }
        changed.body.update(&all)?;
        let policy = T::policy(&store, name, &all, self.now())?;
        let id = changed.id.clone();
        self.granted(kind, kind.update, name, &id)?;
        let mut steps = store.shared(kind, name, &changed);
        steps.push(Step::put(name, changed));
        steps.extend(policy.map(|policy| Step::Policy(kind, name.to_owned(), policy)));
        store.commit(steps)?;
        self.again::<T>(&store, name, &id, Detail::Bundle)
    }

    /// A version that was just looked at or made.
    pub(super) fn again<T: Object>(
        &self,
        store: &Store,
        name: &str,
        version: &str,
        detail: Detail,
    ) -> Result<Value, Fault> {
        let item = T::shelf(store).get(name);
        let found = item.and_then(|item| Some((item, item.version(Some(version))?)));
        let (item, found) = found.ok_or_else(|| self.missing::<T>(name, Some(version)))?;
        Ok(self.told(item, found, detail, true))
    }

    pub(super) fn backup_key(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let key = self.cloud.keys.backup();
        key.map_err(|e| Fault::unavailable(e.to_string()))
    }

    fn backup<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        self.may(T::KIND, "backup", name)?;
        let store = self.store();
        let item = T::shelf(&store).live(name);
        let item = item.ok_or_else(|| self.missing::<T>(name, None))?;
        Self::own(Some(item))?;
        let blob = backup::seal(item, &self.backup_key()?)?;
        self.granted(T::KIND, "backup", name, "")?;
        Ok(json!({"value": blob}))
    }

    fn restore<T: Object>(&self, body: &[u8]) -> Result<Value, Fault> {
        self.may(T::KIND, "restore", "")?;
        let sent: Backup = read(body)?;
        let item = backup::open::<T>(&sent.value, &self.backup_key()?)?;
        let name = item.name.clone();
        if !valid_name(&name) {
            return Err(Fault::bad("The backup blob is of another vault"));
        }
        let mut store = self.store();
        self.not_deleted::<T>(&mut store, &name)?;
        if T::shelf(&store).get(&name).is_some() {
            let text = format!("{} {name} is there already", T::KIND.title);
            return Err(Fault::new(409, "Conflict", text));
        }
        let id = item.version(None).map(|latest| latest.id.clone());
        let id = id.unwrap_or_default();
        self.granted(T::KIND, "restore", &name, &id)?;
        store.commit(restored(item))?;
        self.again::<T>(&store, &name, &id, Detail::Bundle)
    }
}
