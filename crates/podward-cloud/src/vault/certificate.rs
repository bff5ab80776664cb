//! Certificates.

use std::sync::Arc;

use axum::http::Method;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use podward_api::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::backup;
use super::bundle::Bundle;
use super::data::{pack, unpack};
use super::door::{Call, Query};
use super::fault::Fault;
use super::issuer;
use super::key::Key;
use super::material::Material;
use super::objects::{self, Backup, Detail, Kind, Object, Sent, Told, read, restored};
use super::pending;
use super::policy::Policy;
use super::secret::Secret;
use super::shelf::{Attributes, Shelf, Tags, Version};
use super::step::{Any, Step};
use super::store::{Store, new_version};
use super::x509;
use crate::answer;

/// What a version of a certificate holds. Its key and the secret with both are on their own shelves.
#[derive(Clone)]
pub(super) struct Certificate {
    /// Empty while it waits for a merge.
    pub(super) der: Vec<u8>,
    /// Whether its chain stands in the client's order.
    pub(super) in_order: bool,
}

impl Certificate {
    /// SHA-1 of the certificate, base64url: the thumbprint that the service still uses.
    fn thumbprint(&self) -> String {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        URL_SAFE_NO_PAD.encode(digest.as_ref())
    }
}

impl Object for Certificate {
    const KIND: Kind = Kind {
        one: "certificate",
        many: "certificates",
        deleted: "deletedcertificates",
        title: "Certificate",
        not_found: "CertificateNotFound",
        disabled: "CertificateDisabled",
        update: "update",
    };

    fn shelf(store: &Store) -> &Shelf<Self> {
        &store.certificates
    }

    fn any(version: Version<Self>) -> Any {
        Any::Certificate(version)
    }

    fn tell(&self, call: &Call<'_>, told: &Told<'_>, fields: &mut Map<String, Value>) {
        fields.insert("id".into(), json!(told.id));
        if !self.waits() {
            fields.insert("x5t".into(), json!(self.thumbprint()));
        }
        if told.detail == Detail::Entry {
            return;
        }
        let of = |kind| json!(call.id(kind, told.name, Some(told.version)));
        fields.insert("kid".into(), of(Key::KIND));
        fields.insert("sid".into(), of(Secret::KIND));
        if !self.waits() {
            fields.insert("cer".into(), json!(STANDARD.encode(&self.der)));
        }
        let pending = format!("{}/pending", call.id(Self::KIND, told.name, None));
        fields.insert("pending".into(), json!({"id": pending}));
        if call.query.since("2025-07-01") {
            fields.insert("preserveCertOrder".into(), json!(self.in_order));
        }
        fields.insert("policy".into(), told_policy(call, told.name, told.policy));
    }

    fn update(&mut self, _: &Value) -> Result<(), Fault> {
        Ok(())
    }

    fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
        Some(pack(&[&self.der, &[u8::from(self.in_order)]]))
    }

    fn restore(saved: &[u8]) -> Option<Self> {
        let fields = unpack(saved)?;
        Some(Self {
            der: fields.first()?.to_vec(),
            in_order: fields.get(1).is_some_and(|order| *order == [1]),
        })
    }

    fn waits(&self) -> bool {
        self.der.is_empty()
    }

    fn policy(store: &Store, name: &str, sent: &Value, now: i64) -> Result<Option<Value>, Fault> {
        let Some(sent) = sent.get("policy").filter(|policy| !policy.is_null()) else {
            return Ok(None);
        };
        let sent: Policy = read(sent.to_string().as_bytes())?;
        let item = store.certificates.live(name);
        let last = item.and_then(|item| item.policy.clone());
        changed(store, last, sent, now).map(Some)
    }
}

/// A policy after a change.
fn changed(store: &Store, last: Option<Value>, sent: Policy, now: i64) -> Result<Value, Fault> {
    let last: Policy = serde_json::from_value(last.unwrap_or_default()).unwrap_or_default();
    let changed = last.changed(sent, now)?;
    if store.issuers.signs(changed.issuer()).is_none() {
        return Err(pending::no_issuer(changed.issuer()));
    }
    Ok(json!(changed))
}

/// A policy with its address.
fn told_policy(call: &Call<'_>, name: &str, policy: Option<&Value>) -> Value {
    let mut told = policy.cloned().unwrap_or_else(|| json!({}));
    if let Some(told) = told.as_object_mut() {
        let id = format!("{}/policy", call.id(Certificate::KIND, name, None));
        told.insert("id".into(), json!(id));
    }
    told
}

/// Answers what is asked of certificates.
pub(super) fn serve(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Option<Response>, Fault> {
    let told = match (method, rest) {
        (_, ["issuers", rest @ ..]) => match issuer::serve(call, method, rest, query, body)? {
            Some(told) => told,
            None => return Ok(None),
        },
        (_, ["contacts"]) => match issuer::contacts(call, method, body)? {
            Some(told) => told,
            None => return Ok(None),
        },
        (&Method::POST, ["restore"]) => restore(call, body)?,
        (&Method::POST, [name, "backup"]) => backup(call, name)?,
        (&Method::GET, [name, "policy"]) => policy(call, name)?,
        (&Method::PATCH, [name, "policy"]) => change_policy(call, name, body)?,
        (&Method::POST, [name, "import"]) => import(call, name, body)?,
        (&Method::POST, [_, "create"]) | (_, [_, "pending", ..]) => {
            return pending::serve(call, method, rest, query, body);
        }
        _ => return objects::serve::<Certificate>(call, method, rest, query, body),
    };
    Ok(Some(answer(200, &told)))
}

fn policy(call: &Call<'_>, name: &str) -> Result<Value, Fault> {
    call.may(Certificate::KIND, "get", name)?;
    let store = call.store();
    let item = store.certificates.live(name);
    let item = item.ok_or_else(|| call.missing::<Certificate>(name, None))?;
    call.granted(Certificate::KIND, "get", name, "")?;
    Ok(told_policy(call, &item.name, item.policy.as_ref()))
}

fn change_policy(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    call.may(Certificate::KIND, "update", name)?;
    let sent: Policy = read(body)?;
    let mut store = call.store();
    let missing = || call.missing::<Certificate>(name, None);
    let item = store.certificates.live(name).ok_or_else(missing)?;
    let changed = changed(&store, item.policy.clone(), sent, call.now())?;
    call.granted(Certificate::KIND, "update", name, "")?;
    store.commit(vec![Step::Policy(
        Certificate::KIND,
        name.to_owned(),
        changed,
    )])?;
    let item = store.certificates.live(name).ok_or_else(missing)?;
    Ok(told_policy(call, &item.name, item.policy.as_ref()))
}

fn import(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        value: Zeroizing<String>,
        pwd: Option<Zeroizing<String>>,
        policy: Option<Policy>,
        #[serde(default, rename = "preserveCertOrder")]
        in_order: Option<bool>,
    }
    call.may(Certificate::KIND, "import", name)?;
    let (wanted, sent): (Wanted, Sent) = (read(body)?, read(body)?);
    let password = wanted.pwd.as_ref().map(|text| text.as_str());
    let ordered = wanted.in_order != Some(true);
    let (bundle, is_pem) = Bundle::import(&wanted.value, password.unwrap_or_default(), ordered)?;
    let own = Policy::of_import(&bundle.leaf, &bundle.key, is_pem)?;
    let policy = match wanted.policy {
        Some(policy) if policy.names_content_type() => policy,
        Some(policy) => policy.with_content_type(is_pem),
        None => Policy::default().with_content_type(is_pem),
    };
    let new = New {
        name,
        right: "import",
        version: None,
        bundle: &bundle,
        policy: &own.imported(policy)?,
        sent,
    };
    let mut store = call.store();
    pending::none_in_progress(&store, name)?;
    let (id, steps) = new.add(call, &mut store)?;
    store.commit(steps)?;
    call.again::<Certificate>(&store, name, &id, Detail::Bundle)
}

/// A certificate is no use without its key, which its backup has too.
fn backup(call: &Call<'_>, name: &str) -> Result<Value, Fault> {
    call.may(Certificate::KIND, "backup", name)?;
    let store = call.store();
    let all = || {
        let (certificate, key) = (store.certificates.live(name)?, store.keys.live(name)?);
        Some((certificate, key, store.secrets.live(name)?))
    };
    let (certificate, key, secret) =
        all().ok_or_else(|| call.missing::<Certificate>(name, None))?;
    let blob = backup::seal_certificate(certificate, key, secret, &call.backup_key()?)?;
    call.granted(Certificate::KIND, "backup", name, "")?;
    Ok(json!({"value": blob}))
}

fn restore(call: &Call<'_>, body: &[u8]) -> Result<Value, Fault> {
    call.may(Certificate::KIND, "restore", "")?;
    let sent: Backup = read(body)?;
    let whole = backup::open_certificate(&sent.value, &call.backup_key()?)?;
    let name = whole.certificate.name.clone();
    let mut store = call.store();
    free(call, &mut store, &name)?;
    if store.certificates.get(&name).is_some() {
        let text = format!("Certificate {name} is there already");
        return Err(Fault::new(409, "Conflict", text));
    }
    let latest = whole.certificate.version(None);
    let id = latest.map(|latest| latest.id.clone()).unwrap_or_default();
    call.granted(Certificate::KIND, "restore", &name, &id)?;
    let mut steps = restored(whole.certificate);
    steps.extend(restored(whole.key));
    steps.extend(restored(whole.secret));
    store.commit(steps)?;
    call.again::<Certificate>(&store, &name, &id, Detail::Bundle)
}

/// Whether a certificate may take the name: its key and its secret have it too.
pub(super) fn free(call: &Call<'_>, store: &mut Store, name: &str) -> Result<(), Fault> {
    call.not_deleted::<Certificate>(store, name)?;
    let other_secret = store.secrets.get(name).is_some_and(|item| !item.managed());
    if other_secret || store.keys.get(name).is_some_and(|item| !item.managed()) {
        // one that was deleted says so
        call.not_deleted::<Secret>(store, name)?;
        call.not_deleted::<Key>(store, name)?;
        let text = format!("A key or a secret has the name {name} already");
        return Err(Fault::new(409, "Conflict", text));
    }
    Ok(())
}

/// A version of a certificate that a client asks for.
pub(super) struct New<'a> {
    pub(super) name: &'a str,
    /// What the client must be allowed.
    pub(super) right: &'static str,
    /// The version that has waited for it; a new one where there is none.
    pub(super) version: Option<String>,
    pub(super) bundle: &'a Bundle,
    pub(super) policy: &'a Policy,
    pub(super) sent: Sent,
}

impl New<'_> {
    /// What adds it with its key and its secret, once it is recorded as granted.
    pub(super) fn add(
        self,
        call: &Call<'_>,
        store: &mut Store,
    ) -> Result<(String, Vec<Step>), Fault> {
        free(call, store, self.name)?;
        let (mut attributes, tags) = self.sent.made(call.now())?;
        let read = x509::read(&self.bundle.leaf);
        let read = read.ok_or_else(|| Fault::bad("The certificate cannot be read"))?;
        attributes.nbf = Some(read.not_before);
        attributes.exp = Some(read.not_after);
        let item = store.certificates.live(self.name);
        let waited = item.and_then(|item| item.version(Some(self.version.as_deref()?)));
        let id = match waited {
            Some(waited) => {
                attributes.created = waited.attributes.created;
                waited.id.clone()
            }
            None => new_version().map_err(Fault::unavailable)?,
        };
        let (bundle, policy) = (self.bundle, self.policy);
        let steps = made(self.name, &id, bundle, policy, &attributes, tags.as_ref())?;
        call.granted(Certificate::KIND, self.right, self.name, &id)?;
        Ok((id, steps))
    }
}

/// A version of a certificate that is still to be merged, with its key: all disabled.
pub(super) fn waiting(
    name: &str,
    id: &str,
    key: &Arc<Material>,
    policy: &Policy,
    sent: Sent,
    now: i64,
) -> Result<Vec<Step>, Fault> {
    let (mut attributes, tags) = sent.without_times().made(now)?;
    attributes.enabled = false;
    let tags = tags.as_ref();
    let secret = Secret {
        value: SecretString::new(String::new()),
        content_type: Some(policy.content_type().to_owned()),
    };
    let leaf = Certificate {
        der: Vec::new(),
        in_order: false,
    };
    let key = Key::of(Arc::clone(key));
    Ok(vec![
        Step::put(name, version(id, &attributes, tags, true, secret)),
        Step::put(name, version(id, &attributes, tags, true, key)),
        Step::put(name, version(id, &attributes, tags, false, leaf)),
        policy_step(name, policy, now),
    ])
}

fn policy_step(name: &str, policy: &Policy, now: i64) -> Step {
    let policy = json!(policy.clone().dated(now));
    Step::Policy(Certificate::KIND, name.to_owned(), policy)
}

/// A version of a certificate with its key and its secret, and the policy it was made by.
pub(super) fn made(
    name: &str,
    id: &str,
    bundle: &Bundle,
    policy: &Policy,
    attributes: &Attributes,
    tags: Option<&Tags>,
) -> Result<Vec<Step>, Fault> {
    let secret = Secret {
        value: bundle.secret(policy)?,
        content_type: Some(policy.content_type().to_owned()),
    };
    let leaf = Certificate {
        der: bundle.leaf.clone(),
        in_order: bundle.preserves_order(),
    };
    let key = Key::of(Arc::clone(&bundle.key));
    Ok(vec![
        Step::put(name, version(id, attributes, tags, true, secret)),
        Step::put(name, version(id, attributes, tags, true, key)),
        Step::put(name, version(id, attributes, tags, false, leaf)),
        policy_step(name, policy, attributes.updated),
    ])
}

fn version<T>(
    id: &str,
    attributes: &Attributes,
    tags: Option<&Tags>,
    managed: bool,
    body: T,
) -> Version<T> {
    Version {
        id: id.to_owned(),
        attributes: attributes.clone(),
        tags: tags.cloned(),
        managed,
        body,
    }
}
