//! `Basic` and `Bearer` of an Authorization header, and logins of a registry.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::entropy::is_random;
use super::found::{By, Found};
use super::values::stands_for_another;
use crate::Severity;

/// Longest credential of a header, bytes.
const LONGEST: usize = 4096;

/// Looks at what follows the word `Basic` or `Bearer`: whether it is a credential.
pub(super) fn scheme(text: &str, word: &Range<usize>, found: &mut Found) -> bool {
    let scheme = text.get(word.clone()).unwrap_or_default();
    let basic = scheme.eq_ignore_ascii_case("basic");
    if !basic && !scheme.eq_ignore_ascii_case("bearer") {
        return false;
    }
    let rest = text.get(word.end..).unwrap_or_default();
    let value = rest.trim_start_matches(' ');
    let start = text.len() - value.len();
    let is_part = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_' | b'.' | b'~')
    };
    let length = value
        .bytes()
        .take(LONGEST)
        .take_while(|b| is_part(b))
        .count();
    let value = value.get(..length).unwrap_or_default();
    let span = start..start + length;
    if basic && is_login(value) {
        found.add(
            By::Place,
            "a user and password in base64",
            span,
            Severity::Error,
        );
        return true;
    }
    if !basic && is_random(value) && !stands_for_another(value) {
        found.add(By::Place, "a bearer token", span, Severity::Error);
        return true;
    }
    false
}

/// Whether base64 holds `user:password`, both of which can be read.
pub(super) fn is_login(value: &str) -> bool {
    if value.len() < 6 || value.len() > LONGEST {
        return false;
    }
    let Some(decoded) = STANDARD
        .decode(value)
        .ok()
        .and_then(|d| String::from_utf8(d).ok())
    else {
        return false;
    };
    decoded.split_once(':').is_some_and(|(user, password)| {
        !user.is_empty() && !stands_for_another(password) && !decoded.chars().any(char::is_control)
    })
}

#[cfg(test)]
mod tests {
    use super::super::made::{found, holds_none, letters};
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn what_follows_the_scheme_is_found() {
        let login = STANDARD.encode("joe:hunter2");
        let token = letters(40);
        assert_eq!(
            found(&format!("Authorization: Basic {login}")),
            [("a user and password in base64", login.as_str())]
        );
        assert_eq!(
            found(&format!("curl -H 'authorization: bearer {token}'")),
            [("a bearer token", token.as_str())]
        );
        let auths = format!("{{\"auths\":{{\"r.example\":{{\"auth\":\"{login}\"}}}}}}");
        assert_eq!(found(&auths), [("a login of a registry", login.as_str())]);
    }

    #[test]
    fn references_and_words_are_left_alone() {
        for text in [
            "Authorization: Bearer $(TOKEN)",
            "Authorization: Bearer ${TOKEN}",
            "basic authentication-of-users",
            "a bearer token of somebody",
            "auth: basic",
            "\"auth\": \"bm8tY29sb24=\"",
        ] {
            holds_none(text);
        }
    }
}
