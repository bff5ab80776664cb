//! Values as text: in the style of what is around them.

use serde_json::Value as Json;

/// How a text writes its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Keys and text in double quotes, as JSON has them.
    pub(super) json: bool,
    /// Columns by which a block is moved in.
    pub(super) step: usize,
    /// How lines end.
    pub(super) line_end: &'static str,
}

/// A scalar that reads as the same value: quoted where a plain one would mean something else.
pub(super) fn scalar(value: &Json, style: Style) -> String {
    match value {
        Json::String(text) if style.json || !is_plain(text) => value.to_string(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_plain(text: &str) -> bool {
    let simple = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(simple)
        && crate::scalar::resolve(text) == crate::Value::String(text.into())
}

pub(super) fn key(name: &str, style: Style) -> String {
    scalar(&Json::String(name.to_owned()), style)
}

/// A value on one line.
pub(super) fn flow(value: &Json, style: Style) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Json::Array(items) => {
            format!(
                "[{}]",
                join(items.iter().map(|item| flow(item, style)).collect())
            )
        }
        Json::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| format!("{}: {}", key(name, style), flow(value, style)));
            format!("{{{}}}", join(entries.collect()))
        }
        other => scalar(other, style),
    }
}

/// `key: value` and what belongs to it, on lines of their own, each ended.
pub(super) fn block(name: &str, value: &Json, indent: usize, style: Style) -> String {
    let mut out = format!("{}{}:", " ".repeat(indent), key(name, style));
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            out.push_str(style.line_end);
            for (name, value) in entries {
                out.push_str(&block(name, value, indent + style.step, style));
            }
        }
        other => {
            out.push(' ');
            out.push_str(&flow(other, style));
            out.push_str(style.line_end);
        }
    }
    out
}
