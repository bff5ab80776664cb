//! Who calls a vault: the token it sends, and what is asked of that.

use std::sync::Arc;

use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use podward_api::KEY_VAULT_RESOURCE;
use serde::Deserialize;
use serde_json::json;

use crate::assertion::Assertion;
use crate::config::{CloudConfig, Vault};
use crate::known::Token;
use crate::names::{Place, VAULT_APPLICATION};
use crate::{Cloud, answer};

/// What the issuer of a tenant's tokens begins with.
pub(crate) const ISSUERS: &str = "https://sts.windows.net/";

/// A caller who is not known.
pub(crate) struct Unknown {
    pub(crate) response: Box<Response>,
    /// Why its token is no good; `None` where it sent none, which is how clients ask where to get
    /// one and no refusal.
    pub(crate) refusal: Option<String>,
}

/// Who is calling, by its token; or the challenge that tells clients where to get one.
pub(crate) fn authenticate(
    cloud: &Cloud,
    config: &CloudConfig,
    vault: &Vault,
    place: &Place,
    parts: &Parts,
) -> Result<String, Unknown> {
    let tenant = config.tenant(&vault.tenant);
    let tenant = tenant.map(|tenant| tenant.id.as_str()).unwrap_or_default();
    let challenge = |message: String| {
        let value = format!(
            "Bearer authorization=\"{}/{tenant}\", resource=\"{}\"",
            place.authority(),
            place.resource()
        );
        let body = answer(
            401,
            &json!({"error": {"code": "Unauthorized", "message": &message}}),
        );
        Unknown {
            response: Box::new(([(header::WWW_AUTHENTICATE, value)], body).into_response()),
            refusal: Some(message),
        }
    };
    let Some(token) = sent(parts) else {
        let asked = challenge("AKV10000: Request is missing a Bearer or PoP token.".into());
        return Err(Unknown {
            refusal: None,
            ..asked
        });
    };
    let invalid = || {
        let published = cloud.keys.tokens.published(cloud.clock.now());
        let strange =
            Assertion::parse(token).is_some_and(|parsed| !parsed.names_one_of(&published));
        challenge(if strange {
            "AKV10046: Unable to resolve the key used for signature validation.".into()
        } else {
            "AKV10001: The token is malformed or its signature is not the tenant's.".into()
        })
    };
    let now = cloud.clock.now();
    let known = known(cloud, token, now).ok_or_else(invalid)?;
    let claims = &known.claims;
    if claims.exp < now {
        return Err(challenge(
            "[TokenExpired] Error validating token: 'S2S12086'.".into(),
        ));
    }
    if claims.nbf > now + 300 {
        return Err(challenge("AKV10003: The token is not valid yet.".into()));
    }
    let audience = claims.audiences().first().copied().unwrap_or_default();
    let is_known = [KEY_VAULT_RESOURCE, VAULT_APPLICATION].contains(&audience);
    if !is_known && audience != place.resource() {
        let shown: String = audience
            .chars()
            .filter(char::is_ascii_graphic)
            .take(200)
            .collect();
        return Err(challenge(format!(
            "AKV10022: Invalid audience. Expected {}, found: {shown}.",
            place.resource()
        )));
    }
    let issued_by = claims.iss.strip_prefix(ISSUERS);
    if issued_by.and_then(|rest| rest.strip_suffix('/')) != Some(tenant) {
        return Err(challenge(format!(
            "AKV10032: Invalid issuer. Expected one of {ISSUERS}{tenant}/, found {}.",
            claims.iss
        )));
    }
    Ok(known.client.clone())
}

/// The token of a request.
pub(crate) fn sent(parts: &Parts) -> Option<&str> {
    let sent = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = sent.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

/// What a token says, if the token service signed it. Its times, issuer and audience are the caller's to judge.
pub(crate) fn known(cloud: &Cloud, token: &str, now: i64) -> Option<Arc<Token>> {
    cloud.known.token(token, now, || verified(cloud, token))
}

/// What a token says that the token service signed.
fn verified(cloud: &Cloud, token: &str) -> Option<Token> {
    #[derive(Deserialize)]
    struct Client {
        appid: String,
    }
    let parsed = Assertion::parse(token)?;
    if !parsed.is_signed_by(&cloud.keys.tokens.published(cloud.clock.now())) {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let client: Client = serde_json::from_slice(&payload).ok()?;
    Some(Token {
        claims: parsed.claims,
        client: client.appid,
    })
}
