//! The token service over HTTP.

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use podward_api::access::{Door, Event, Outcome, TokenRef};
use podward_api::{Guid, SecretString};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::assertion::Assertion;
use crate::config::CloudConfig;
use crate::credentials::FederatedCredential;
use crate::federation::meant;
use crate::form::{basic, form};
use crate::ids::{new_id, object_id, request_id};
use crate::keys::KeysError;
use crate::names::{Place, is_known_authority, segments};
use crate::token::{Grant, Refusal, TokenRequest, client, decide, plain, tenant};
use crate::{AUTHORITY, Caller, Cloud, answer};

/// Names that stand for whatever tenant.
const COMMON: [&str; 2] = ["common", "organizations"];

/// Lifetime of access tokens, seconds.
const LIFETIME: i64 = 3599;

/// Answers one request.
pub(crate) async fn serve(
    cloud: &Cloud,
    place: &Place,
    parts: &Parts,
    body: &[u8],
    caller: &Caller,
) -> Response {
    let path = segments(parts.uri.path());
    let id = request_id(parts, "client-request-id");
    let anyone = |name: &str| COMMON.iter().any(|known| known.eq_ignore_ascii_case(name));
    match (&parts.method, path.as_slice()) {
        (&Method::POST, [name, "oauth2", "v2.0", "token"]) => {
            token(cloud, name, parse(parts, body, true), caller, id).await
        }
        (&Method::POST, [name, "oauth2", "token"]) => {
            token(cloud, name, parse(parts, body, false), caller, id).await
        }
        (_, [_, "oauth2", "v2.0", "token"] | [_, "oauth2", "token"]) => {
            let text = format!(
                "The endpoint only accepts POST requests. Received a {} request.",
                plain(parts.method.as_str())
            );
            refused(cloud, &invalid_request(900_561, text), id)
        }
        (&Method::GET, ["common", "discovery", "instance"]) => match instance(place, parts) {
            Ok(told) => answer(200, &told),
            Err(refusal) => refused(cloud, &refusal, id),
        },
        (&Method::GET, [name, "v2.0", ".well-known", "openid-configuration"]) => {
            discovery(cloud, place, name, caller, id, true)
        }
        (&Method::GET, [name, ".well-known", "openid-configuration"]) => {
            discovery(cloud, place, name, caller, id, false)
        }
        (&Method::GET, [name, "discovery", "v2.0", "keys"] | [name, "discovery", "keys"]) => {
            match tenant(&cloud.holding().config, name) {
                Err(refusal) if !anyone(name) => refused(cloud, &refusal, id),
                _ => answer(200, &cloud.keys.tokens.published(cloud.clock.now())),
            }
        }
        _ => (StatusCode::NOT_FOUND, "").into_response(),
    }
}

fn invalid_request(code: u32, text: String) -> Refusal {
    Refusal {
        status: 400,
        error: "invalid_request",
        code,
        text,
    }
}

fn instance(place: &Place, parts: &Parts) -> Result<Value, Refusal> {
    let asked = form(parts.uri.query().unwrap_or_default().as_bytes())
        .into_iter()
        .find(|(name, _)| name == "authorization_endpoint")
        .map(|(_, value)| value);
    if asked.as_deref().is_some_and(|url| !is_known_authority(url)) {
        return Err(Refusal {
            error: "invalid_instance",
            ..invalid_request(50049, "Unknown or invalid instance.".into())
        });
    }
    let tenant = asked
        .as_deref()
        .and_then(|url| {
            url.strip_prefix("https://")?
                .split('/')
                .nth(1)
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "common".into());
    // clients look for the authority that they asked about among the aliases
    let meant = asked.as_deref().and_then(Place::of_authority);
    let place = meant.as_ref().unwrap_or(place);
    let (base, host) = (place.authority(), place.authority_host());
    Ok(json!({
        "tenant_discovery_endpoint": format!("{base}/{tenant}/v2.0/.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }))
}

fn discovery(
    cloud: &Cloud,
    place: &Place,
    name: &str,
    caller: &Caller,
    request: Guid,
    v2: bool,
) -> Response {
    let holding = cloud.holding();
    let common = COMMON
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name));
    let (id, issued) = match (tenant(&holding.config, name), common) {
        (Ok(found), _) => (found.id.as_str(), found.id.as_str()),
        (Err(_none), Some(common)) => (common, "{tenantid}"),
        (Err(refusal), None) => {
            let event = Event {
                asked: "discovery".into(),
                rule: format!("AADSTS{}", refusal.code),
                reason: format!("AADSTS{}: {}", refusal.code, refusal.text),
                request_id: request.to_string(),
                ..caller.event(Door::TokenService)
            };
            // a refusal stays one whether or not it could be written
            let _ = cloud.recorder.record(event);
            return refused(cloud, &refusal, request);
        }
    };
    let base = format!("{}/{id}", place.authority());
    let (issuer, infix) = if v2 {
        (format!("{}/{issued}/v2.0", place.authority()), "/v2.0")
    } else {
        (format!("https://sts.windows.net/{issued}/"), "")
    };
    answer(
        200,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{base}/oauth2{infix}/authorize"),
            "token_endpoint": format!("{base}/oauth2{infix}/token"),
            "jwks_uri": format!("{base}/discovery{infix}/keys"),
            "response_types_supported": ["code", "id_token", "token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        }),
    )
}

fn parse(parts: &Parts, body: &[u8], v2: bool) -> TokenRequest {
    let mut request = TokenRequest {
        v2,
        ..TokenRequest::default()
    };
    for (name, value) in form(body) {
        match name.as_str() {
            "grant_type" => request.grant_type = Some(value),
            "client_id" => request.client_id = Some(value),
            "client_secret" => request.client_secret = Some(SecretString::new(value)),
            "client_assertion_type" => request.assertion_type = Some(value),
            "client_assertion" => request.assertion = Some(SecretString::new(value)),
            "scope" => request.scope = Some(value),
            "resource" => request.resource = Some(value),
            _ => {}
        }
    }
    let in_body = request.client_secret.is_some() || request.assertion.is_some();
    if !in_body && let Some((client, password)) = basic(parts) {
        request.client_id.get_or_insert(client);
        request.client_secret = Some(password);
    }
    request
}

/// The pod that a service account token is bound to, where the node asks in its place. The issuer's
/// signature was verified before.
fn of_assertion(event: &mut Event, request: &TokenRequest, local: &str) {
    let assertion = request.assertion.as_ref();
    let parsed = assertion.and_then(|text| Assertion::parse(text.expose()));
    if let Some(claims) = parsed
        .map(|parsed| parsed.claims)
        .filter(|c| c.iss == local)
    {
        event.namespace = claims.bound.namespace;
        event.pod = claims.bound.pod.name;
        event.pod_uid = claims.bound.pod.uid;
        event.service_account = claims.bound.serviceaccount.name;
    }
}

/// Asks the issuer of a request's statement for its keys, where that has to be: the statement must be meant for a
/// credential of the client, whose keys no file has.
async fn foreign_keys(
    cloud: &Cloud,
    config: &CloudConfig,
    tenant_name: &str,
    request: &TokenRequest,
) -> Option<Result<Value, String>> {
    let application = client(
        tenant(config, tenant_name).ok()?,
        request.client_id.as_deref()?,
    )?;
    let assertion = Assertion::parse(request.assertion.as_ref()?.expose().trim())?;
    let credential = meant(application, &assertion, &cloud.issuer.url).ok()?;
    if credential.issuer == "podward" || credential.keys.is_some() {
        return None;
    }
    let (kid, ca) = (assertion.kid.as_deref(), credential.ca.as_deref());
    Some(cloud.issuers.keys(&credential.issuer, kid, ca).await)
}

async fn token(
    cloud: &Cloud,
    tenant_name: &str,
    request: TokenRequest,
    caller: &Caller,
    id: Guid,
) -> Response {
    let now = cloud.clock.now();
    let local = cloud.issuer.url.as_str();
    let mut event = Event {
        identity: request
            .client_id
            .clone()
            .unwrap_or_default()
            .chars()
            .take(64)
            .collect(),
        asked: request
            .resource
            .clone()
            .or_else(|| request.scope.clone())
            .unwrap_or_default()
            .chars()
            .take(256)
            .collect(),
        request_id: id.to_string(),
        ..caller.event(Door::TokenService)
    };
    let holding = cloud.holding();
    let asked = foreign_keys(cloud, &holding.config, tenant_name, &request).await;
    let keys = |credential: &FederatedCredential| match (&credential.keys, &asked) {
        _ if credential.issuer == "podward" => Ok((cloud.issuer.jwks)()),
        (Some(written), _) => Ok(written.clone()),
        (None, Some(asked)) => asked.clone(),
        (None, None) => Err("it was not asked".into()),
    };
    let grant = match decide(&holding.config, tenant_name, &request, local, &keys, now) {
        Ok(grant) => grant,
        Err(refusal) => {
            event.rule = format!("AADSTS{}", refusal.code);
            event.reason = format!("AADSTS{}: {}", refusal.code, refusal.text);
            // a refusal stays one whether or not it could be written
            let _ = cloud.recorder.record(event);
            return refused(cloud, &refusal, id);
        }
    };
    if event.pod.is_empty() && grant.rule.starts_with("federated-credential") {
        of_assertion(&mut event, &request, local);
    }
    let uti = new_id().to_string();
    event.outcome = Outcome::Granted;
    event.asked.clone_from(&grant.resource);
    event.rule.clone_from(&grant.rule);
    event.reason = "the credential proves the client".into();
    event.token = Some(TokenRef {
        jti: Some(uti.clone()),
        hash: None,
    });
    let unavailable = |text: String| Refusal {
        status: 503,
        error: "temporarily_unavailable",
        code: 90033,
        text,
    };
    if let Err(error) = cloud.recorder.record(event) {
        return refused(cloud, &unavailable(error.to_string()), id);
    }
    let signed = match sign(cloud, &grant, &uti, now, LIFETIME) {
        Ok(signed) => signed,
        Err(error) => return refused(cloud, &unavailable(error.to_string()), id),
    };
    if request.v2 {
        let body = json!({"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": signed.expose()});
        return answer(200, &body);
    }
    let text = |number: i64| number.to_string();
    answer(
        200,
        &json!({
            "token_type": "Bearer", "expires_in": text(LIFETIME), "ext_expires_in": text(LIFETIME),
            "expires_on": text(now + LIFETIME), "not_before": text(now), "resource": grant.resource,
            "access_token": signed.expose(),
        }),
    )
}

/// Signs the token of a grant; it lives for `lifetime` seconds.
pub(crate) fn sign(
    cloud: &Cloud,
    grant: &Grant<'_>,
    uti: &str,
    now: i64,
    lifetime: i64,
) -> Result<SecretString, KeysError> {
    let object = object_id(grant.tenant, grant.client_id);
    let issuer = format!("https://sts.windows.net/{}/", grant.tenant);
    let claims = json!({
        "aud": grant.resource, "iss": issuer, "iat": now, "nbf": now, "exp": now + lifetime,
        "appid": grant.client_id, "appidacr": if grant.rule == "client-secret" { "1" } else { "2" },
        "idp": issuer, "oid": object, "sub": object, "tid": grant.tenant, "uti": uti,
        "ver": "1.0", "idtyp": "app",
    });
    let lifetime = cloud.holding().config.token_service.key_lifetime;
    cloud.keys.tokens.sign(&claims, now, lifetime)
}

fn refused(cloud: &Cloud, refusal: &Refusal, id: Guid) -> Response {
    answer(refusal.status, &told(refusal, id, cloud.clock.now()))
}

/// A refusal as the token service tells it.
pub(crate) fn told(refusal: &Refusal, id: Guid, now: i64) -> Value {
    let at = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let stamp = at
        .format(format_description!(
            "[year]-[month]-[day] [hour]:[minute]:[second]Z"
        ))
        .unwrap_or_default();
    let code = refusal.code;
    let (trace, correlation) = (new_id().to_string(), id.to_string());
    json!({
        "error": refusal.error,
        "error_description": format!(
            "AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}", refusal.text),
        "error_codes": [code], "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
        "error_uri": format!("https://{AUTHORITY}/error?code={code}"),
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn an_instance_is_told_by_the_authority_that_was_asked_about() {
        let told = |asked: &str| {
            let path = format!("/common/discovery/instance?authorization_endpoint={asked}");
            let request = axum::http::Request::get(path);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let told = instance(&Place::of("login.localhost:8443").unwrap(), &parts).ok()?;
            let endpoint = told["tenant_discovery_endpoint"].as_str()?;
            let base = endpoint.strip_suffix("/t/v2.0/.well-known/openid-configuration")?;
            let known = &told["metadata"][0];
            assert_eq!(known["aliases"], json!([known["preferred_network"]]));
            let host = known["preferred_network"].as_str()?;
            assert_eq!(base, format!("https://{host}"));
            Some(host.to_owned())
        };
        for (asked, host) in [
            ("https://login.localhost:8443/t", "login.localhost:8443"),
            ("https://login.localhost:9/t/", "login.localhost:9"),
            (
                "https://login.microsoftonline.com/t/oauth2/v2.0/authorize",
                "login.microsoftonline.com",
            ),
            (
                "https://Login.MicrosoftOnline.com:8443/t",
                "login.microsoftonline.com:8443",
            ),
            // a name that does not lead here
            ("https://login.windows.net/t", "login.localhost:8443"),
        ] {
            assert_eq!(told(asked).as_deref(), Some(host), "{asked}");
        }
        assert_eq!(told("https://login.example/t"), None);
    }

    #[test]
    fn a_client_may_prove_itself_by_basic_authentication() {
        let parsed = |pair: &str, body: &str| {
            let sent = format!("Basic {}", STANDARD.encode(pair));
            let request = axum::http::Request::post("/").header("authorization", sent);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let request = parse(&parts, body.as_bytes(), true);
            let secret = request.client_secret.map(|one| one.expose().to_owned());
            (
                request.client_id.unwrap_or_default(),
                secret.unwrap_or_default(),
            )
        };
        let is = |id: &str, secret: &str| (id.to_owned(), secret.to_owned());
        assert_eq!(parsed("app:a%3Ab%2B:c+d", ""), is("app", "a:b+:c d"));
        assert_eq!(parsed("app:x", "client_id=b&client_secret=c"), is("b", "c"));
        assert_eq!(parsed("no colon", ""), is("", ""));
    }
}
