//! The requests that inputs are made of.

use serde_json::{Value, json};

use super::{CLIENT, TENANT};

/// Forms of the token endpoint.
pub(super) fn forms() -> Vec<String> {
    let (assertion, kind) = (
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJpIiwic3ViIjoicyIsImV4cCI6MX0.AAAA",
        "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
    );
    vec![
        format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_secret=s3cret&scope=https%3A%2F%2Fvault.azure.net%2F.default"
        ),
        format!(
            "client_id={CLIENT}&client_info=1&grant_type=client_credentials&client_secret=%E2%9C%93+x&scope=openid https://nowhere//.default"
        ),
        format!(
            "grant_type=client_credentials&client_id={CLIENT}&client_assertion_type={kind}&client_assertion={assertion}&resource=https://vault.azure.net"
        ),
        "grant_type=password&&=&a=b=c&%zz=%".into(),
    ]
}

/// Header and claims, one below the other.
pub(super) fn statements() -> Vec<String> {
    let claims = |iss: &str, sub: &str| {
        json!({"iss": iss, "sub": sub, "aud": ["api", "b"], "exp": 99_999_999_999_i64, "nbf": 0,
            "kubernetes.io": {"namespace": "a", "pod": {"name": "p", "uid": "u"}}})
    };
    let local = "https://oidc.podward.internal";
    [
        (json!({"alg": "RS256", "kid": "k"}), claims(local, "web")),
        (
            json!({"alg": "none"}),
            claims("https://ci.example", "aaabbb:ccc"),
        ),
        (
            json!({"alg": "PS256", "x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"}),
            claims(CLIENT, CLIENT),
        ),
        (
            json!({"alg": "PS256", "x5t#S256": "+/==", "x5c": ["MIIB", "AAAA"]}),
            claims(CLIENT, CLIENT),
        ),
    ]
    .map(|(header, claims)| format!("{header}\n{claims}"))
    .into()
}

/// A method, a path and, below, a body.
pub(super) fn requests() -> Vec<String> {
    let seed = |line: &str, body: Value| match body {
        Value::Null => line.to_owned(),
        body => format!("{line}\n{body}"),
    };
    let version = "api-version=7.6";
    let policy = json!({"issuer": {"name": "Self"}, "key_props": {"kty": "EC", "crv": "P-256", "reuse_key": false,
        "exportable": true}, "secret_props": {"contentType": "application/x-pem-file"}, "x509_props": {
        "subject": "CN=a, O=\"b, c\"", "sans": {"dns_names": ["a.example"], "emails": ["a@b"]}, "ekus": ["1.3.6.1.5.5.7.3.1"],
        "key_usage": ["digitalSignature"], "validity_months": 12}, "lifetime_actions": [
        {"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}]});
    vec![
        seed(
            &format!("PUT /secrets/a?{version}"),
            json!({"value": "x", "contentType": "t", "tags": {"a": "b"},
            "attributes": {"enabled": true, "nbf": 1, "exp": 99_999_999_999_i64}}),
        ),
        seed(
            &format!("GET /secrets?{version}&maxresults=2&$skiptoken=YQ"),
            Value::Null,
        ),
        seed(&format!("GET /secrets/a/versions?{version}"), Value::Null),
        seed(
            &format!("PATCH /secrets/a/?{version}"),
            json!({"attributes": {"enabled": false}}),
        ),
        seed(&format!("DELETE /secrets/a?{version}"), Value::Null),
        seed(
            &format!("POST /deletedsecrets/a/recover?{version}"),
            Value::Null,
        ),
        seed(&format!("DELETE /deletedsecrets/a?{version}"), Value::Null),
        seed(
            &format!("POST /secrets/restore?{version}"),
            json!({"value": "AAAA_-AA"}),
        ),
        seed(
            &format!("POST /keys/k/create?{version}"),
            json!({"kty": "EC", "crv": "P-256", "key_ops": ["sign", "verify"]}),
        ),
        seed(
            &format!("PUT /keys/i?{version}"),
            json!({"key": {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "d": "AQ"}}),
        ),
        seed(
            &format!("PUT /keys/i?{version}"),
            json!({"key": {"kty": "RSA", "n": "AQ", "e": "AQAB", "d": "AQ", "p": "AQ",
            "q": "AQ", "dp": "AQ", "dq": "AQ", "qi": "AQ"}}),
        ),
        seed(
            &format!("POST /keys/k//sign?{version}"),
            json!({"alg": "ES256", "value": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}),
        ),
        seed(
            &format!("POST /keys/k//verify?{version}"),
            json!({"alg": "ES256", "digest": "AAAA", "value": "AAAA"}),
        ),
        seed(
            &format!("PUT /keys/k/rotationpolicy?{version}"),
            json!({"attributes": {"expiryTime": "P2Y"}, "lifetimeActions": [
            {"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}]}),
        ),
        seed(
            &format!("POST /certificates/c/create?{version}"),
            json!({"policy": policy}),
        ),
        seed(&format!("PATCH /certificates/c/policy?{version}"), policy),
        seed(
            &format!("POST /certificates/c/pending/merge?{version}"),
            json!({"x5c": ["MIIB", "AAAA"]}),
        ),
        seed(
            "GET /metadata/instance/compute/name?api-version=2021-02-01&format=text",
            Value::Null,
        ),
        seed(
            "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=x&client_id=a&msi_res_id=b",
            Value::Null,
        ),
        seed(
            "GET /msi/token?api-version=2019-08-01&resource=https://vault.azure.net",
            Value::Null,
        ),
        seed(
            &format!("GET /{TENANT}/v2.0/.well-known/openid-configuration"),
            Value::Null,
        ),
        seed(
            "GET /common/discovery/instance?authorization_endpoint=https://login.localhost/a/b",
            Value::Null,
        ),
    ]
}
