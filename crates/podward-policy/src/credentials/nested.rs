//! Values of YAML and JSON whose name or text stands on another line.

use std::ops::Range;

use super::entropy::is_random;
use super::names::{Speaks, speaks};

/// How far before a key its parent is looked for, bytes.
const BEFORE: usize = 400;
/// Longest line of a block, bytes.
const LINE: usize = 1024;

/// The one line of a block that begins at `at` with `|` or `>`, behind this key.
pub(super) fn block(text: &str, key: &Range<usize>, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?.strip_prefix(['|', '>'])?;
    let (head, body) = rest.split_at_checked(rest.bytes().take(LINE).position(|b| b == b'\n')?)?;
    let mark = head.split('#').next()?.trim();
    if !mark.bytes().all(|b| matches!(b, b'+' | b'-' | b'0'..=b'9')) {
        return None;
    }
    let body = body.get(1..)?;
    let width = body.bytes().take(LINE).position(|b| b == b'\n');
    let line = match width {
        Some(width) => body.get(..width)?,
        None => Some(body).filter(|body| body.len() < LINE)?,
    };
    let column = key.start - text.get(..key.start)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = line.len() - line.trim_start_matches(' ').len();
    let more = body.get(line.len()..)?.trim_start_matches(['\n', '\r']);
    let next = more.bytes().take(LINE).take_while(|b| *b == b' ').count();
    let ends = more.is_empty() || next < indent;
    let start = text.len() - body.len() + indent;
    let value = start..start + line.trim().len();
    (indent > column.saturating_sub(1) && indent > 0 && ends && !value.is_empty()).then_some(value)
}

/// Most lines of a token that is broken into some.
const LINES: usize = 64;

/// The token that a block at `at` has in several lines, behind this key: each is one word, and all together
/// are nothing but a token.
pub(super) fn token_of_lines(
    text: &str,
    key: &Range<usize>,
    at: usize,
) -> Option<(Range<usize>, String)> {
    let rest = text.get(at..)?.strip_prefix(['|', '>'])?;
    let (mark, body) = rest.split_at_checked(rest.bytes().take(LINE).position(|b| b == b'\n')?)?;
    let body = body.get(1..)?;
    if !mark
        .trim_end()
        .bytes()
        .all(|b| matches!(b, b'+' | b'-' | b'0'..=b'9'))
    {
        return None;
    }
    let column = key.start - text.get(..key.start)?.rfind('\n').map_or(0, |at| at + 1);
    let indent_of = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let indent = indent_of(body.split('\n').next()?);
    let (mut token, mut end, mut count) = (String::new(), 0, 0);
    for line in body.split_inclusive('\n') {
        let word = line.trim();
        if indent_of(line) < indent || word.is_empty() {
            break;
        }
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b"+/=_.~-".contains(&b);
        count += 1;
        if count > LINES || line.len() > LINE || !word.bytes().all(is_part) {
            return None;
        }
        token.push_str(word);
        end += line.len();
    }
    let start = text.len() - body.len() + indent;
    let span = start..start + body.get(indent..end)?.trim_end().len();
    (count > 1 && indent > column && is_random(&token)).then_some((span, token))
}

/// Words of a parent that make its `key` one to keep.
const PARENTS: &[&str] = &[
    "api",
    "apikey",
    "auth",
    "encryption",
    "hmac",
    "jwt",
    "master",
    "signing",
    "token",
    "tokens",
];

/// What `key` is within its parent: `"Jwt": {"Key": "…"}`.
pub(super) fn of_parent(text: &str, at: usize, value: &str) -> Option<Speaks> {
    let mut from = at.saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let before = text.get(from..at)?;
    let name = parent(before)?.to_ascii_lowercase();
    let is_one = PARENTS.iter().any(|word| {
        name.strip_prefix(word)
            .is_some_and(|rest| matches!(rest, "" | "settings" | "options" | "config"))
    });
    (is_one && value.len() >= 12)
        .then(|| speaks("secret_key"))
        .flatten()
}

/// The name of what a place stands in, by brackets or else by indentation.
fn parent(before: &str) -> Option<&str> {
    let mut depth = 0;
    for (at, byte) in before.bytes().enumerate().rev() {
        match byte {
            b'}' => depth += 1,
            b'{' if depth > 0 => depth -= 1,
            b'{' => {
                let head = before.get(..at)?.trim_end().strip_suffix(':')?.trim_end();
                let head = head.trim_end_matches('"');
                return head.rsplit(['"', ' ', '{', ',', '\n']).next();
            }
            _ => {}
        }
    }
    let mut lines = before.rsplit('\n');
    let own = lines
        .next()
        .filter(|line| line.trim_matches(' ').is_empty())?;
    let line = lines.find(|line| {
        let content = line.trim_start_matches(' ');
        line.len() - content.len() < own.len() && !content.trim().is_empty()
    })?;
    line.trim().strip_suffix(':')
}

#[cfg(test)]
mod tests {
    use super::super::made::{found, holds_none};

    #[test]
    fn the_line_of_a_block_is_a_value() {
        for text in [
            "password: |\n  hunter2\n",
            "db:\n  password: >-\n    hunter2\n  host: h\n",
            "db:\n- password: |- # of the database\n    hunter2\n- x: y\n",
            "password: |\n  hunter2",
        ] {
            assert_eq!(found(text), [("a password", "hunter2")], "{text}");
        }
        for text in [
            "password: |\n  one of\n  two lines\n",
            "password: |\nhunter2\n",
            "password: |\n  ${PASSWORD}\n",
            "password: >\n",
            "password: | cat\n  hunter2\n",
        ] {
            holds_none(text);
        }
    }

    #[test]
    fn a_token_in_several_lines_is_one() {
        let token = "q7Zt1LmX0vB4kD9sYw3R\n  x8Kd83jKs93kdLs93KdP\n  Zx9Kd8";
        for text in [
            format!(
                "api:\n  token: >-\n    {}\n  host: h\n",
                token.replace("\n", "\n  ")
            ),
            format!("token: |\n  {token}\nhost: h\n"),
            format!("token: |\n  {token}"),
        ] {
            let all = found(&text);
            assert_eq!(all.len(), 1, "{text}");
            let (kind, value) = all[0];
            let words: Vec<_> = value.split_whitespace().collect();
            let wanted: Vec<_> = token.split_whitespace().collect();
            assert_eq!((kind, words), ("a token", wanted), "{text}");
        }
        for text in [
            "token: |\n  one\n  two\n",
            "token: >-\n  kubernetes\n  default\n  system\n",
            "tokens: |\n  - q7Zt1LmX0vB4kD9sYw3R\n  - x8Kd83jKs93kdLs93KdP\n",
        ] {
            holds_none(text);
        }
    }

    #[test]
    fn keys_are_what_their_parents_are() {
        let value = "Zx9Kd83jKs93kdLs93Kd";
        for text in [
            format!("{{\"Jwt\":{{\"Key\":\"{value}\"}}}}"),
            format!(
                "{{\"JwtSettings\": {{\"Issuer\": \"me\", \"x\": {{}}, \"Key\": \"{value}\"}}}}"
            ),
            format!("jwt:\n  issuer: me\n  key: {value}\n"),
        ] {
            assert_eq!(found(&text), [("a key", value)], "{text}");
        }
        for text in [
            format!("{{\"Cache\":{{\"Key\":\"{value}\"}}}}"),
            "{\"Jwt\":{\"Key\":\"name-of-the-key\"}}".to_owned(),
            "{\"Jwt\":{\"Key\":\"${JWT_KEY_OF_PROD}\"}}".to_owned(),
            format!("jwt:\n  issuer: me\nother:\n  key: {value}\n"),
        ] {
            holds_none(&text);
        }
    }
}
