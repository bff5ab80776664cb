//! Secrets.

use axum::http::Method;
use axum::response::Response;
use podward_api::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::bundle::as_pem;
use super::data::{pack, unpack};
use super::door::{Call, Query};
use super::fault::{Fault, shown};
use super::key::Key;
use super::objects::{self, Detail, Kind, Object, Sent, Told, read};
use super::policy::{PEM, PKCS12};
use super::shelf::{Shelf, Version};
use super::step::{Any, Step};
use super::store::{Store, check_secret, new_version};
use crate::answer;

/// Longest content type, characters.
const MAX_CONTENT_TYPE: usize = 255;

/// What a version of a secret holds.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) value: SecretString,
    pub(super) content_type: Option<String>,
}

impl Object for Secret {
    const KIND: Kind = Kind {
        one: "secret",
        many: "secrets",
        deleted: "deletedsecrets",
        title: "Secret",
        not_found: "SecretNotFound",
        disabled: "SecretDisabled",
        update: "set",
    };

    fn shelf(store: &Store) -> &Shelf<Self> {
        &store.secrets
    }

    fn any(version: Version<Self>) -> Any {
        Any::Secret(version)
    }

    fn tell(&self, call: &Call<'_>, told: &Told<'_>, fields: &mut Map<String, Value>) {
        fields.insert("id".into(), json!(told.id));
        if let Some(kind) = &self.content_type {
            fields.insert("contentType".into(), json!(kind));
        }
        if told.managed {
            let key = call.id(Key::KIND, told.name, Some(told.version));
            fields.insert("kid".into(), json!(key));
        }
        if told.detail == Detail::Whole {
            fields.insert("value".into(), json!(self.value.expose()));
        }
    }

    fn update(&mut self, sent: &Value) -> Result<(), Fault> {
        match sent.get("contentType") {
            None | Some(Value::Null) => {}
            Some(Value::String(kind)) => {
                fits(Some(kind))?;
                self.content_type = Some(kind.clone());
            }
            Some(_) => return Err(Fault::bad("The contentType must be a string")),
        }
        Ok(())
    }

    fn save(&self) -> Option<Zeroizing<Vec<u8>>> {
        let value = self.value.expose().as_bytes();
        Some(match &self.content_type {
            Some(kind) => pack(&[value, kind.as_bytes()]),
            None => pack(&[value]),
        })
    }

    fn restore(saved: &[u8]) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let fields = unpack(saved)?;
        let (value, content_type) = match fields.as_slice() {
            [value] => (value, None),
            [value, kind] => (value, Some(text(kind)?)),
            _ => return None,
        };
        Some(Self {
            value: SecretString::new(text(value)?),
            content_type,
        })
    }
}

fn fits(content_type: Option<&str>) -> Result<(), Fault> {
    if content_type.is_some_and(|kind| kind.chars().count() > MAX_CONTENT_TYPE) {
        let text = format!("The contentType has at most {MAX_CONTENT_TYPE} characters");
        return Err(Fault::bad(text));
    }
    Ok(())
}

/// Answers what is asked of secrets.
pub(super) fn serve(
    call: &Call<'_>,
    method: &Method,
    rest: &[&str],
    query: &Query,
    body: &[u8],
) -> Result<Option<Response>, Fault> {
    if let (&Method::PUT, [name]) = (method, rest) {
        return Ok(Some(answer(200, &set(call, name, body)?)));
    }
    if let (&Method::GET, [_] | [_, _]) = (method, rest)
        && !matches!(rest, [_, "versions"])
        && let Some(wanted) = query.parameter("outContentType")
        && query.since("2025-07-01")
    {
        let name = rest.first().copied().unwrap_or_default();
        let told = converted(call, name, rest.get(1).copied(), &wanted)?;
        return Ok(Some(answer(200, &told)));
    }
    objects::serve::<Secret>(call, method, rest, query, body)
}

/// A secret; where it is a certificate's, in the form that is wanted.
fn converted(
    call: &Call<'_>,
    name: &str,
    version: Option<&str>,
    wanted: &str,
) -> Result<Value, Fault> {
    let mut told = call.get::<Secret>(name, version)?;
    let word = |field: &str| told.get(field).and_then(Value::as_str).map(str::to_owned);
    let managed = told.get("managed") == Some(&json!(true));
    let kept = word("contentType").unwrap_or_default();
    if !managed || wanted == kept {
        return Ok(told);
    }
    if (kept.as_str(), wanted) != (PKCS12, PEM) {
        return Err(Fault::bad(format!(
            "The secret cannot be told as '{}': PKCS#12 can be told as {PEM}",
            shown(wanted)
        )));
    }
    let pem = word("value").and_then(|value| as_pem(&value));
    let pem = pem.ok_or_else(|| Fault::unavailable("the certificate cannot be read"))?;
    if let Some(fields) = told.as_object_mut() {
        fields.insert("value".into(), json!(pem.expose()));
        fields.insert("contentType".into(), json!(PEM));
    }
    Ok(told)
}

fn set(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wanted {
        value: SecretString,
        content_type: Option<String>,
    }
    call.may(Secret::KIND, "set", name)?;
    let (wanted, sent): (Wanted, Sent) = (read(body)?, read(body)?);
    check_secret(name, wanted.value.expose()).map_err(Fault::bad)?;
    fits(wanted.content_type.as_deref())?;
    let (attributes, tags) = sent.made(call.now())?;
    let id = new_version().map_err(Fault::unavailable)?;
    let mut store = call.store();
    call.not_deleted::<Secret>(&mut store, name)?;
    Call::own(store.secrets.live(name))?;
    call.granted(Secret::KIND, "set", name, &id)?;
    let version = Version {
        id: id.clone(),
        attributes,
        tags,
        managed: false,
        body: Secret {
            value: wanted.value,
            content_type: wanted.content_type,
        },
    };
    store.commit(vec![Step::put(name, version)])?;
    call.again::<Secret>(&store, name, &id, Detail::Whole)
}
