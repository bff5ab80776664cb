//! Values for tests, made when they run: nothing here looks like a credential before that.

use super::{Credential, Reading, credentials_in};

/// This many of these characters, always the same, as if drawn at random.
fn drawn(of: &str, length: usize) -> String {
    let of: Vec<char> = of.chars().collect();
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        of[(state >> 16) as usize % of.len()]
    };
    (0..length).map(|_| next()).collect()
}

const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &str = "0123456789";

pub(super) fn letters(length: usize) -> String {
    drawn(&format!("{LOWER}{UPPER}{DIGITS}"), length)
}

pub(super) fn capitals(length: usize) -> String {
    drawn(&format!("{UPPER}{DIGITS}"), length)
}

pub(super) fn hex(length: usize) -> String {
    drawn("0123456789abcdef", length)
}

/// This many bytes in base64.
pub(super) fn base64(bytes: usize) -> String {
    use base64::Engine;
    let bytes: Vec<u8> = letters(bytes).into_bytes();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A JSON web token with this header.
pub(super) fn web_token(header: &str) -> String {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let claims = encode("{\"sub\":\"someone\"}");
    format!("{}.{claims}.{}", encode(header), letters(43))
}

/// A PEM block with this label.
pub(super) fn pem(label: &str) -> String {
    let dashes = "-".repeat(5);
    let body = format!("{}\n{}", base64(48), base64(30));
    format!("{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}")
}

/// The findings of an object: where, and the message.
pub(super) fn told(yaml: &str) -> Vec<String> {
    let documents = podward_manifest::parse("f.yaml", yaml).unwrap();
    let objects = documents
        .into_iter()
        .flat_map(podward_manifest::objects_found);
    let findings = objects.flat_map(|object| super::credentials_of(&object));
    findings
        .map(|f| format!("{} {} {}: {}", f.position, f.rule, f.field, f.message))
        .collect()
}

/// What a text without a name holds: kinds and values.
pub(super) fn found(text: &str) -> Vec<(&'static str, &str)> {
    found_in(text, Reading::Text)
}

/// What a text holds that is read like this: kinds and values.
pub(super) fn found_in(text: &str, reading: Reading) -> Vec<(&'static str, &str)> {
    let all = credentials_in(None, text, reading);
    all.into_iter()
        .map(|Credential { kind, span, .. }| (kind, text.get(span).unwrap_or_default()))
        .collect()
}

/// Asserts that a text holds this one credential of this kind, wherever it stands.
#[track_caller]
pub(super) fn holds(kind: &str, value: &str) {
    for (before, after) in [("", ""), ("a \"", "\" b"), ("--x=", "\n"), ("é:", ",é")] {
        let text = format!("{before}{value}{after}");
        assert_eq!(found(&text), [(kind, value)], "{text}");
    }
}

/// Asserts that a text holds no credential.
#[track_caller]
pub(super) fn holds_none(text: &str) {
    assert_eq!(found(text), [], "{text}");
}
