//! What proves that a request comes from an application. Pure.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::assertion::Assertion;
use crate::config::{Application, Tenant};
use crate::credentials::{Anchor, FederatedCredential, thumbprints};
use crate::names::is_authority;
use crate::token::{Refusal, TokenRequest, plain, refuse};
use crate::{federation, vault::x509};

/// Keys of a federated credential's issuer, or why they cannot be had.
pub(crate) type IssuerKeys<'a> =
    &'a dyn Fn(&FederatedCredential) -> Result<serde_json::Value, String>;

/// What clocks may differ by, seconds.
pub(crate) const LEEWAY: i64 = 300;
/// Where assertions are described.
const CERTIFICATES: &str =
    "https://learn.microsoft.com/entra/identity-platform/certificate-credentials";

/// The circumstances of a proof.
pub(crate) struct Scene<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) application: &'a Application,
    pub(crate) local_issuer: &'a str,
    pub(crate) keys: IssuerKeys<'a>,
    pub(crate) now: i64,
}

/// Names the credential that a request is proven by.
pub(crate) fn prove(scene: &Scene<'_>, request: &TokenRequest) -> Result<String, Refusal> {
    let application = scene.application;
    if let Some(secret) = &request.client_secret {
        // all are compared, so that the time tells nothing
        let fitting = application
            .client_secrets
            .iter()
            .filter(|known| known.value == *secret);
        let ended: Vec<_> = fitting.map(|known| known.has_expired(scene.now)).collect();
        if ended.contains(&false) {
            return Ok("client-secret".into());
        }
        let id = &application.client_id;
        if ended.is_empty() {
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{id}'."
            );
            return refuse(401, "invalid_client", 7_000_215, text);
        }
        let text = format!(
            "The provided client secret keys for app '{id}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
        );
        return refuse(401, "invalid_client", 7_000_222, text);
    }
    let Some(assertion) = &request.assertion else {
        let text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.";
        return refuse(401, "invalid_client", 7_000_218, text);
    };
    match request.assertion_type.as_deref() {
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") => {}
        None | Some("") => {
            let text =
                "The request body must contain the following parameter: 'client_assertion_type'.";
            return refuse(400, "invalid_request", 900_144, text);
        }
        Some(other) => {
            let text = format!(
                "Request is malformed or invalid. The client_assertion_type '{}' is not urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
                plain(other)
            );
            return refuse(400, "invalid_request", 9_002_313, text);
        }
    }
    let Some(assertion) = Assertion::parse(assertion.expose().trim()) else {
        let text = "JWT token is invalid or malformed.";
        return refuse(401, "invalid_client", 50027, text);
    };
    if assertion.claims.iss.contains("://") {
        federation::prove(scene, &assertion)
    } else {
        certificate(scene, &assertion)
    }
}

/// An assertion that the client signed itself, with the key of a certificate.
fn certificate(scene: &Scene<'_>, assertion: &Assertion<'_>) -> Result<String, Refusal> {
    let (application, claims) = (scene.application, &assertion.claims);
    let is_client = |name: &str| name.eq_ignore_ascii_case(&application.client_id);
    if !is_client(&claims.iss) || !is_client(&claims.sub) {
        let text = format!(
            "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at {CERTIFICATES} ."
        );
        return refuse(401, "invalid_client", 700_021, text);
    }
    let named = assertion.thumbprint.as_deref();
    let Some(shown) = named.or(assertion.chain.first().map(Vec::as_slice)) else {
        let text = "JWT token is invalid or malformed. No certificate thumbprint specified in token header.";
        return refuse(401, "invalid_client", 50027, text);
    };
    let shown = if named.is_some() {
        hex(shown)
    } else {
        let [sha1, _] = thumbprints(shown);
        hex(&sha1)
    };
    let unsigned = |reason: &str| {
        let id = &application.client_id;
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}, Thumbprint of key used by client: '{shown}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{id}'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{id}']. Alternatively, SNI may be configured on the app. Please ensure that client assertion is being sent with the x5c claim in the JWT header using MSAL's WithSendX5C() method so that Azure Active Directory can validate the certificate being used."
        );
        refuse(401, "invalid_client", 700_027, text)
    };
    let anchors = application.certificates.iter();
    let found = anchors
        .filter_map(|one| one.anchor().ok())
        .find_map(|anchor| chosen(anchor, assertion, scene.now));
    let Some(certificate) = found else {
        return unsigned("The key was not found.");
    };
    let Some(read) = x509::read(&certificate) else {
        return unsigned("The key was not found.");
    };
    let day = |at: i64| {
        let at = OffsetDateTime::from_unix_timestamp(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        at.format(format_description!(
            "[month]/[day]/[year] [hour]:[minute]:[second]"
        ))
        .unwrap_or_default()
    };
    if read.not_after < scene.now {
        let (start, end) = (day(read.not_before), day(read.not_after));
        let reason = format!("The key used is expired., Found key 'Start={start}, End={end}'");
        return unsigned(&reason);
    }
    if !assertion.is_signed_with(read.public_key) {
        return unsigned(
            "The provided signature value did not match the expected signature value.",
        );
    }
    let ours = |audience: &str| is_authority(audience, &scene.tenant.id);
    if !claims.audiences().into_iter().any(ours) {
        let text = format!(
            "Client assertion audience claim does not match Realm issuer. Review the documentation at {CERTIFICATES} ."
        );
        return refuse(401, "invalid_client", 700_023, text);
    }
    in_time(assertion, scene.now)?;
    Ok(format!("client-certificate/{shown}"))
}

/// The certificate that an assertion was signed with, if this anchor stands for it.
fn chosen(anchor: Anchor<'_>, assertion: &Assertion<'_>, now: i64) -> Option<Vec<u8>> {
    let is_named = |certificate: &[u8]| {
        assertion
            .thumbprint
            .as_ref()
            .is_none_or(|named| thumbprints(certificate).contains(named))
    };
    let leaf = assertion.chain.first().filter(|leaf| is_named(leaf));
    match anchor {
        Anchor::Certificate(known) => {
            let is_sent = leaf.is_none_or(|leaf| leaf.as_slice() == known.as_ref());
            (is_named(&known) && is_sent).then(|| known.to_vec())
        }
        Anchor::Thumbprint(known) => leaf
            .filter(|leaf| thumbprints(leaf).contains(&known))
            .cloned(),
        Anchor::Subject { name, issuer } => leaf
            .filter(|leaf| {
                let subject = x509::read(leaf)
                    .map(|read| read.subject)
                    .unwrap_or_default();
                let mut parts = subject.split(", ");
                parts.any(|part| part.strip_prefix("CN=") == Some(name))
                    && is_signed_by(&assertion.chain, issuer, now)
            })
            .cloned(),
    }
}

/// Whether a chain leads to a CA (RFC 5280, 6).
fn is_signed_by(chain: &[Vec<u8>], issuer: CertificateDer<'_>, now: i64) -> bool {
    let verified = || {
        let mut roots = RootCertStore::empty();
        roots.add(issuer.into_owned()).ok()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .ok()?;
        let mut chain = chain.iter().map(|der| CertificateDer::from(der.as_slice()));
        let (leaf, between) = (chain.next()?, chain.collect::<Vec<_>>());
        let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now).ok()?));
        verifier.verify_client_cert(&leaf, &between, now).ok()
    };
    verified().is_some()
}

/// Whether an assertion is within its times.
pub(crate) fn in_time(assertion: &Assertion<'_>, now: i64) -> Result<(), Refusal> {
    let claims = &assertion.claims;
    // Entra allows five minutes of difference between clocks
    if claims.exp.saturating_add(LEEWAY) >= now && claims.nbf.saturating_sub(LEEWAY) <= now {
        return Ok(());
    }
    let at = |seconds: i64| {
        let at = OffsetDateTime::from_unix_timestamp(seconds);
        at.unwrap_or(OffsetDateTime::UNIX_EPOCH)
            .format(format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second].0000000Z"
            ))
            .unwrap_or_default()
    };
    let (now, from, end) = (at(now), at(claims.nbf), at(claims.exp));
    let text = format!(
        "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {end}. Review the documentation at {CERTIFICATES} ."
    );
    refuse(401, "invalid_client", 700_024, text)
}

fn hex(bytes: &[u8]) -> String {
    plain(
        &bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>(),
    )
}

#[cfg(test)]
mod tests;
