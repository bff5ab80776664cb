//! The metadata service of a virtual machine: tokens of the identities attached to it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use podward_api::SecretString;
use podward_api::access::{Door, Event, Outcome, TokenRef};
use serde_json::json;

use crate::config::{Application, CloudConfig, Tenant};
use crate::dress::Dress;
use crate::form::form;
use crate::ids::{new_id, object_id, request_id};
use crate::instance;
use crate::names::segments;
use crate::token::{Grant, Refusal, allowed_resource};
use crate::token_door::sign;
use crate::{Caller, Cloud, answer};

/// Lifetime of managed identities' tokens, seconds.
const LIFETIME: i64 = 86_399;

/// What is asked of the token endpoint.
#[derive(Debug, Default)]
struct Question {
    resource: Option<String>,
    client_id: Option<String>,
    object_id: Option<String>,
    resource_id: Option<String>,
}

impl Question {
    fn of(query: &[(String, String)]) -> Self {
        let mut asked = Self::default();
        for (name, value) in query {
            let field = match name.as_str() {
                "resource" => &mut asked.resource,
                "client_id" | "clientid" => &mut asked.client_id,
                "object_id" | "principal_id" => &mut asked.object_id,
                "msi_res_id" | "mi_res_id" => &mut asked.resource_id,
                _ => continue,
            };
            *field = Some(value.clone()).filter(|value| !value.is_empty());
        }
        asked
    }
}

fn invalid<T>(text: &str) -> Result<T, Refusal> {
    Err(Refusal {
        status: 400,
        error: "invalid_request",
        code: 0,
        text: text.into(),
    })
}

/// The identity that is meant, of those attached to the machine.
fn identity<'a>(
    config: &'a CloudConfig,
    asked: &Question,
) -> Result<(&'a Tenant, &'a Application), Refusal> {
    let all = || {
        let tenants = config.tenants.iter();
        tenants.flat_map(|tenant| {
            tenant
                .managed_identities
                .iter()
                .map(move |one| (tenant, one))
        })
    };
    let named = [&asked.client_id, &asked.object_id, &asked.resource_id];
    let found = match named.map(Option::as_deref) {
        [None, None, None] => {
            if let Some(own) = all().find(|(_, one)| one.system_assigned) {
                return Ok(own);
            }
            let mut all = all();
            match (all.next(), all.next()) {
                (only, None) => only,
                _ => {
                    return invalid(
                        "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
                    );
                }
            }
        }
        [Some(id), None, None] => all().find(|(_, one)| one.client_id.eq_ignore_ascii_case(id)),
        [None, Some(id), None] => all()
            .find(|(tenant, one)| object_id(&tenant.id, &one.client_id).eq_ignore_ascii_case(id)),
        [None, None, Some(id)] => all().find(|(_, one)| {
            let known = one.resource_id.as_deref();
            known.is_some_and(|known| known.eq_ignore_ascii_case(id))
        }),
        _ => return invalid("Only one of client_id, object_id and msi_res_id may be specified"),
    };
    found.map_or_else(|| invalid("Identity not found"), Ok)
}

/// Decides on a question.
fn decide<'a>(config: &'a CloudConfig, asked: &Question) -> Result<Grant<'a>, Refusal> {
    let Some(resource) = &asked.resource else {
        return invalid("Required audience parameter not specified");
    };
    let (tenant, identity) = identity(config, asked)?;
    let resource = allowed_resource(tenant, identity, resource)?;
    Ok(Grant {
        tenant: &tenant.id,
        client_id: &identity.client_id,
        resource,
        rule: format!("managed-identity/{}", identity.name),
    })
}

/// A cloud and the value that the App Service form asks for.
struct Machine {
    cloud: Arc<Cloud>,
    header: SecretString,
}

/// The service. `header` is what callers of `/msi/token` must send as `X-IDENTITY-HEADER`.
pub(crate) fn router(cloud: Arc<Cloud>, header: SecretString) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new(Machine { cloud, header }))
}

fn wrong(status: u16, error: &str, text: &str) -> Response {
    // each SDK reads other fields, and the plain text of none
    let body = json!({
        "error": error, "error_description": text, "statusCode": status, "message": text,
    });
    answer(status, &body)
}

fn not_served() -> Response {
    let text = "This is not served: docs/cloud.md lists what is";
    wrong(404, "not_found", text)
}

async fn serve(State(machine): State<Arc<Machine>>, request: Request) -> Response {
    let (mut parts, _body) = request.into_parts();
    let dress = Dress::of(&mut parts, None);
    dress.put_on(answered(&machine, &parts))
}

fn answered(machine: &Machine, parts: &Parts) -> Response {
    let lower = parts.uri.path().to_ascii_lowercase();
    let path = segments(&lower);
    if parts.method != Method::GET {
        let refused = wrong(405, "method_not_allowed", "Only GET is answered");
        return ([(header::ALLOW, "GET")], refused).into_response();
    }
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let query = form(parts.uri.query().unwrap_or_default().as_bytes());
    let version = query
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("api-version"));
    let version = version.map(|(_, value)| value.as_str());
    let told = matches!(path.as_slice(), ["metadata", "instance", ..]);
    let wrong = |status: u16, error: &str, text: &str| {
        if told {
            return instance::refused(status, &format!("Bad request. {text}"));
        }
        wrong(status, error, text)
    };
    match path.as_slice() {
        ["metadata", ..] if !header("metadata").is_some_and(|v| v.eq_ignore_ascii_case("true")) => {
            wrong(
                400,
                "invalid_request",
                "Required metadata header not specified",
            )
        }
        ["metadata", ..] if header("x-forwarded-for").is_some() => wrong(
            400,
            "invalid_request",
            "Requests with an X-Forwarded-For header are refused",
        ),
        ["metadata", "versions"] => instance::versions(),
        ["metadata", ..] if !version.is_some_and(is_date) => wrong(
            400,
            "invalid_request",
            "Required api-version query parameter not specified, or no date",
        ),
        ["metadata", "identity", "oauth2", "token"] => {
            token(&machine.cloud, parts, &query, Door::Imds)
        }
        ["metadata", "instance", path @ ..] => {
            let found = instance::serve(&machine.cloud, path, &query);
            found.unwrap_or_else(|| instance::refused(404, "Not found"))
        }
        // its callers prove themselves by another header
        ["msi", "token"] if version == Some("2017-09-01") => {
            wrong(400, "invalid_request", "The api-version is 2019-08-01")
        }
        ["msi", "token"] if !proven(&parts.headers, &machine.header) => wrong(
            401,
            "unauthorized",
            "The X-IDENTITY-HEADER is not this machine's",
        ),
        ["msi", "token"] if version != Some("2019-08-01") => {
            wrong(400, "invalid_request", "The api-version is 2019-08-01")
        }
        ["msi", "token"] => token(&machine.cloud, parts, &query, Door::Endpoint),
        _ => not_served(),
    }
}

/// Whether a version of the API is a day, as `2018-02-01`.
pub(crate) fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

fn proven(headers: &HeaderMap, wanted: &SecretString) -> bool {
    let sent = headers
        .get("x-identity-header")
        .and_then(|v| v.to_str().ok());
    sent.is_some_and(|sent| SecretString::new(sent.to_owned()) == *wanted)
}

fn token(cloud: &Cloud, parts: &Parts, query: &[(String, String)], door: Door) -> Response {
    let asked = Question::of(query);
    let short = |text: &Option<String>| text.iter().flat_map(|t| t.chars()).take(256).collect();
    let named = asked
        .client_id
        .as_ref()
        .or(asked.object_id.as_ref())
        .or(asked.resource_id.as_ref());
    let mut event = Event {
        identity: short(&named.cloned()),
        asked: short(&asked.resource),
        request_id: request_id(parts, "x-ms-client-request-id").to_string(),
        ..Caller::default().event(door)
    };
    let holding = cloud.holding();
    let grant = match decide(&holding.config, &asked) {
        Ok(grant) => grant,
        Err(refusal) => {
            event.reason.clone_from(&refusal.text);
            event.rule = "metadata".into();
            // a refusal stays one whether or not it could be written
            let _ = cloud.recorder.record(event);
            let text = match refusal.code {
                0 => refusal.text,
                code => format!("AADSTS{code}: {}", refusal.text),
            };
            return wrong(refusal.status, refusal.error, &text);
        }
    };
    let uti = new_id().to_string();
    event.outcome = Outcome::Granted;
    event.identity = grant.client_id.to_owned();
    event.rule.clone_from(&grant.rule);
    event.reason = "the identity is attached to the machine".into();
    event.token = Some(TokenRef {
        jti: Some(uti.clone()),
        hash: None,
    });
    if let Err(error) = cloud.recorder.record(event) {
        return wrong(503, "service_unavailable", &error.to_string());
    }
    let now = cloud.clock.now();
    let signed = match sign(cloud, &grant, &uti, now, LIFETIME) {
        Ok(signed) => signed,
        Err(error) => return wrong(503, "service_unavailable", &error.to_string()),
    };
    let text = |number: i64| number.to_string();
    let body = json!({
        "access_token": signed.expose(), "client_id": grant.client_id, "expires_in": text(LIFETIME),
        "expires_on": text(now + LIFETIME), "ext_expires_in": text(LIFETIME), "not_before": text(now),
        "resource": grant.resource, "token_type": "Bearer",
    });
    ([(header::SERVER, "IMDS/podward")], answer(200, &body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(system: bool, query: &[(&str, &str)]) -> Result<String, String> {
        let config: CloudConfig = serde_json::from_value(json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": "T", "name": "contoso", "managedIdentities": [
                {"name": "vm", "clientId": "V", "systemAssigned": system},
                {"name": "app", "clientId": "A", "resourceId": "/subscriptions/s/app", "resources": ["https://vault.azure.net"]}]}],
        }))
        .unwrap();
        let query: Vec<_> = query
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        decide(&config, &Question::of(&query))
            .map(|g| g.client_id.to_owned())
            .map_err(|r| r.text)
    }

    #[test]
    fn an_identity_is_found_by_any_of_its_ids() {
        let vault = ("resource", "https://vault.azure.net");
        assert_eq!(ask(true, &[vault]), Ok("V".into()));
        assert!(
            ask(false, &[vault])
                .unwrap_err()
                .starts_with("Multiple user assigned")
        );
        assert_eq!(ask(false, &[vault, ("client_id", "a")]), Ok("A".into()));
        assert_eq!(
            ask(false, &[vault, ("msi_res_id", "/SUBSCRIPTIONS/s/app")]),
            Ok("A".into())
        );
        assert_eq!(
            ask(true, &[vault, ("object_id", &object_id("T", "A"))]),
            Ok("A".into())
        );
        assert_eq!(
            ask(true, &[vault, ("client_id", "nobody")]),
            Err("Identity not found".into())
        );
        assert!(ask(true, &[vault, ("client_id", "A"), ("object_id", "x")]).is_err());
        assert!(ask(true, &[]).is_err());
        assert!(ask(true, &[("resource", "https://nope.invalid")]).is_err());
    }

    #[test]
    fn the_older_form_of_app_service_is_refused_as_such() {
        let machine = Machine {
            cloud: crate::vault::trial::Trial::new().0,
            header: SecretString::new("hush".into()),
        };
        let ask = |method: &str, path: &str, name: &str| {
            let request = Request::builder().method(method).uri(path);
            let request = request.header(name, "hush").body(()).unwrap();
            answered(&machine, &request.into_parts().0)
        };
        let status = |path: &str, name: &str| ask("GET", path, name).status().as_u16();
        for (version, name, told) in [
            ("2017-09-01", "secret", 400),
            ("2019-08-01", "secret", 401),
            ("2018-02-01", "x-identity-header", 400),
        ] {
            let path = format!("/msi/token?resource=x&api-version={version}");
            assert_eq!(status(&path, name), told, "{version}");
        }
        let refused = ask("PUT", "/msi/token", "secret");
        assert_eq!(refused.status().as_u16(), 405);
        assert_eq!(refused.headers()["allow"], "GET");
    }

    #[test]
    fn a_version_is_a_day() {
        assert!(is_date("2018-02-01") && is_date("2021-12-13"));
        assert!(!is_date("2018-2-01") && !is_date("latest") && !is_date(""));
    }
}
