//! Certificates.

use axum::http::Method;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::door::{Call, Query};
use super::fault::Fault;
use super::key::Key;
use super::objects::{self, Detail, Kind, Object, Told};
use super::secret::Secret;
use super::shelf::Shelf;
use super::store::Store;
use crate::answer;

/// What a version of a certificate holds. Its key and the secret with both are on their own shelves.
pub(super) struct Certificate {
    pub(super) der: Vec<u8>,
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

    fn shelf_mut(store: &mut Store) -> &mut Shelf<Self> {
        &mut store.certificates
    }

    fn tell(&self, call: &Call<'_>, told: &Told<'_>, fields: &mut Map<String, Value>) {
        fields.insert("id".into(), json!(told.id));
        fields.insert("x5t".into(), json!(self.thumbprint()));
        if told.detail == Detail::Entry {
            return;
        }
        let of = |kind| json!(call.id(kind, told.name, Some(told.version)));
        fields.insert("kid".into(), of(Key::KIND));
        fields.insert("sid".into(), of(Secret::KIND));
        fields.insert("cer".into(), json!(STANDARD.encode(&self.der)));
        fields.insert("policy".into(), policy(call, told.name, told.policy));
    }

    fn update(&mut self, _: &Value) -> Result<(), Fault> {
        Ok(())
    }

    fn save(&self) -> Option<Value> {
        None
    }

    fn restore(_: &Value) -> Option<Self> {
        None
    }
}

/// A policy with its address.
fn policy(call: &Call<'_>, name: &str, policy: Option<&Value>) -> Value {
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
        (&Method::GET, ["issuers"]) => {
            call.may(Certificate::KIND, "listissuers", "")?;
            call.granted(Certificate::KIND, "listissuers", "", "")?;
            json!({"value": [], "nextLink": null})
        }
        // a certificate is no use without its key, which is not in it
        (&Method::POST, [_, "backup"] | ["restore"]) => return Ok(None),
        (&Method::GET, [name, "policy"]) => {
            call.may(Certificate::KIND, "get", name)?;
            let store = call.store();
            let item = store.certificates.live(name);
            let item = item.ok_or_else(|| call.missing::<Certificate>(name, None))?;
            call.granted(Certificate::KIND, "get", name, "")?;
            policy(call, &item.name, item.policy.as_ref())
        }
        _ => return objects::serve::<Certificate>(call, method, rest, query, body),
    };
    Ok(Some(answer(200, &told)))
}
