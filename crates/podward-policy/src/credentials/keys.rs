//! Private keys, signed tokens and hashes of passwords.

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::found::{By, Found};
use crate::Severity;

/// Longest label of a PEM block, bytes.
const LABEL: usize = 48;
/// Longest header of a JSON web token, bytes in base64.
const HEADER: usize = 2048;

/// A PEM block whose `-----BEGIN` ends at `at`: where to go on. A private key that is encrypted is
/// told less urgently: its passphrase is a second thing to steal, and is often kept beside it.
pub(super) fn pem(text: &str, at: usize, found: &mut Found) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let Some((label, after)) = rest.split_once("-----") else {
        return text.len();
    };
    let body_start = text.len() - after.len();
    let is_key = label.len() <= LABEL
        && (label.ends_with("PRIVATE KEY") || label.ends_with("PRIVATE KEY BLOCK"));
    if !is_key {
        // the label may be text up to another block, so nothing is jumped over
        return at;
    }
    let body_end = after
        .find("-----")
        .map_or(text.len(), |end| body_start + end);
    let body = text.get(body_start..body_end).unwrap_or_default();
    if ends_text(body) || !holds_key(body) {
        return body_end;
    }
    let tail = text.get(body_end..).unwrap_or_default();
    let end = tail
        .strip_prefix("-----END ")
        .and_then(|tail| tail.split_once("-----"))
        .filter(|(label, _)| label.len() <= LABEL)
        .map_or(body_end, |(_, rest)| text.len() - rest.len());
    let start = at.saturating_sub("-----BEGIN".len());
    if label.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
        found.add(
            By::Form,
            "an encrypted private key",
            start..end,
            Severity::Warning,
        );
    } else {
        found.add(By::Form, "a private key", start..end, Severity::Error);
    }
    end
}

/// Longest base64 of a PEM block, bytes.
const ENCODED: usize = 64 * 1024;

/// A PEM block in base64, as in a kubeconfig, that begins with a word.
pub(super) fn encoded_pem(text: &str, word: &Range<usize>, found: &mut Found) {
    let rest = text.get(word.start..).unwrap_or_default();
    // `-----BEGIN `
    if !rest.starts_with("LS0tLS1CRUdJTi") {
        return;
    }
    // 48 characters are 36 bytes: the label
    let label = rest.get(..48).and_then(|head| STANDARD.decode(head).ok());
    let is_key = label.is_some_and(|label| label.windows(11).any(|part| part == b"PRIVATE KEY"));
    if is_key {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let length = rest
            .bytes()
            .take(ENCODED)
            .take_while(|b| is_part(b))
            .count();
        let span = word.start..word.start + length;
        found.add(By::Form, "a private key in base64", span, Severity::Error);
    }
}

/// Whether the text ends whose first line the header is, as in `startsWith("…")`; where lines are put
/// together, another text follows.
fn ends_text(body: &str) -> bool {
    let body = body.strip_prefix("\\n").unwrap_or(body);
    let behind = body.strip_prefix(['"', '\'', '`']);
    behind.is_some_and(|behind| {
        let next = behind.trim_start_matches([' ', '\t']).bytes().next();
        matches!(
            next,
            Some(b')' | b']' | b'}' | b';' | b':' | b'&' | b'|' | b'?' | b'=')
        )
    })
}

/// Whether the body of a PEM block is more than dots and words: a long name in a program has no number
/// and capitals and small letters as well.
fn holds_key(body: &str) -> bool {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    body.as_bytes()
        .split(|byte| !is_base64(byte))
        .any(|run| run.len() >= 32 && is_mixed(run))
}

fn is_mixed(run: &[u8]) -> bool {
    let mix = super::entropy::mix(run);
    mix.lower && mix.upper && mix.digit
}

/// Whether a word is a JSON web token: a header that can be read, claims and a signature.
pub(super) fn is_web_token(word: &str) -> bool {
    let mut parts = word.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    claims.len() >= 4
        && signature.len() >= 20
        && header.len() <= HEADER
        && URL_SAFE_NO_PAD
            .decode(header)
            .is_ok_and(|json| json.starts_with(b"{") && json.windows(5).any(|w| w == b"\"alg\""))
}

/// Hashes of passwords: how they begin, and the fewest bytes after that.
const HASHES: &[(&str, usize)] = &[
    ("$2a$", 56),
    ("$2b$", 56),
    ("$2y$", 56),
    ("$apr1$", 23),
    ("$1$", 23),
    ("$5$", 43),
    ("$6$", 86),
    ("$y$", 43),
    ("$argon2id$", 40),
    ("$argon2i$", 40),
    ("$scrypt$", 40),
];

/// Longest hash, bytes.
const HASH: usize = 256;

/// A hash of a password that begins at `at`, as in htpasswd and shadow files.
pub(super) fn hash(text: &str, at: usize, found: &mut Found) {
    let rest = text.get(at..).unwrap_or_default();
    let Some((start, least)) = HASHES.iter().find(|(start, _)| rest.starts_with(start)) else {
        return;
    };
    let is_part =
        |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'$' | b'+' | b'=' | b',');
    let length = rest.bytes().take(HASH).take_while(|b| is_part(b)).count();
    let whole = rest.get(..length).unwrap_or_default();
    let whole = whole.trim_end_matches(',');
    let body = whole.get(start.len()..).unwrap_or_default();
    // salt and hash are two parts, and neither is a variable of a shell
    if body.len() >= *least && body.contains('$') && super::entropy::bits(body.as_bytes()) > 3.5 {
        found.add(
            By::Form,
            "the hash of a password",
            at..at + whole.len(),
            Severity::Warning,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{found, holds, holds_none, letters, pem};

    #[test]
    fn private_keys_are_found_whole() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
        ] {
            holds("a private key", &pem(label));
        }
        holds("an encrypted private key", &pem("ENCRYPTED PRIVATE KEY"));
        // as a program puts its lines together
        let lines = pem("PRIVATE KEY").replace('\n', "\\n\" +\n\"");
        holds("a private key", &lines);
        // as in the key file of a service account of Google
        holds("a private key", &pem("PRIVATE KEY").replace('\n', "\\n"));
    }

    #[test]
    fn keys_in_base64_are_found() {
        use base64::Engine;
        let encode = |label| base64::engine::general_purpose::STANDARD.encode(pem(label));
        let key = encode("RSA PRIVATE KEY");
        assert_eq!(
            found(&format!("    client-key-data: {key}\n")),
            [("a private key in base64", key.as_str())]
        );
        holds_none(&format!(
            "client-certificate-data: {}\n",
            encode("CERTIFICATE")
        ));
    }

    #[test]
    fn other_blocks_and_headers_without_a_key_are_none() {
        holds_none(&pem("CERTIFICATE"));
        holds_none(&pem("PUBLIC KEY"));
        let key = pem("PRIVATE KEY");
        let header = key.lines().next().unwrap();
        holds_none(header);
        holds_none(&format!(
            "{header}\n...\n{}",
            header.replace("BEGIN", "END")
        ));
        // what asks for a header, and a long name behind it
        for text in [
            format!("if (x.startsWith(\"{header}\")) {{ {} }}", letters(40)),
            format!("x == '{header}' && aVeryLongNameOfSomethingInThisProgram()"),
            format!("f(\"{header}\", aVeryLongNameOfSomethingInThisProgram())"),
        ] {
            holds_none(&text);
        }
        // a key behind a certificate
        let both = format!("{}\n{key}\n", pem("CERTIFICATE"));
        assert_eq!(found(&both), [("a private key", key.as_str())]);
    }

    #[test]
    fn hashes_of_passwords_are_whole() {
        holds("the hash of a password", &format!("$2y$10${}", letters(53)));
        holds(
            "the hash of a password",
            &format!("$6${}${}", letters(8), letters(86)),
        );
        holds(
            "the hash of a password",
            &format!("$apr1${}${}", letters(8), letters(22)),
        );
        for text in ["$1$2", "echo $1$HOME", "$2a$10$short", "$6$"] {
            holds_none(text);
        }
    }
}
