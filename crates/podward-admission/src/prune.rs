//! What Pod Security does not look at, taken out of an object before it is read: most of a large pod is its
//! environment.

use std::borrow::Cow;

use memchr::{memchr, memchr3};

use crate::bounds::end_of_string;

/// Fields whose lists no control of Pod Security looks at, at any depth.
const UNSEEN: [&str; 4] = ["args", "command", "env", "managedFields"];

/// A text of JSON with those lists empty. What is no JSON comes back as it is: who reads it says so.
pub(crate) fn pruned(json: &str) -> Cow<'_, str> {
    cut(json).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// The same; `None` where there is nothing to take out, or the text breaks off.
fn cut(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut kept = String::new();
    // what is kept was copied up to here
    let mut copied = 0;
    let mut at = 0;
    while let Some(before) = memchr(b'"', bytes.get(at..)?) {
        let first = at + before + 1;
        let end = end_of_string(bytes, first)?;
        at = end + 1;
        let colon = behind_space(bytes, at);
        if bytes.get(colon) != Some(&b':') || !UNSEEN.contains(&json.get(first..end)?) {
            continue;
        }
        let value = behind_space(bytes, colon + 1);
        if bytes.get(value) != Some(&b'[') {
            continue;
        }
        at = end_of_list(bytes, value)?;
        kept.push_str(json.get(copied..value)?);
        kept.push_str("[]");
        copied = at;
    }
    if copied == 0 {
        return None;
    }
    kept.push_str(json.get(copied..)?);
    Some(kept)
}

fn behind_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

/// What follows a list that begins here.
fn end_of_list(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut open = 0_usize;
    loop {
        at += memchr3(b'"', b'[', b']', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => at = end_of_string(bytes, at + 1)?,
            b'[' => open += 1,
            _ => open = open.checked_sub(1)?,
        }
        at += 1;
        if open == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_no_control_looks_at_are_emptied() {
        for (json, want) in [
            (
                r#"{"env":[{"name":"A","value":"]\"["}],"b":1}"#,
                r#"{"env":[],"b":1}"#,
            ),
            (
                r#"{"env" : [ [1], {"c":[]} ] , "args":["--x"]}"#,
                r#"{"env" : [] , "args":[]}"#,
            ),
            (
                r#"{"a":{"command":["sh"],"d":["e"]}}"#,
                r#"{"a":{"command":[],"d":["e"]}}"#,
            ),
        ] {
            assert_eq!(pruned(json), want);
        }
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for json in [
            r#"{"labels":{"env":"prod"},"values":["env"]}"#,
            r#"{"a":"\"env\":[1]","b\"env":[2]}"#,
            r#"{"env":null}"#,
            "",
            r#"{"env":[1"#,
            r#"{"env":["a"#,
            r#"{"env":["a\"#,
            r#"{"env"#,
        ] {
            assert_eq!(pruned(json), json);
        }
    }
}
