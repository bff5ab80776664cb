//! What clients send in the encoding of a form.

use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use podward_api::SecretString;
use zeroize::Zeroizing;

/// Decodes a name or a value of a form.
fn decode(part: &[u8]) -> String {
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part.iter();
    while let Some(byte) = rest.next() {
        let digit = |b: &u8| {
            char::from(*b)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let pair = rest.as_slice();
                match (pair.first().and_then(digit), pair.get(1).and_then(digit)) {
                    (Some(high), Some(low)) => {
                        out.push(high * 16 + low);
                        rest.nth(1);
                    }
                    _ => out.push(b'%'),
                }
            }
            other => out.push(*other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Decodes `a=b&c=d` (WHATWG URL, application/x-www-form-urlencoded).
pub(crate) fn form(bytes: &[u8]) -> Vec<(String, String)> {
    bytes
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (
                decode(halves.next().unwrap_or_default()),
                decode(halves.next().unwrap_or_default()),
            )
        })
        .collect()
}

/// Client and password of HTTP Basic authentication, each in the encoding of a form (RFC 6749, 2.3.1).
pub(crate) fn basic(parts: &Parts) -> Option<(String, SecretString)> {
    let sent = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = sent.split_once(' ')?;
    let pair = STANDARD.decode(text.trim()).ok().map(Zeroizing::new)?;
    let at = pair.iter().position(|byte| *byte == b':')?;
    let (client, password) = pair.split_at_checked(at)?;
    let password = password.get(1..)?;
    scheme
        .eq_ignore_ascii_case("basic")
        .then(|| (decode(client), SecretString::new(decode(password))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded() {
        let pairs = form(b"a=1%2F2&api%2Dversion=7.4&s=a+b&bad=%zz&&x");
        let want = [
            ("a", "1/2"),
            ("api-version", "7.4"),
            ("s", "a b"),
            ("bad", "%zz"),
            ("x", ""),
        ];
        assert_eq!(pairs, want.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
