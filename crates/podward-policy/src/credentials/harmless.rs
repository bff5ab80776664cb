//! Values of files that look like credentials and are none.

use super::found::Credential;
use super::{pairs, values};

/// What only a name tells: such values may be made up, forms are not.
const BY_NAME: &[&str] = &[
    "a credential",
    "a default password",
    "a default secret",
    "a key",
    "a password",
    "a secret",
    "a token",
    "a user and password",
    "what looks like a key",
];

/// Parts of values that are printed in the documentation of their makers.
const PUBLISHED: &[&str] = &[
    // the token of jwt.io
    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lI",
    "EXAMPLE",
    "4eC39HqLyj",
];

/// Whether a credential is one that the documentation of its maker prints, or one that only a name
/// tells and the text around it takes back.
pub(super) fn is_harmless(text: &str, one: &Credential, named: bool) -> bool {
    let value = text.get(one.span.clone()).unwrap_or_default();
    if PUBLISHED.iter().any(|part| value.contains(part)) {
        return true;
    }
    if !named {
        return false;
    }
    let before = text.get(..one.span.start).unwrap_or_default();
    if one.kind == "a HashiCorp Vault token" && value.starts_with("s.") {
        // a field of `s` in a program
        return !before.ends_with(['"', '\'', '`', '=']);
    }
    if one.kind == "what looks like a key" && value.contains([',', '.', ':', ' ', '(']) {
        // tags of fields, names of labels
        return true;
    }
    if !BY_NAME.contains(&one.kind) {
        return false;
    }
    // of a line without end no more than its last part
    let line = pairs::before(text, one.span.start);
    let letters = |text: &str| -> String {
        let letters = text.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    is_remark(line)
        // a label or a sentence of a user interface
        || (value.contains(' ') && !value.bytes().any(|byte| byte.is_ascii_digit()))
        // selectors, formats, names of parameters
        || value.starts_with(['#', '.', '[', '@', ':', '&', '%', '{', '<', '(', '$', '/', '?'])
        || value.contains("{}")
        || value.ends_with([':', '?'])
        // base64 has four characters for three bytes
        || (!value.len().is_multiple_of(4)
            && value.strip_suffix('=').is_some_and(values::is_word))
        // names of fields and keys of translations
        || (values::is_word(value) && letters(line).contains(&letters(value)))
        || (value.contains('.')
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_')))
}

/// Whether a line is a remark in a way that other texts have not.
fn is_remark(line: &str) -> bool {
    let line = line.trim_start();
    ["*", "/*", "--", "'", "rem ", "REM ", ">>>"]
        .iter()
        .any(|start| line.starts_with(start))
}
