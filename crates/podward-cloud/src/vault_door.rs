//! A vault over HTTP: challenge first, then token, then rights, then the object.

use std::sync::{Mutex, PoisonError};

use axum::http::Method;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use podward_api::access::{Door, Event, ObjectRef, Outcome};
use podward_api::{Guid, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::bearer::{Unknown, authenticate};
use crate::config::Vault;
use crate::names::Place;
use crate::token_door::{form, request_id};
use crate::vault::{Secret, Store, check_secret, new_version, valid_name};
use crate::{Caller, Cloud, answer};

/// Items of one page.
const PAGE: usize = 25;
/// Versions of the REST API that are answered.
const API_VERSIONS: [&str; 10] = [
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-07-01",
    "2026-04-01",
];

/// An error as the vault words it.
struct Fault {
    status: u16,
    code: &'static str,
    message: String,
    inner: Option<&'static str>,
    /// Whether its event was recorded where it came up.
    recorded: bool,
}

fn fault<T>(status: u16, code: &'static str, message: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        status,
        code,
        message: message.into(),
        inner: None,
        recorded: false,
    })
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(inner), Some(error)) = (self.inner, error.as_object_mut()) {
            error.insert("innererror".into(), json!({"code": inner}));
        }
        answer(self.status, &json!({"error": error}))
    }
}

/// A request whose caller is known.
struct Call<'a> {
    cloud: &'a Cloud,
    vault: &'a Vault,
    store: &'a Mutex<Store>,
    base: String,
    client: String,
    rights: Rights,
    caller: &'a Caller,
    id: Guid,
}

/// Operations by kind of object.
#[derive(Default)]
struct Rights {
    secrets: Vec<String>,
    keys: Vec<String>,
    certificates: Vec<String>,
}

/// Answers one request.
pub(crate) fn serve(
    cloud: &Cloud,
    name: &str,
    place: &Place,
    parts: &Parts,
    body: &[u8],
    caller: &Caller,
) -> Response {
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
    let mut rights = Rights::default();
    let tenant = holding.config.tenant(&vault.tenant);
    for access in &vault.access {
        let means = tenant.and_then(|t| t.application(&access.identity));
        if means.is_some_and(|application| application.client_id.eq_ignore_ascii_case(&client)) {
            rights.secrets.extend(access.secrets.iter().cloned());
            rights.keys.extend(access.keys.iter().cloned());
            rights
                .certificates
                .extend(access.certificates.iter().cloned());
        }
    }
    let call = Call {
        cloud,
        vault,
        store,
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

impl<'a> Call<'a> {
    fn answer(&self, parts: &Parts, body: &[u8]) -> Result<Response, Fault> {
        let query = form(parts.uri.query().unwrap_or_default().as_bytes());
        let parameter = |name: &str| {
            query
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        match parameter("api-version") {
            None => return fault(400, "BadParameter", "api-version must be specified"),
            Some(version) if API_VERSIONS.contains(&version) || version.starts_with("7.") => {}
            Some(version) => {
                let version: String = version
                    .chars()
                    .filter(char::is_ascii_graphic)
                    .take(32)
                    .collect();
                return fault(
                    400,
                    "BadParameter",
                    format!("api-version {version} is not supported"),
                );
            }
        }
        let skip = parameter("$skiptoken")
            .and_then(|t| t.parse::<usize>().ok())
            .unwrap_or(0);
        let path: Vec<&str> = parts
            .uri
            .path()
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        if let Some(name) = path.get(1)
            && !valid_name(name)
        {
            let shown: String = name
                .chars()
                .filter(char::is_ascii_graphic)
                .take(127)
                .collect();
            return fault(
                400,
                "BadParameter",
                format!("The request URI contains an invalid name: {shown}"),
            );
        }
        let body = match (&parts.method, path.as_slice()) {
            (&Method::GET, ["secrets"]) => self.list_secrets(skip)?,
            (&Method::GET, ["secrets", name, "versions"]) => self.list_versions(name, skip)?,
            (&Method::GET, ["secrets", name]) => self.get_secret(name, None)?,
            (&Method::GET, ["secrets", name, version]) => self.get_secret(name, Some(version))?,
            (&Method::PUT, ["secrets", name]) => self.set_secret(name, body)?,
            (&Method::GET, ["keys", name]) => self.get_key(name, None)?,
            (&Method::GET, ["keys", name, version]) => self.get_key(name, Some(version))?,
            (&Method::GET, ["certificates", name]) => self.get_certificate(name, None)?,
            (&Method::GET, ["certificates", name, version]) => {
                self.get_certificate(name, Some(version))?
            }
            _ => {
                let text = "podward's local vault does not serve this operation yet; docs/cloud.md lists what it serves";
                return fault(501, "NotImplemented", text);
            }
        };
        Ok(answer(200, &body))
    }

    fn event(&self, kind: &str, operation: &str, name: &str, version: &str) -> Event {
        Event {
            identity: self.client.clone(),
            asked: if name.is_empty() {
                format!("{operation} {kind}s")
            } else {
                format!("{operation} {kind}/{name}")
            },
            rule: format!("vault {} access", self.vault.name),
            request_id: self.id.to_string(),
            object: (!name.is_empty()).then(|| ObjectRef {
                vault: self.vault.name.clone(),
                kind: kind.into(),
                name: name.into(),
                version: version.into(),
            }),
            ..self.caller.event(Door::Vault)
        }
    }

    /// Whether the caller may; a refusal is recorded here, once.
    fn may(&self, kind: &str, operation: &str, name: &str) -> Result<(), Fault> {
        let allowed = match kind {
            "secret" => &self.rights.secrets,
            "key" => &self.rights.keys,
            _ => &self.rights.certificates,
        };
        let covers = |one: &String| one == operation || one == "all" && operation != "purge";
        if allowed.iter().any(covers) {
            return Ok(());
        }
        let message = format!(
            "Caller is not authorized to perform action on resource. The policy of vault '{}' gives application '{}' no {kind}s {operation} permission. Action: 'Microsoft.KeyVault/vaults/{kind}s/{operation}{}/action'",
            self.vault.name,
            self.client,
            if operation == "get" { kind } else { "" }
        );
        let mut event = self.event(kind, operation, name, "");
        event.reason = format!(
            "application {} has no {kind}s {operation} permission on vault {}",
            self.client, self.vault.name
        );
        // a refusal stays one whether or not it could be written
        let _ = self.cloud.recorder.record(event);
        Err(Fault {
            status: 403,
            code: "Forbidden",
            message,
            inner: Some("ForbiddenByPolicy"),
            recorded: true,
        })
    }

    /// Records a grant, without which nothing is answered.
    fn granted(&self, kind: &str, operation: &str, name: &str, version: &str) -> Result<(), Fault> {
        let mut event = self.event(kind, operation, name, version);
        event.outcome = Outcome::Granted;
        event.reason = format!("the vault's access list gives {operation}");
        self.cloud
            .recorder
            .record(event)
            .or_else(|e| fault(503, "ServiceUnavailable", e.to_string()))
    }

    fn store(&self) -> std::sync::MutexGuard<'a, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secret_item(&self, name: &str, secret: &Secret, with_version: bool) -> Map<String, Value> {
        let id = if with_version {
            format!("/{}", secret.version)
        } else {
            String::new()
        };
        let mut item = Map::new();
        item.insert(
            "id".into(),
            json!(format!("{}/secrets/{name}{id}", self.base)),
        );
        item.insert("attributes".into(), attributes(secret.created));
        if let Some(kind) = &secret.content_type {
            item.insert("contentType".into(), json!(kind));
        }
        if secret.managed {
            item.insert("managed".into(), json!(true));
            item.insert(
                "kid".into(),
                json!(format!("{}/keys/{name}/{}", self.base, secret.version)),
            );
        }
        item
    }

    fn get_secret(&self, name: &str, version: Option<&str>) -> Result<Value, Fault> {
        self.may("secret", "get", name)?;
        let store = self.store();
        let versions = store
            .secrets
            .get(&name.to_ascii_lowercase())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let found = match version {
            Some(version) => versions.iter().find(|s| s.version == version),
            None => versions.last(),
        };
        let Some(secret) = found else {
            return self.missing("secret", name, version);
        };
        self.granted("secret", "get", name, &secret.version)?;
        let mut item = self.secret_item(name, secret, true);
        item.insert("value".into(), json!(secret.value.expose()));
        Ok(Value::Object(item))
    }

    fn missing<T>(&self, kind: &str, name: &str, version: Option<&str>) -> Result<T, Fault> {
        let mut event = self.event(kind, "get", name, version.unwrap_or_default());
        event.reason = format!("vault {} has no {kind} {name}", self.vault.name);
        let _ = self.cloud.recorder.record(event);
        let code = match kind {
            "secret" => "SecretNotFound",
            "key" => "KeyNotFound",
            _ => "CertificateNotFound",
        };
        let version = version.map(|v| format!("/{v}")).unwrap_or_default();
        let text = format!(
            "A {kind} with (name/id) {name}{version} was not found in this key vault. If you recently deleted this {kind} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
        );
        Err(Fault {
            status: 404,
            code,
            message: text,
            inner: None,
            recorded: true,
        })
    }

    fn set_secret(&self, name: &str, body: &[u8]) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wanted {
            value: SecretString,
            content_type: Option<String>,
        }
        self.may("secret", "set", name)?;
        let Ok(wanted) = serde_json::from_slice::<Wanted>(body) else {
            return fault(
                400,
                "BadParameter",
                "The request body must be JSON with a value",
            );
        };
        check_secret(name, wanted.value.expose()).or_else(|e| fault(400, "BadParameter", e))?;
        let version = new_version().or_else(|e| fault(503, "ServiceUnavailable", e))?;
        self.granted("secret", "set", name, &version)?;
        let mut store = self.store();
        store.set_secret(
            name,
            wanted.value,
            wanted.content_type,
            &version,
            self.cloud.clock.now(),
        );
        let made = store
            .secrets
            .get(&name.to_ascii_lowercase())
            .and_then(|all| all.last());
        let mut item = made.map(|secret| (self.secret_item(name, secret, true), secret));
        if let Some((item, secret)) = &mut item {
            item.insert("value".into(), json!(secret.value.expose()));
        }
        Ok(item
            .map(|(item, _)| Value::Object(item))
            .unwrap_or_default())
    }

    fn list_secrets(&self, skip: usize) -> Result<Value, Fault> {
        self.may("secret", "list", "")?;
        self.granted("secret", "list", "", "")?;
        let store = self.store();
        let all = store.secrets.iter().filter_map(|(name, versions)| {
            let latest = versions.last().filter(|secret| !secret.managed)?;
            Some(Value::Object(self.secret_item(name, latest, false)))
        });
        Ok(self.page(all, skip, "/secrets"))
    }

    fn list_versions(&self, name: &str, skip: usize) -> Result<Value, Fault> {
        self.may("secret", "list", name)?;
        self.granted("secret", "list", name, "")?;
        let store = self.store();
        let versions = store
            .secrets
            .get(&name.to_ascii_lowercase())
            .map(Vec::as_slice)
            .unwrap_or_default();
        let all = versions
            .iter()
            .map(|secret| Value::Object(self.secret_item(name, secret, true)));
        Ok(self.page(all, skip, &format!("/secrets/{name}/versions")))
    }

    fn page(&self, all: impl Iterator<Item = Value>, skip: usize, path: &str) -> Value {
        let mut rest = all.skip(skip);
        let items: Vec<Value> = rest.by_ref().take(PAGE).collect();
        let next = rest.next().map(|_| {
            format!(
                "{}{path}?api-version=7.4&$skiptoken={}&maxresults={PAGE}",
                self.base,
                skip + PAGE
            )
        });
        json!({"value": items, "nextLink": next})
    }

    fn get_key(&self, name: &str, version: Option<&str>) -> Result<Value, Fault> {
        self.may("key", "get", name)?;
        let store = self.store();
        let found = store
            .keys
            .get(&name.to_ascii_lowercase())
            .filter(|key| version.is_none_or(|v| v == key.version));
        let Some(key) = found else {
            return self.missing("key", name, version);
        };
        self.granted("key", "get", name, &key.version)?;
        let mut jwk = key.jwk().clone();
        if let Some(jwk) = jwk.as_object_mut() {
            jwk.insert(
                "kid".into(),
                json!(format!("{}/keys/{name}/{}", self.base, key.version)),
            );
        }
        Ok(json!({"key": jwk, "attributes": attributes(key.created)}))
    }

    fn get_certificate(&self, name: &str, version: Option<&str>) -> Result<Value, Fault> {
        self.may("certificate", "get", name)?;
        let store = self.store();
        let found = store
            .certificates
            .get(&name.to_ascii_lowercase())
            .filter(|leaf| version.is_none_or(|v| v == leaf.version));
        let Some(leaf) = found else {
            return self.missing("certificate", name, version);
        };
        self.granted("certificate", "get", name, &leaf.version)?;
        let of = |kind: &str| format!("{}/{kind}/{name}/{}", self.base, leaf.version);
        Ok(json!({
            "id": of("certificates"), "kid": of("keys"), "sid": of("secrets"),
            "x5t": leaf.thumbprint(), "cer": leaf.cer(), "attributes": attributes(leaf.created),
            "policy": {
                "id": format!("{}/certificates/{name}/policy", self.base),
                "key_props": {"exportable": true, "kty": "EC", "crv": "P-256", "reuse_key": false},
                "secret_props": {"contentType": "application/x-pem-file"},
                "x509_props": {"subject": leaf.subject},
                "issuer": {"name": "Self"},
            },
        }))
    }
}

fn attributes(created: i64) -> Value {
    json!({
        "enabled": true, "created": created, "updated": created,
        "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
    })
}
