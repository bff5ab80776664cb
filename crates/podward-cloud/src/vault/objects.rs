//! What is the same for secrets, keys and certificates.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::backup;
use super::certificate::Certificate;
use super::door::{Call, Query};
use super::fault::{Fault, shown};
use super::page::Page;
use super::shelf::{Attributes, Item, Shelf, Tags, Version};
use super::step::{Any, Step, along};
use super::store::{Store, valid_name};
use crate::answer;

/// Most tags of a version.
const MAX_TAGS: usize = 15;
/// Longest name or value of a tag, characters.
const MAX_TAG: usize = 256;
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

/// What a client may say of a version.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    attributes: Option<SentAttributes>,
    tags: Option<Tags>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SentAttributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

impl Sent {
    fn check(&self) -> Result<(), Fault> {
        let tags = self.tags.iter().flatten();
        let long = |text: &String| text.chars().count() > MAX_TAG;
        if tags.clone().count() > MAX_TAGS || tags.clone().any(|(n, v)| long(n) || long(v)) {
            return Err(Fault::bad(format!(
                "There are at most {MAX_TAGS} tags, whose names and values have at most {MAX_TAG} characters"
            )));
        }
        Ok(())
    }

    /// Attributes and tags of a new version.
    pub(super) fn made(self, now: i64) -> Result<(Attributes, Option<Tags>), Fault> {
        let (mut attributes, mut tags) = (Attributes::new(now), None);
        self.apply(&mut attributes, &mut tags, now)?;
        Ok((attributes, tags))
    }

    /// Changes what is named and leaves the rest.
    fn apply(
        self,
        attributes: &mut Attributes,
        tags: &mut Option<Tags>,
        now: i64,
    ) -> Result<(), Fault> {
        self.check()?;
        let sent = self.attributes.unwrap_or_default();
        let (nbf, exp) = (sent.nbf.or(attributes.nbf), sent.exp.or(attributes.exp));
        if let (Some(nbf), Some(exp)) = (nbf, exp)
            && exp <= nbf
        {
            return Err(Fault::bad("The attribute 'exp' must be later than 'nbf'"));
        }
        (attributes.nbf, attributes.exp) = (nbf, exp);
        attributes.enabled = sent.enabled.unwrap_or(attributes.enabled);
        attributes.updated = now;
        *tags = self.tags.or(tags.take());
        Ok(())
    }
}

/// What deletes an object, or brings it back, with what goes along.
fn marked(kind: Kind, name: &str, deleted: Option<i64>) -> Vec<Step> {
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

/// Reads a body. What it holds is not told: it may be a secret.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
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

/// Answers what is asked of deleted objects; `None` where it is nothing that is served.
pub(super) fn serve_deleted<T: Object>(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
) -> Result<Option<Response>, Fault> {
    let told = match (method, rest) {
        (&Method::GET, []) => call.list_deleted::<T>(query)?,
        (&Method::GET, [name]) => call.get_deleted::<T>(name)?,
        (&Method::POST, [name, "recover"]) => call.recover::<T>(name)?,
        (&Method::DELETE, [name]) => {
            call.purge::<T>(name)?;
            return Ok(Some(StatusCode::NO_CONTENT.into_response()));
        }
        _ => return Ok(None),
    };
    Ok(Some(answer(200, &told)))
}

impl Call<'_> {
    /// Address of an object or of one of its versions.
    pub(super) fn id(&self, kind: Kind, name: &str, version: Option<&str>) -> String {
        let version = version.map(|v| format!("/{v}")).unwrap_or_default();
        format!("{}/{}/{name}{version}", self.base, kind.many)
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

    fn missing_deleted<T: Object>(name: &str) -> Fault {
        Fault::new(
            404,
            T::KIND.not_found,
            format!("Deleted {} not found: {name}", T::KIND.title),
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
    fn forget<T: Object>(&self, store: &mut Store) -> Result<(), Fault> {
        let until = self.now() - self.vault.retention() * DAY;
        let old = T::shelf(store).deleted_until(until);
        if old.is_empty() {
            return Ok(());
        }
        let purge = |name| Step::Purge(T::KIND, name);
        store.commit(old.into_iter().map(purge).collect())
    }

    fn get<T: Object>(&self, name: &str, version: Option<&str>) -> Result<Value, Fault> {
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
        self.granted(T::KIND, "list", "", "")?;
        let store = self.store();
        let all = T::shelf(&store)
            .after(&page.after, false)
            .filter_map(|(name, item)| {
                let latest = item.version(None)?;
                Some((
                    name.to_owned(),
                    self.told(item, latest, Detail::Entry, false),
                ))
            });
        let list = format!("{}/{}", self.base, T::KIND.many);
        Ok(page.fill(all, &list, &query.version))
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
            .filter(|(_, version)| version.id > page.after)
            .collect();
        all.sort_by_key(|(_, version)| &version.id);
        let all = all.into_iter().map(|(item, version)| {
            (
                version.id.clone(),
                self.told(item, version, Detail::Entry, true),
            )
        });
        let list = format!("{}/versions", self.id(T::KIND, name, None));
        Ok(page.fill(all, &list, &query.version))
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
        sent.apply(&mut changed.attributes, &mut changed.tags, self.now())?;
        changed.body.update(&all)?;
        let id = changed.id.clone();
        self.granted(kind, kind.update, name, &id)?;
        let mut steps = store.shared(kind, name, &changed);
        steps.push(Step::put(name, changed));
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

    fn delete<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        let kind = T::KIND;
        self.may(kind, "delete", name)?;
        let mut store = self.store();
        let item = T::shelf(&store).live(name);
        let latest = item.and_then(|item| item.version(None));
        let latest = latest.ok_or_else(|| self.missing::<T>(name, None))?;
        Self::own(item)?;
        self.granted(kind, "delete", name, &latest.id)?;
        let id = latest.id.clone();
        let mut steps = marked(kind, name, Some(self.now()));
        if kind == Certificate::KIND {
            steps.push(Step::Pending(name.to_owned(), None));
        }
        store.commit(steps)?;
        self.again::<T>(&store, name, &id, Detail::Bundle)
    }

    fn list_deleted<T: Object>(&self, query: &Query) -> Result<Value, Fault> {
        self.may(T::KIND, "list", "")?;
        let page = Page::of(|name| query.parameter(name))?;
        self.granted(T::KIND, "list", "", "")?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let all = T::shelf(&store).after(&page.after, true);
        let all = all
            .filter(|(_, item)| !item.managed())
            .filter_map(|(name, item)| {
                let latest = item.version(None)?;
                Some((
                    name.to_owned(),
                    self.told(item, latest, Detail::Entry, true),
                ))
            });
        let list = format!("{}/{}", self.base, T::KIND.deleted);
        Ok(page.fill(all, &list, &query.version))
    }

    fn get_deleted<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        self.may(T::KIND, "get deleted", name)?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let item = T::shelf(&store).deleted(name);
        let found = item.and_then(|item| Some((item, item.version(None)?)));
        let (item, latest) = found.ok_or_else(|| Self::missing_deleted::<T>(name))?;
        self.granted(T::KIND, "get deleted", name, &latest.id)?;
        Ok(self.told(item, latest, Detail::Bundle, true))
    }

    fn recover<T: Object>(&self, name: &str) -> Result<Value, Fault> {
        self.may(T::KIND, "recover", name)?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let item = T::shelf(&store).deleted(name);
        Self::own(item)?;
        let latest = item.and_then(|item| item.version(None));
        let latest = latest.ok_or_else(|| Self::missing_deleted::<T>(name))?;
        self.granted(T::KIND, "recover", name, &latest.id)?;
        let id = latest.id.clone();
        store.commit(marked(T::KIND, name, None))?;
        self.again::<T>(&store, name, &id, Detail::Bundle)
    }

    fn purge<T: Object>(&self, name: &str) -> Result<(), Fault> {
        self.may(T::KIND, "purge", name)?;
        let mut store = self.store();
        self.forget::<T>(&mut store)?;
        let item = T::shelf(&store).deleted(name);
        Self::own(item)?;
        if item.is_none() {
            return Err(Self::missing_deleted::<T>(name));
        }
        if self.vault.purge_protection {
            let text = format!(
                "Operation \"purge\" is not allowed because purge protection is enabled for this vault. Key Vault service will automatically purge it after the retention period has passed. Vault: {}",
                self.vault.name
            );
            return Err(Fault::new(403, "Forbidden", text));
        }
        self.granted(T::KIND, "purge", name, "")?;
        let purge = |kind: &Kind| Step::Purge(*kind, name.to_owned());
        store.commit(along(T::KIND).iter().map(purge).collect())
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
