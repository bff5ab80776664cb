//! A vault over HTTP: challenge first, then token, then rights, then the object.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use podward_api::Guid;
use podward_api::access::{Door, Event, ObjectRef, Outcome};
use serde_json::json;

use super::certificate::{self, Certificate};
use super::deleted::serve_deleted;
use super::fault::{Fault, shown};
use super::key::{self, Key};
use super::objects::Kind;
use super::path::{allowed, segments};
pub(super) use super::query::Query;
use super::rights::Rights;
use super::secret::{self, Secret};
use super::store::{Store, valid_name};
use crate::bearer::{Unknown, authenticate};
use crate::config::{CloudConfig, Vault};
use crate::ids::request_id;
use crate::names::{Place, Service};
use crate::throttle::Transaction;
use crate::{Caller, Cloud, answer};

/// A request whose caller is known.
pub(super) struct Call<'a> {
    pub(super) cloud: &'a Cloud,
    config: &'a CloudConfig,
    pub(super) vault: &'a Vault,
    store: &'a Mutex<Store>,
    pub(super) query: Query,
    pub(super) base: String,
    client: String,
    rights: Rights<'a>,
    caller: &'a Caller,
    id: Guid,
}

/// Answers one request.
pub(crate) fn serve(
    cloud: &Cloud,
    place: &Place,
    parts: &Parts,
    body: &[u8],
    caller: &Caller,
) -> Response {
    let name = match &place.service {
        Service::Vault(name) => name.as_str(),
        Service::Authority | Service::Manager => "",
    };
    let holding = cloud.holding();
    let asked = || {
        let path: String = parts.uri.path().chars().take(256).collect();
        format!("{} {path}", parts.method)
    };
    let refuse = |identity: &str, rule: String, reason: &str| {
        let event = Event {
            identity: identity.to_owned(),
            asked: asked(),
            rule,
            reason: reason.to_owned(),
            request_id: request_id(parts, "x-ms-client-request-id").to_string(),
            ..caller.event(Door::Vault)
        };
        // a refusal stays one whether or not it could be written
        let _ = cloud.recorder.record(event);
    };
    let (Some(vault), Some(store)) = (holding.config.vault(name), holding.vaults.get(name)) else {
        let message = format!("there is no vault {name:?} in cloud.yaml");
        refuse("", "cloud.yaml".into(), &message);
        return answer(
            404,
            &json!({"error": {"code": "NotFound", "message": message}}),
        );
    };
    let client = match authenticate(cloud, &holding.config, vault, place, parts) {
        Ok(client) => client,
        Err(Unknown { response, refusal }) => {
            if let Some(reason) = refusal {
                refuse("", format!("vault {} token", vault.name), &reason);
            }
            return *response;
        }
    };
    let query = match Query::of(parts) {
        Ok(query) => query,
        Err(fault) => {
            let rule = format!("vault {} request", vault.name);
            refuse(&client, rule, &fault.message);
            return fault.into_response();
        }
    };
    let rights = Rights::of(&holding.config, vault, &client);
    let call = Call {
        cloud,
        config: &holding.config,
        vault,
        store,
        query,
        base: place.base(),
        client,
        rights,
        caller,
        id: request_id(parts, "x-ms-client-request-id"),
    };
    call.answer(parts, body).unwrap_or_else(|fault| {
        if !fault.recorded {
            refuse(
                &call.client,
                format!("vault {} request", vault.name),
                &fault.message,
            );
        }
        fault.into_response()
    })
}

fn nothing_there(parts: &Parts) -> Fault {
    let text = format!("There is nothing at {}", shown(parts.uri.path()));
    Fault::new(404, "NotFound", text)
}

impl<'a> Call<'a> {
    fn answer(&self, parts: &Parts, body: &[u8]) -> Result<Response, Fault> {
        let query = &self.query;
        let path = segments(&parts.method, parts.uri.path());
        self.throttle(parts.method.as_str(), &path)?;
        let (kind, rest) = path
            .split_first()
            .map_or(("", &[][..]), |(kind, rest)| (*kind, rest));
        if let Some(name) = rest.first().filter(|name| !valid_name(name)) {
            return Err(Fault::bad(format!(
                "The request URI contains an invalid name: {}",
                shown(name)
            )));
        }
        let method = &parts.method;
        let answered = match kind {
            "secrets" => secret::serve(self, method, rest, query, body)?,
            "keys" => key::serve(self, method, rest, query, body)?,
            "certificates" => certificate::serve(self, method, rest, query, body)?,
            "deletedsecrets" => serve_deleted::<Secret>(self, method, rest, query)?,
            "deletedkeys" => serve_deleted::<Key>(self, method, rest, query)?,
            "deletedcertificates" => serve_deleted::<Certificate>(self, method, rest, query)?,
            "rng" => return Err(Fault::bad("Random bytes are given by a Managed HSM alone")),
            _ => return Err(nothing_there(parts)),
        };
        answered.ok_or_else(|| match allowed(&path) {
            Some(allowed) => Fault::method(method.as_str(), allowed),
            None => nothing_there(parts),
        })
    }

    /// Whether the vault still answers, where it has limits.
    fn throttle(&self, method: &str, path: &[&str]) -> Result<(), Fault> {
        let Some(limits) = &self.vault.throttle else {
            return Ok(());
        };
        let mut store = self.store();
        let what = Transaction::of(method, path, |name, version| {
            store.keys.get(name)?.version(version)?.body.bits()
        });
        let admitted = store.windows.admit(limits, what, self.now());
        admitted.map_err(Fault::throttled)
    }

    fn event(&self, kind: Kind, operation: &str, name: &str, version: &str) -> Event {
        Event {
            identity: self.client.clone(),
            asked: if name.is_empty() {
                format!("{operation} {}", kind.many)
            } else {
                format!("{operation} {}/{name}", kind.one)
            },
            rule: format!("vault {} access", self.vault.name),
            request_id: self.id.to_string(),
            object: (!name.is_empty()).then(|| ObjectRef {
                vault: self.vault.name.clone(),
                kind: kind.one.into(),
                name: name.into(),
                version: version.into(),
            }),
            ..self.caller.event(Door::Vault)
        }
    }

    /// Whether the caller may; a refusal is recorded here, once.
    pub(super) fn may(&self, kind: Kind, operation: &str, name: &str) -> Result<(), Fault> {
        if self.rights.give(kind, operation, name) {
            return Ok(());
        }
        let asked = (kind, operation, name);
        let (mut fault, reason) = self
            .rights
            .refusal(asked, self.config, self.vault, &self.client);
        let mut event = self.event(kind, operation, name, "");
        event.reason = reason;
        // a refusal stays one whether or not it could be written
        let _ = self.cloud.recorder.record(event);
        fault.recorded = true;
        Err(fault)
    }

    /// Records a grant, without which nothing is answered.
    pub(super) fn granted(
        &self,
        kind: Kind,
        operation: &str,
        name: &str,
        version: &str,
    ) -> Result<(), Fault> {
        let mut event = self.event(kind, operation, name, version);
        event.outcome = Outcome::Granted;
        event.reason = self.rights.reason(kind, operation, name);
        let recorded = self.cloud.recorder.record(event);
        recorded.map_err(|e| Fault::unavailable(e.to_string()))
    }

    pub(super) fn store(&self) -> MutexGuard<'a, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, unix seconds.
    pub(super) fn now(&self) -> i64 {
        self.cloud.clock.now()
    }
}
