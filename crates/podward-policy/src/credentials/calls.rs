//! Values that code hands on beside a name: `setPassword("…")`, `put("password", "…")`,
//! `env.DB_PASSWORD || "…"`.

use std::ops::Range;

use super::found::{Credential, join};
use super::names::{Speaks, speaks};
use super::values::judge;

/// Longest value, bytes.
const LONGEST: usize = 256;
/// Longest name, bytes.
const NAME: usize = 80;

/// What functions are called that take a name and its value, or a default.
const VERBS: &[&str] = &[
    "add", "append", "config", "default", "define", "env", "get", "insert", "lookup", "param",
    "put", "set", "with",
];

/// Adds what the calls of a source text hand on.
pub(super) fn add(text: &str, all: &mut Vec<Credential>) {
    let mut more = Vec::new();
    for (at, sign) in text.match_indices(['(', '|', '?']) {
        let told = match sign {
            "(" => call(text, at),
            _ => default(text, at),
        };
        let Some((speaks, span)) = told else { continue };
        // what may be a key looks random, and so do many words of code
        if matches!(speaks, Speaks::Perhaps | Speaks::Login) {
            continue;
        }
        let value = text.get(span.clone()).unwrap_or_default();
        if let Some((kind, severity)) = judge(speaks, value) {
            more.push(Credential {
                kind,
                span,
                severity,
            });
        }
    }
    join(all, more, false);
}

/// `.name("value"`, `setName("value"` or `("name", "value"`, whose bracket stands here.
fn call(text: &str, at: usize) -> Option<(Speaks, Range<usize>)> {
    let first = quoted(text, at + 1)?;
    let behind = text.get(first.end + 1..)?;
    if let Some(rest) = behind.trim_start().strip_prefix(',') {
        let second = quoted(text, text.len() - rest.trim_start().len())?;
        let verb = name_before(text, at)?.to_ascii_lowercase();
        if !VERBS.iter().any(|start| verb.starts_with(start)) && !verb.ends_with("env") {
            return None;
        }
        return Some((speaks(text.get(first)?)?, second));
    }
    if !behind.trim_start().starts_with(')') {
        return None;
    }
    let name = name_before(text, at)?;
    let is_method = text.get(..at - name.len())?.ends_with(['.', '>']);
    let lower = name.to_ascii_lowercase();
    let rest = ["set", "with"]
        .into_iter()
        .find(|start| lower.starts_with(start))
        .and_then(|start| name.get(start.len()..));
    let name = rest.or(is_method.then_some(name))?;
    // of methods only those that are named as the value is
    let is_bare = rest.is_some()
        || !["get", "is", "has", "by", "find", "check"]
            .iter()
            .any(|verb| lower.starts_with(verb));
    is_bare
        .then(|| speaks(name))
        .flatten()
        .map(|speaks| (speaks, first))
}

/// `NAME || "value"` and `NAME ?? "value"`, whose sign stands here.
fn default(text: &str, at: usize) -> Option<(Speaks, Range<usize>)> {
    let rest = text.get(at..)?;
    let rest = rest.strip_prefix("||").or(rest.strip_prefix("??"))?;
    let value = quoted(text, text.len() - rest.trim_start().len())?;
    let before = text.get(..at)?.trim_end().len();
    // only what comes from outside has a default that is a secret
    let name = name_before(text, before)?;
    let outside = text.get(..before - name.len())?.ends_with("env.");
    outside
        .then(|| speaks(name))
        .flatten()
        .map(|speaks| (speaks, value))
}

/// The text in quotation marks that begins here.
fn quoted(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    let inner = rest.get(1..)?;
    let bytes = inner.as_bytes();
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let end = bytes
        .iter()
        .position(|byte| *byte == quote as u8 || *byte == b'\n')?;
    (bytes.get(end) == Some(&(quote as u8))).then_some(at + 1..at + 1 + end)
}

/// The word that ends here.
fn name_before(text: &str, end: usize) -> Option<&str> {
    let bytes = text.as_bytes().get(..end)?;
    let length = bytes
        .iter()
        .rev()
        .take(NAME)
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    text.get(end - length..end).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<&str> {
        let mut all = Vec::new();
        add(text, &mut all);
        all.into_iter()
            .map(|one| text.get(one.span).unwrap_or_default())
            .collect()
    }

    #[test]
    fn values_that_are_handed_on_are_told() {
        for text in [
            "user.setPassword(\"hunter2\");",
            "b.WithPassword('hunter2')",
            "DataSource.builder().username(\"sa\").password(\"hunter2\").build()",
            "os.getenv(\"DB_PASSWORD\", \"hunter2\")",
            "define('DB_PASSWORD', 'hunter2');",
            "props.put(\"password\",\"hunter2\");",
            "const p = process.env.DB_PASSWORD || 'hunter2'",
            "const p = env.DB_PASSWORD ?? 'hunter2'",
        ] {
            assert_eq!(told(text), ["hunter2"], "{text}");
        }
    }

    #[test]
    fn other_calls_are_none() {
        for text in [
            "os.getenv(\"DB_PASSWORD\")",
            "os.getenv(\"DB_PASSWORD\", \"\")",
            "user.setPassword(password)",
            "user.checkPassword(\"hunter2\")",
            "getpass(\"hunter2\")",
            "a.password(\"hunter2\" + x)",
            "x.token || 'hunter2'",
            "a ? 'x' : 'y'",
            "log(\"user\", \"hunter2\")",
            "Moved(\"HTTPPasswordMgr\", \"urllib2\")",
            "é(\"é",
        ] {
            assert_eq!(told(text), [] as [&str; 0], "{text}");
        }
    }
}
