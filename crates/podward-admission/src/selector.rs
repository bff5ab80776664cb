//! Label selectors in the words of `kubectl get --selector`, as the field of an object.

use serde_json::{Map, Value, json};

use crate::names::{is_key, is_label_value};

/// Reads `a=b, c!=d, e in (f, g), h notin (i), j, !k`.
///
/// # Errors
/// The first requirement that is none.
pub(crate) fn label_selector(text: &str) -> Result<Value, String> {
    let mut labels = Map::new();
    let mut expressions = Vec::new();
    for requirement in requirements(text) {
        let requirement = requirement.trim();
        let fault = || requirement.to_owned();
        let (key, operator, values) = read(requirement).ok_or_else(fault)?;
        let is_good = is_key(key) && values.iter().all(|value| is_label_value(value));
        if !is_good {
            return Err(fault());
        }
        match (operator, &*values) {
            ("=", [value]) => match labels.insert(key.to_owned(), json!(value)) {
                // a map holds one of the two only
                Some(other) if other != **value => return Err(fault()),
                _ => {}
            },
            (_, []) => expressions.push(json!({"key": key, "operator": operator})),
            _ => expressions.push(json!({"key": key, "operator": operator, "values": values})),
        }
    }
    let mut selector = Map::new();
    if !labels.is_empty() {
        selector.insert("matchLabels".into(), labels.into());
    }
    if !expressions.is_empty() {
        selector.insert("matchExpressions".into(), expressions.into());
    }
    Ok(selector.into())
}

/// Splits at the commas that stand in no parentheses. An empty text has no requirement.
fn requirements(text: &str) -> impl Iterator<Item = &str> {
    let mut is_inside = false;
    let at_comma = move |letter: char| {
        is_inside = (is_inside || letter == '(') && letter != ')';
        letter == ',' && !is_inside
    };
    let is_empty = text.trim().is_empty();
    text.split(at_comma).filter(move |_| !is_empty)
}

/// Key, operator and values of a requirement.
fn read(text: &str) -> Option<(&str, &'static str, Vec<&str>)> {
    if let Some(key) = text.strip_prefix('!') {
        return Some((key.trim(), "DoesNotExist", Vec::new()));
    }
    if let Some((head, list)) = text.split_once('(') {
        let values = list.strip_suffix(')')?.split(',').map(str::trim).collect();
        let (key, word) = head.trim().rsplit_once(char::is_whitespace)?;
        let operator = match word {
            "in" => "In",
            "notin" => "NotIn",
            _ => return None,
        };
        return Some((key.trim(), operator, values));
    }
    for (sign, operator) in [("!=", "NotIn"), ("==", "="), ("=", "=")] {
        if let Some((key, value)) = text.split_once(sign) {
            return Some((key.trim(), operator, vec![value.trim()]));
        }
    }
    Some((text, "Exists", Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_become_fields() {
        for (text, want) in [
            ("", json!({})),
            (" ", json!({})),
            ("a=b", json!({"matchLabels": {"a": "b"}})),
            (
                "example.com/a == b, c=",
                json!({"matchLabels": {"example.com/a": "b", "c": ""}}),
            ),
            (
                "a=b,c in (d, e),f notin (g),h!=i,j,!k",
                json!({"matchLabels": {"a": "b"}, "matchExpressions": [
                    {"key": "c", "operator": "In", "values": ["d", "e"]},
                    {"key": "f", "operator": "NotIn", "values": ["g"]},
                    {"key": "h", "operator": "NotIn", "values": ["i"]},
                    {"key": "j", "operator": "Exists"},
                    {"key": "k", "operator": "DoesNotExist"},
                ]}),
            ),
        ] {
            assert_eq!(label_selector(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn the_first_requirement_that_is_none_is_named() {
        for (text, want) in [
            ("a=b,", ""),
            ("a=b,c of (d)", "c of (d)"),
            ("a in (b", "a in (b"),
            ("in (b)", "in (b)"),
            ("a=b c", "a=b c"),
            ("a>1", "a>1"),
            ("a=b,a=c", "a=c"),
            ("a=b=c", "a=b=c"),
            ("!", "!"),
        ] {
            assert_eq!(label_selector(text), Err(want.into()), "{text}");
        }
    }
}
