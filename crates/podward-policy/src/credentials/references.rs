//! Names before a sign that are given no value: references and comparisons of a shell.

use std::ops::Range;

use super::pairs::{before as before_of, end};

/// Whether a name before a sign is not given a value: `${NAME:?…}`, `[ "$NAME" = … ]`, and what
/// stands within a reference (`arn:aws:secret:…`).
pub(super) fn is_one(text: &str, key: &Range<usize>, colon: bool) -> bool {
    let before = text.get(..key.start).unwrap_or_default();
    let behind = text.as_bytes().get(key.end).copied();
    // `PASSWORD :'name'` is a variable of psql
    if text
        .get(key.end..)
        .is_some_and(|rest| rest.starts_with(" :'"))
    {
        return true;
    }
    if before.ends_with("${") || (colon && before.ends_with(':')) {
        return true;
    }
    // `<secret:NAME>`
    if before.ends_with('<') && colon && behind == Some(b':') {
        return true;
    }
    let before = before.strip_suffix('{').unwrap_or(before);
    let Some(before) = before.strip_suffix('$').filter(|_| !colon) else {
        return false;
    };
    let before = before_of(before, before.len())
        .trim_end_matches('"')
        .trim_end();
    behind == Some(b'"') || before.ends_with('[') || before.ends_with("test")
}

/// Where the default of `${NAME:-DEFAULT}` or `${NAME:DEFAULT}` stands.
pub(super) fn default(text: &str, key: &Range<usize>) -> Option<Range<usize>> {
    if !text.get(..key.start)?.ends_with("${") {
        return None;
    }
    let rest = text.get(key.end..)?;
    let plain = |value: &str| {
        // `${NAME:?…}`, `${NAME:+…}`, and `${NAME:0:8}`, which is a part of the value
        let first = value.bytes().next();
        first.is_some_and(|b| !b.is_ascii_digit() && !matches!(b, b'?' | b'+' | b' '))
    };
    let value = rest
        .strip_prefix(":-")
        .or_else(|| rest.strip_prefix(":="))
        .or_else(|| rest.strip_prefix(':').filter(|value| plain(value)))?;
    let length = end(value, |b| matches!(b, b'}' | b'\n'))?;
    let closes = value.as_bytes().get(length) == Some(&b'}');
    let start = text.len() - value.len();
    closes.then_some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::super::made::{found, holds_none};

    #[test]
    fn defaults_are_values() {
        for text in [
            "${DB_PASSWORD:-hunter2}",
            "x: ${DB_PASSWORD:hunter2}",
            "${PASSWORD:=hunter2}",
        ] {
            assert_eq!(found(text), [("a password", "hunter2")], "{text}");
        }
    }

    #[test]
    fn references_and_comparisons_are_none() {
        for text in [
            ": \"${DB_PASSWORD:?required}\"",
            "${DB_PASSWORD:?is required}",
            "${DB_PASSWORD:+--password}",
            "${DB_PASSWORD:-}",
            "${DB_PASSWORD:-$OTHER}",
            "${DB_PASSWORD:0:8}",
            "${DB_PASSWORD: -4}",
            "[ \"$PASSWORD\" = \"hunter2\" ] && exit 1",
            "[ \"${PASSWORD}\" = \"hunter2\" ] && exit 1",
            "if [[ $PASSWORD = hunter2 ]]; then",
            "test $PASSWORD = hunter2 && exit",
            "password: arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
            "{password: arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf9}",
            "DB: k8s:secret:ns/db-x2Y9zz",
            "DB: <secret:db-x2Y9zz>",
            "ALTER USER a PASSWORD :'name'",
        ] {
            holds_none(text);
        }
    }
}
