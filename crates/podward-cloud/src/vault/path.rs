//! Paths of the REST API. Their fixed words count without regard to case: the SDK for .NET writes `wrapKey` where the
//! reference has `wrapkey`.

use axum::http::Method;

use crate::names;

/// What the first part of a path may be.
const KINDS: [&str; 7] = [
    "certificates",
    "deletedcertificates",
    "deletedkeys",
    "deletedsecrets",
    "keys",
    "rng",
    "secrets",
];
/// What stands where else a certificate's name does.
const IN_PLACE_OF_NAMES: [&str; 2] = ["contacts", "issuers"];
/// What stands behind the name of an object, or behind its version.
const WORDS: [&str; 18] = [
    "backup",
    "create",
    "decrypt",
    "encrypt",
    "import",
    "merge",
    "pending",
    "policy",
    "recover",
    "release",
    "restore",
    "rotate",
    "rotationpolicy",
    "sign",
    "unwrapkey",
    "verify",
    "versions",
    "wrapkey",
];

/// The kind of object that a path is of; empty where it is none of the API's.
pub(crate) fn kind(path: &str) -> &'static str {
    let first = path.split('/').find(|part| !part.is_empty());
    first
        .and_then(|first| known(&KINDS, first))
        .unwrap_or_default()
}

/// The methods that are served at a path, as [`segments`] tells it; `None` where nothing is.
pub(super) fn allowed(path: &[&str]) -> Option<&'static str> {
    Some(match path {
        ["certificates", "issuers"] => "GET",
        ["certificates", "issuers", _] => "DELETE, GET, PATCH, PUT",
        ["certificates", "contacts"] => "DELETE, GET, PUT",
        ["certificates" | "keys" | "secrets", rest @ ..] => match rest {
            [] | [_, "versions"] => "GET",
            [_] if path.first() == Some(&"certificates") => "DELETE, GET, PATCH",
            [_] => "DELETE, GET, PATCH, PUT",
            [_, "pending"] => "DELETE, GET, PATCH",
            [_, "policy"] => "GET, PATCH",
            [_, "rotationpolicy"] => "GET, PUT",
            [.., last] if WORDS.contains(last) => "POST",
            [_, _version] => "GET, PATCH",
            _ => return None,
        },
        [_] => "GET",
        [_, _name] => "DELETE, GET",
        [.., last] if WORDS.contains(last) => "POST",
        _ => return None,
    })
}

/// The parts of a path between its slashes: fixed words as they stand in this file, names and versions as they came.
pub(super) fn segments<'a>(method: &Method, path: &'a str) -> Vec<&'a str> {
    let mut parts = names::segments(path);
    let of_certificates = kind(path) == "certificates";
    let alone = parts.len() == 2;
    let mut of_issuers = false;
    for (at, part) in parts.iter_mut().enumerate() {
        let word = match at {
            0 => known(&KINDS, part),
            1 if alone && *method == Method::POST => known(&["restore"], part),
            1 if of_certificates => known(&IN_PLACE_OF_NAMES, part),
            // this is the name of an issuer
            2 if of_issuers => None,
            _ if at > 1 => known(&WORDS, part),
            _ => None,
        };
        of_issuers |= at == 1 && word == Some("issuers");
        *part = word.unwrap_or(*part);
    }
    parts
}

fn known(words: &[&'static str], part: &str) -> Option<&'static str> {
    let mut words = words.iter().copied();
    words.find(|word| word.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use super::*;
    use serde_json::json;

    #[test]
    fn words_are_told_in_their_form_and_names_as_they_came() {
        let of = |method, path| segments(&method, path).join("/");
        let (get, post) = (Method::GET, Method::POST);
        for (method, path, told) in [
            (post.clone(), "/Keys/A/1F/wrapKey", "keys/A/1F/wrapkey"),
            (post.clone(), "/keys/Sign/SIGN", "keys/Sign/sign"),
            (post.clone(), "/secrets/Restore", "secrets/restore"),
            (get.clone(), "/secrets/Restore", "secrets/Restore"),
            (
                get.clone(),
                "/CERTIFICATES/C1/Policy",
                "certificates/C1/policy",
            ),
            (
                get.clone(),
                "/certificates/Issuers/Policy",
                "certificates/issuers/Policy",
            ),
            (
                get.clone(),
                "/certificates/Contacts",
                "certificates/contacts",
            ),
            (
                get.clone(),
                "/keys/Contacts/Versions",
                "keys/Contacts/versions",
            ),
            (
                post,
                "/deletedSecrets/X/Recover",
                "deletedsecrets/X/recover",
            ),
            (get, "/Other/Sign", "Other/Sign"),
        ] {
            assert_eq!(of(method, path), told);
        }
    }

    #[test]
    fn a_method_that_is_not_served_names_those_that_are() {
        let trial = Trial::new();
        trial.ask("POST", "/keys/k/create", &json!({"kty": "EC"}));
        for path in [
            "/secrets",
            "/secrets/a",
            "/secrets/a/1",
            "/secrets/a/versions",
            "/secrets/a/backup",
            "/keys",
            "/keys/k",
            "/keys/k/create",
            "/keys/k/rotate",
            "/keys/k/rotationpolicy",
            "/keys/k/1/sign",
            "/certificates",
            "/certificates/c",
            "/certificates/c/create",
            "/certificates/c/policy",
            "/certificates/c/pending",
            "/certificates/c/pending/merge",
            "/certificates/issuers",
            "/certificates/issuers/i",
            "/certificates/contacts",
            "/deletedsecrets",
            "/deletedkeys/k",
            "/deletedcertificates/c/recover",
        ] {
            let parts = segments(&Method::GET, path);
            let methods: Vec<_> = allowed(&parts).unwrap().split(", ").collect();
            for method in ["DELETE", "GET", "PATCH", "POST", "PUT"] {
                let (status, headers, _) = trial.whole("owner", method, path, "{}".into());
                let told = headers.get("allow").map(|allow| allow.to_str().unwrap());
                if status == 405 {
                    assert_eq!(told, allowed(&parts), "{method} {path}");
                }
                // where a version may stand, a word is one that is not there
                let is_served = methods.contains(&method) || status == 404;
                assert_eq!(status == 405, !is_served, "{method} {path}");
            }
        }
        assert_eq!(trial.ask("GET", "/keys/k/1/2/3", &json!(null)).0, 404);
        let marked = "\u{feff}{\"value\": \"x\"}".to_owned();
        let (status, _, told) = trial.whole("owner", "PUT", "/secrets/a", marked);
        assert_eq!((status, &told["value"]), (200, &json!("x")));
    }

    #[test]
    fn an_operation_is_found_however_it_is_written() {
        let trial = Trial::new();
        let (status, made) = trial.ask("POST", "/keys/Turn/Create", &json!({"kty": "RSA"}));
        assert_eq!(status, 200, "{made}");
        let at = made["key"]["kid"].as_str().unwrap();
        let (_, at) = at.split_once(".net").unwrap();
        assert!(at.starts_with("/keys/Turn/"));
        let body = json!({"alg": "RSA-OAEP", "value": "AAAA"});
        let (status, wrapped) = trial.ask("POST", &format!("{at}/wrapKey"), &body);
        assert_eq!(status, 200, "{wrapped}");
        let body = json!({"alg": "RSA-OAEP", "value": wrapped["value"]});
        let (status, opened) = trial.ask("POST", &format!("{at}/unwrapKey"), &body);
        assert_eq!((status, &opened["value"]), (200, &json!("AAAA")));
        assert_eq!(
            trial
                .ask("GET", "/keys/turn/rotationPolicy", &json!(null))
                .0,
            200
        );
        trial.ask("PUT", "/Secrets/a", &json!({"value": "x"}));
        assert_eq!(trial.ask("POST", "/secrets/a/BACKUP", &json!(null)).0, 200);
        let (_, all) = trial.ask("GET", "/secrets/a/Versions", &json!(null));
        assert_eq!(all["value"].as_array().map(Vec::len), Some(1));
        assert_eq!(trial.ask("DELETE", "/secrets/a", &json!(null)).0, 200);
        let recovered = trial.ask("POST", "/deletedSecrets/a/Recover", &json!(null));
        assert_eq!(recovered.0, 200);
    }
}
