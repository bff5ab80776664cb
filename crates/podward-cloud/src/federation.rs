//! Statements of other issuers, taken in place of a secret. Pure.

use crate::assertion::Assertion;
use crate::config::Application;
use crate::credentials::FederatedCredential;
use crate::expression::Expression;
use crate::proof::{Scene, in_time};
use crate::token::{Refusal, plain, refuse};

const ADVICE: &str = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

fn no_match<T>(code: u32, what: &str, value: &str, more: &str) -> Result<T, Refusal> {
    let text = format!(
        "No matching federated identity record found for presented assertion {what} '{}'.{more} {ADVICE}",
        plain(value)
    );
    refuse(401, "invalid_client", code, text)
}

impl FederatedCredential {
    fn is_of(&self, issuer: &str, local: &str) -> bool {
        let wanted = if self.issuer == "podward" {
            local
        } else {
            &self.issuer
        };
        wanted == issuer
    }

    fn fits(&self, assertion: &Assertion<'_>) -> bool {
        match (&self.subject, &self.claims_matching_expression) {
            (Some(subject), _) => *subject == assertion.claims.sub,
            (None, Some(expression)) => Expression::parse(&expression.value)
                .is_ok_and(|read| read.holds(|name| assertion.claim(name))),
            (None, None) => false,
        }
    }
}

/// The credential that an assertion is meant for. Nothing is believed of it yet.
pub(crate) fn meant<'a>(
    application: &'a Application,
    assertion: &Assertion<'_>,
    local_issuer: &str,
) -> Result<&'a FederatedCredential, Refusal> {
    let claims = &assertion.claims;
    let all = &application.federated_credentials;
    let of_issuer: Vec<_> = all
        .iter()
        .filter(|one| one.is_of(&claims.iss, local_issuer))
        .collect();
    if of_issuer.is_empty() {
        return no_match(700_211, "issuer", &claims.iss, "");
    }
    let mut of_subject = of_issuer
        .iter()
        .filter(|one| one.fits(assertion))
        .peekable();
    if of_subject.peek().is_none() {
        let only_case = of_issuer.iter().any(|one| {
            let subject = one.subject.as_deref();
            subject.is_some_and(|known| known.eq_ignore_ascii_case(&claims.sub))
        });
        return if only_case {
            let more = " The subject matches with case-insensitive comparison, but not with case-sensitive comparison.";
            no_match(7_002_138, "subject", &claims.sub, more)
        } else {
            no_match(700_213, "subject", &claims.sub, "")
        };
    }
    match of_subject.find(|one| claims.is_for(&one.audiences)) {
        Some(found) => Ok(found),
        None => no_match(700_212, "audience", &claims.audiences().join(" "), ""),
    }
}

/// Names the credential that an assertion proves.
pub(crate) fn prove(scene: &Scene<'_>, assertion: &Assertion<'_>) -> Result<String, Refusal> {
    let credential = meant(scene.application, assertion, scene.local_issuer)?;
    let published = match (scene.keys)(credential) {
        Ok(published) => published,
        Err(reason) => {
            let text = format!(
                "Request to External OIDC endpoint failed. The keys of the issuer {} cannot be had: {}.",
                plain(&credential.issuer),
                reason.replace(['"', '\\', '\n', '\r'], " ")
            );
            return refuse(400, "invalid_request", 90061, text);
        }
    };
    if assertion.algorithm != "RS256" {
        let text = format!(
            "Client assertion failed signature validation. It is signed with {}, and of other issuers RS256 alone is taken.",
            plain(&assertion.algorithm)
        );
        return refuse(401, "invalid_client", 700_027, text);
    }
    if !assertion.is_signed_by(&published) {
        let text = "Client assertion failed signature validation. The key that signed it is not among the issuer's published keys.";
        return refuse(401, "invalid_client", 700_027, text);
    }
    in_time(assertion, scene.now)?;
    Ok(format!("federated-credential/{}", credential.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signer;
    use serde_json::json;

    fn application(credential: &serde_json::Value) -> Application {
        serde_json::from_value(json!({
            "name": "app", "clientId": "C", "federatedCredentials": [credential],
        }))
        .unwrap()
    }

    #[test]
    fn a_condition_stands_in_place_of_the_subject() {
        let signer = Signer::load(None, "a").unwrap();
        let application = application(&json!({
            "name": "ci", "issuer": "https://ci.example", "audiences": ["api"],
            "claimsMatchingExpression": {"languageVersion": 1,
                "value": "claims['sub'] matches 'repo:shop/*' and claims['job'] eq 'deploy'"},
        }));
        let try_it = |iss: &str, sub: &str, job: serde_json::Value| {
            let claims = json!({"iss": iss, "sub": sub, "aud": "api", "exp": 9, "job": job});
            let signed = signer.sign(&claims).unwrap();
            let assertion = Assertion::parse(signed.expose()).unwrap();
            meant(&application, &assertion, "https://local")
                .map(|one| one.name.clone())
                .map_err(|refusal| refusal.code)
        };
        let (iss, sub, job) = ("https://ci.example", "repo:shop/web", json!("deploy"));
        assert_eq!(try_it(iss, sub, job.clone()), Ok("ci".into()));
        assert_eq!(try_it(iss, "repo:else/web", job.clone()), Err(700_213));
        assert_eq!(try_it(iss, sub, json!("test")), Err(700_213));
        assert_eq!(try_it(iss, sub, json!(["deploy"])), Err(700_213));
        assert_eq!(try_it("https://CI.example", sub, job.clone()), Err(700_211));
        assert_eq!(try_it("https://ci.example/", sub, job), Err(700_211));
    }

    #[test]
    fn an_algorithm_that_is_not_taken_is_named() {
        use base64::Engine;
        let part = |json: &serde_json::Value| {
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string())
        };
        // as an API server signs that has a key of an elliptic curve
        let header = part(&json!({"alg": "ES256", "kid": "k"}));
        let claims = part(&json!({"iss": "https://k", "sub": "s", "aud": "api", "exp": 9}));
        let text = format!("{header}.{claims}.AAAA");
        let assertion = Assertion::parse(&text).unwrap();
        let scene = Scene {
            tenant: &serde_json::from_value(json!({"id": "T", "name": "t"})).unwrap(),
            application: &application(&json!({
                "name": "k", "issuer": "https://k", "subject": "s", "audiences": ["api"],
            })),
            local_issuer: "https://local",
            keys: &|_| Ok(json!({"keys": [{"kid": "k"}]})),
            now: 5,
        };
        let refusal = prove(&scene, &assertion).unwrap_err();
        assert_eq!(refusal.code, 700_027);
        assert!(
            refusal.text.contains("signed with ES256"),
            "{}",
            refusal.text
        );
    }
}
