//! JSON written as YAML, for people to read.

use serde_json::Value;
use zeroize::Zeroizing;

/// The text; `value` is an object or a list.
pub(crate) fn text(value: &Value) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = |text: &mut String| text.extend(std::iter::repeat_n(' ', depth * 2));
    match value {
        Value::Object(fields) => {
            for (index, (name, value)) in fields.iter().enumerate() {
                // the first one stands behind the dash of a list, or at the beginning
                if index > 0 || text.ends_with('\n') {
                    indent(text);
                }
                text.push_str(&scalar(name));
                text.push(':');
                below(value, depth, text);
            }
        }
        Value::Array(items) => {
            for item in items {
                indent(text);
                text.push('-');
                text.push(' ');
                if is_flat(item) {
                    flat(item, text);
                    text.push('\n');
                } else {
                    block(item, depth + 1, text);
                }
            }
        }
        other => {
            flat(other, text);
            text.push('\n');
        }
    }
}

fn below(value: &Value, depth: usize, text: &mut String) {
    if is_flat(value) {
        text.push(' ');
        flat(value, text);
        text.push('\n');
    } else {
        text.push('\n');
        block(value, depth + 1, text);
    }
}

/// Whether a value fits on a line: a word, or a list of words.
fn is_flat(value: &Value) -> bool {
    let is_word = |value: &Value| !value.is_array() && !value.is_object();
    match value {
        Value::Array(items) => items.iter().all(is_word),
        Value::Object(fields) => fields.is_empty(),
        _ => true,
    }
}

fn flat(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                flat(item, text);
            }
            text.push(']');
        }
        Value::String(word) => text.push_str(&scalar(word)),
        other => text.push_str(&other.to_string()),
    }
}

/// A string, quoted where YAML could take it for something else.
fn scalar(word: &str) -> Zeroizing<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/=:@".contains(c);
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let bare = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && !word.ends_with(':')
        && word.chars().all(plain)
        && !words.contains(&word.to_ascii_lowercase().as_str());
    if bare {
        return Zeroizing::new(word.to_owned());
    }
    let mut quoted = Zeroizing::new(String::with_capacity(word.len() * 2 + 2));
    quoted.push('"');
    for c in word.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            ' '..='~' => quoted.push(c),
            // letters and signs of other scripts stay readable; what breaks lines or moves the cursor does not
            c if c.is_alphanumeric() => quoted.push(c),
            c if u32::from(c) > 0xffff => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use podward_manifest::parse;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_again() {
        let words = [
            "",
            "a",
            "true",
            "No",
            "~",
            "1e5",
            "6e14",
            "a: b",
            "a:",
            "https://x/y",
            " a ",
            "#",
            "- a",
            "é✓😀",
            "line\nbreak\r\n",
            "tab\tnul\0",
            "\u{85}\u{2028}\u{feff}\u{7f}",
            "\"\\'",
            "[x]",
            "{x}",
            "&a",
            "!a",
            "%",
        ];
        let value = json!({
            "name": "x", "none": [], "empty": {}, "flag": true, "number": 7, "absent": null, "words": words,
            "a b": [{"one": 1, "list": [{"deep": words}]}, {"two": {"three": [[1, 2], [{"x": "y"}]]}}],
        });
        let text = text(&value);
        let read = parse("x", &text).unwrap();
        assert_eq!(read[0].root.to_json(), value, "{}", text.as_str());
    }

    #[test]
    fn it_looks_as_a_person_writes_it() {
        let value = json!({"vaults": [{"name": "dev", "secrets": [{"name": "db", "generate": true}]}], "to": ["a", "b c"]});
        assert_eq!(
            text(&value).as_str(),
            "to: [a, \"b c\"]\nvaults:\n  - name: dev\n    secrets:\n      - generate: true\n        name: db\n"
        );
    }
}
