//! Certificates that are asked for: made at once where a vault signs itself, and else once they are merged.

use std::sync::Arc;

use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bundle::Bundle;
use super::certificate::{self, Certificate, New};
use super::data::{pack, unpack};
use super::door::{Call, Query};
use super::fault::{Fault, shown};
use super::issuer::Signs;
use super::material::Material;
use super::objects::{Detail, Object, Sent, read};
use super::policy::Policy;
use super::step::Step;
use super::store::{Store, new_version};
use super::x509;
use crate::answer;
use crate::ids::new_id;

/// A request for a certificate.
#[derive(Clone)]
pub(super) struct Pending {
    /// As it was asked for.
    name: String,
    request_id: String,
    csr: Vec<u8>,
    policy: Policy,
    /// Attributes and tags of the version to come.
    sent: Value,
    /// The key, until the certificate is there.
    key: Option<Arc<Material>>,
    cancelled: bool,
    /// Whether the issuer could not be asked.
    failed: bool,
    /// The version that waits for the certificate; none where the name has one already.
    version: Option<String>,
    /// Whether the chain is to stand in the client's order.
    in_order: bool,
}

/// Whether no certificate of this name is being asked for.
pub(super) fn none_in_progress(store: &Store, name: &str) -> Result<(), Fault> {
    let pending = store.pending.get(&name.to_ascii_lowercase());
    if pending.is_some_and(|pending| pending.key.is_some() && !pending.cancelled) {
        let text = "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress.";
        return Err(Fault::new(409, "Conflict", text));
    }
    Ok(())
}

/// There is no such issuer, or it is disabled.
pub(super) fn no_issuer(name: &str) -> Fault {
    let text = format!("Issuer not found: {}", shown(name));
    Fault::bad(text)
}

impl Pending {
    /// Everything, to be encrypted.
    pub(super) fn save(&self) -> Zeroizing<Vec<u8>> {
        let told = json!({
            "name": self.name, "request_id": self.request_id, "csr": STANDARD.encode(&self.csr),
            "policy": self.policy, "sent": self.sent, "cancelled": self.cancelled,
            "failed": self.failed, "version": self.version, "in_order": self.in_order,
        });
        let told = told.to_string();
        match &self.key {
            Some(key) => pack(&[told.as_bytes(), key.pkcs8()]),
            None => pack(&[told.as_bytes()]),
        }
    }

    /// The way back.
    pub(super) fn restore(saved: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Saved {
            name: String,
            request_id: String,
            csr: String,
            policy: Policy,
            sent: Value,
            cancelled: bool,
            #[serde(default)]
            failed: bool,
            #[serde(default)]
            version: Option<String>,
            #[serde(default)]
            in_order: bool,
        }
        let fields = unpack(saved)?;
        let (told, key) = match fields.as_slice() {
            [told] => (told, None),
            [told, key] => (told, Some(Arc::new(Material::of_pkcs8(key)?))),
            _ => return None,
        };
        let told: Saved = serde_json::from_slice(told).ok()?;
        Some(Self {
            name: told.name,
            request_id: told.request_id,
            csr: STANDARD.decode(told.csr).ok()?,
            policy: told.policy,
            sent: told.sent,
            key,
            cancelled: told.cancelled,
            failed: told.failed,
            version: told.version,
            in_order: told.in_order,
        })
    }

    fn told(&self, call: &Call<'_>, fresh: bool) -> Value {
        let id = call.id(Certificate::KIND, &self.name, None);
        let status = match &self.key {
            _ if fresh => "inProgress",
            _ if self.cancelled => "cancelled",
            None if self.failed => "failed",
            None => "completed",
            Some(_) => "inProgress",
        };
        let mut told = json!({
            "id": format!("{id}/pending"), "issuer": {"name": self.policy.issuer()},
            "csr": STANDARD.encode(&self.csr), "cancellation_requested": self.cancelled,
            "status": status, "request_id": self.request_id,
        });
        if let Some(told) = told.as_object_mut() {
            if status == "completed" {
                told.insert("target".into(), json!(id));
            } else if status == "failed" {
                let name = self.policy.issuer();
                let text = format!(
                    "The provider of issuer {name} cannot be reached from here; podward-ca signs at once"
                );
                told.insert("status_details".into(), json!(text));
                let error = json!({"code": "IssuerNotReachable", "message": text});
                told.insert("error".into(), error);
            } else if self.policy.issuer() == "Unknown" {
                let text =
                    "Pending certificate created. Please Perform Merge to complete the request.";
                told.insert("status_details".into(), json!(text));
            } else {
                let text = "Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.";
                told.insert("status_details".into(), json!(text));
            }
        }
        told
    }
}

fn missing(name: &str) -> Fault {
    let text = format!("Pending certificate not found: {name}");
    Fault::new(404, "PendingCertificateNotFound", text)
}

/// Answers what is asked of certificates to come.
pub(super) fn serve(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Option<Response>, Fault> {
    let told = match (method, rest) {
        (&Method::POST, [name, "create"]) => return create(call, name, query, body).map(Some),
        (&Method::POST, [name, "pending", "merge"]) => {
            return Ok(Some(answer(201, &merge(call, name, body)?)));
        }
        (&Method::GET, [name, "pending"]) => {
            call.may(Certificate::KIND, "get", name)?;
            let store = call.store();
            let pending = store.pending.get(&name.to_ascii_lowercase());
            let pending = pending.ok_or_else(|| missing(name))?;
            call.granted(Certificate::KIND, "get", name, "")?;
            pending.told(call, false)
        }
        (&Method::PATCH, [name, "pending"]) => cancel(call, name, body)?,
        (&Method::DELETE, [name, "pending"]) => {
            call.may(Certificate::KIND, "update", name)?;
            let mut store = call.store();
            let name = name.to_ascii_lowercase();
            let pending = store.pending.get(&name).ok_or_else(|| missing(&name))?;
            let told = pending.told(call, false);
            call.granted(Certificate::KIND, "update", &name, "")?;
            store.commit(vec![Step::Pending(name, None)])?;
            told
        }
        _ => return Ok(None),
    };
    Ok(Some(answer(200, &told)))
}

fn create(call: &Call<'_>, name: &str, query: &Query, body: &[u8]) -> Result<Response, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        policy: Option<Policy>,
        #[serde(default, rename = "preserveCertOrder")]
        in_order: Option<bool>,
    }
    call.may(Certificate::KIND, "create", name)?;
    let (wanted, all): (Wanted, Value) = (read(body)?, read(body)?);
    let sent: Sent = read(body)?;
    let (last, key) = {
        let mut store = call.store();
        certificate::free(call, &mut store, name)?;
        none_in_progress(&store, name)?;
        last(&store, name)
    };
    let policy = match (wanted.policy, last) {
        (Some(policy), _) => policy.undated().checked()?,
        (None, Some(last)) => last,
        (None, None) => return Err(Fault::bad("A new certificate needs a policy")),
    };
    policy.names_someone()?;
    let signs = call.store().issuers.signs(policy.issuer());
    let signs = signs.ok_or_else(|| no_issuer(policy.issuer()))?;
    let key = key.filter(|_| policy.reuses_key());
    let key = key.map_or_else(|| policy.key().map(Arc::new), Ok)?;
    let now = call.now();
    let csr = policy.request(&key, now)?;
    let mut pending = Pending {
        name: name.to_owned(),
        request_id: new_id().to_string().replace('-', ""),
        csr,
        policy,
        sent: json!({"attributes": all.get("attributes"), "tags": all.get("tags")}),
        key: None,
        cancelled: false,
        failed: signs == Signs::Elsewhere,
        version: None,
        in_order: wanted.in_order == Some(true),
    };
    let bundle = Bundle::made(call.cloud, &pending.policy, signs, &key, now)?;
    let mut store = call.store();
    let mut steps = Vec::new();
    none_in_progress(&store, name)?;
    if let Some(mut bundle) = bundle {
        bundle.before = pending.in_order.then_some(0);
        let new = New {
            name,
            right: "create",
            version: None,
            bundle: &bundle,
            policy: &pending.policy,
            sent,
        };
        (_, steps) = new.add(call, &mut store)?;
    } else {
        certificate::free(call, &mut store, name)?;
        let item = store.certificates.live(name);
        let latest = item.and_then(|item| item.version(None));
        if latest.is_none_or(|latest| latest.body.waits()) {
            let id = new_version().map_err(Fault::unavailable)?;
            steps = certificate::waiting(name, &id, &key, &pending.policy, sent, now)?;
            pending.version = Some(id);
        }
        let id = pending.version.as_deref().unwrap_or_default();
        call.granted(Certificate::KIND, "create", name, id)?;
        pending.key = Some(key).filter(|_| !pending.failed);
    }
    // what was made at once is told at the first question, as clients expect
    let told = pending.told(call, true);
    let at = format!(
        "{}/pending?api-version={}&request_id={}",
        call.id(Certificate::KIND, name, None),
        query.version,
        pending.request_id
    );
    steps.push(Step::Pending(name.to_owned(), Some(Box::new(pending))));
    store.commit(steps)?;
    let headers = [(header::LOCATION, at), (header::RETRY_AFTER, "1".into())];
    Ok((headers, answer(202, &told)).into_response())
}

/// Policy and key of the version that is there.
fn last(store: &Store, name: &str) -> (Option<Policy>, Option<Arc<Material>>) {
    let policy = store
        .certificates
        .live(name)
        .and_then(|item| item.policy.clone());
    let policy = policy.and_then(|policy| serde_json::from_value(policy).ok());
    let key = store.keys.live(name).and_then(|item| item.version(None));
    (
        policy,
        key.and_then(|version| version.body.material().cloned()),
    )
}

fn cancel(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        cancellation_requested: bool,
    }
    call.may(Certificate::KIND, "update", name)?;
    let wanted: Wanted = read(body)?;
    let mut store = call.store();
    let pending = store.pending.get(&name.to_ascii_lowercase());
    let mut pending = pending.cloned().ok_or_else(|| missing(name))?;
    if pending.key.is_none() {
        let text = "Pending status must be in progress to allow update.";
        return Err(Fault::new(403, "Forbidden", text));
    }
    call.granted(Certificate::KIND, "update", name, "")?;
    // as recorded, the request is still in progress where it is cancelled; and one that was cancelled stays it
    let now = wanted.cancellation_requested && !pending.cancelled;
    pending.cancelled |= now;
    let told = pending.told(call, now);
    store.commit(vec![Step::Pending(
        name.to_owned(),
        Some(Box::new(pending)),
    )])?;
    Ok(told)
}

fn merge(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Wanted {
        x5c: Vec<String>,
        attributes: Option<Value>,
        tags: Option<Value>,
    }
    call.may(Certificate::KIND, "create", name)?;
    let wanted: Wanted = read(body)?;
    let unreadable = || Fault::bad("x5c must hold certificates in base64");
    let certificates = wanted.x5c.iter().map(|text| STANDARD.decode(text).ok());
    let certificates: Option<Vec<Vec<u8>>> = certificates.collect();
    let mut certificates = certificates.ok_or_else(unreadable)?;
    let mut store = call.store();
    let pending = store.pending.get(&name.to_ascii_lowercase());
    let mut pending = pending.cloned().ok_or_else(|| missing(name))?;
    let key = pending.key.clone().filter(|_| !pending.cancelled);
    let key = key.ok_or_else(|| Fault::bad("The certificate does not wait for a merge"))?;
    let own = certificates.iter().position(|certificate| {
        x509::read(certificate).is_some_and(|read| read.public_key == key.public_key())
    });
    let own = own.ok_or_else(|| {
        Fault::bad(
            "The public key of the end-entity certificate is not that of the pending request",
        )
    })?;
    let leaf = certificates.remove(own);
    let policy = pending.policy.clone();
    let either = |now: Option<Value>, then: &str| now.or_else(|| pending.sent.get(then).cloned());
    let sent = json!({
        "attributes": either(wanted.attributes, "attributes"), "tags": either(wanted.tags, "tags"),
    });
    let sent: Sent = read(sent.to_string().as_bytes())?;
    let bundle = Bundle {
        key,
        leaf,
        chain: certificates,
        before: Some(own),
    };
    let bundle = if pending.in_order {
        bundle
    } else {
        bundle.ordered()
    };
    let new = New {
        name,
        right: "create",
        version: pending.version.take(),
        bundle: &bundle,
        policy: &policy,
        sent,
    };
    let (id, mut steps) = new.add(call, &mut store)?;
    pending.key = None;
    steps.push(Step::Pending(name.to_owned(), Some(Box::new(pending))));
    store.commit(steps)?;
    call.again::<Certificate>(&store, name, &id, Detail::Bundle)
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use serde_json::{Value, json};

    #[test]
    fn what_is_cancelled_stays_so() {
        let trial = Trial::new();
        trial.create_certificate("Unknown");
        let path = "/certificates/web/pending";
        let ask = |cancel: bool| {
            let body = json!({"cancellation_requested": cancel});
            let (status, told) = trial.ask("PATCH", path, &body);
            assert_eq!(status, 200, "{told}");
            (
                told["status"].clone(),
                told["cancellation_requested"].clone(),
            )
        };
        let state = || trial.ask("GET", path, &Value::Null).1["status"].clone();
        assert_eq!(ask(false), (json!("inProgress"), json!(false)));
        assert_eq!(state(), "inProgress");
        assert_eq!(ask(true), (json!("inProgress"), json!(true)));
        assert_eq!(state(), "cancelled");
        assert_eq!(ask(false), (json!("cancelled"), json!(true)));
        assert_eq!(state(), "cancelled");
    }
}
