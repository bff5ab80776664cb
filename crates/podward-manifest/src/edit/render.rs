//! Values as text: in the style of what is around them.

use serde_json::{Map, Value as Json};

use super::place::Lines;
use crate::Node;

/// How a text writes its values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Keys and text in double quotes, as JSON has them.
    pub(super) quoted: bool,
    /// What stands between a key and its value on one line.
    pub(super) colon: &'static str,
    /// What stands between two values on one line.
    pub(super) comma: &'static str,
    /// Columns by which a block is moved in.
    pub(super) step: usize,
    /// How lines end.
    pub(super) line_end: &'static str,
}

impl Style {
    /// The style of a document, which may be JSON.
    pub(super) fn of(lines: &Lines<'_>, root: &Node) -> Self {
        let quoted = is_json(lines, root);
        let is_tight = |at: Option<(&Node, &Node)>| {
            let (one, next) = at?;
            let between = lines.between(one.end, next.start)?;
            (!between.contains('\n')).then(|| !between.ends_with(' '))
        };
        let tight = quoted && find(root, &|node| is_tight(pair(node))).unwrap_or_default();
        let next = |node: &Node| is_tight(neighbours(node));
        let tight_comma = quoted && find(root, &next).unwrap_or(tight);
        Self {
            quoted,
            colon: if tight { ":" } else { ": " },
            comma: if tight_comma { "," } else { ", " },
            step: 2,
            line_end: lines.line_end(),
        }
    }
}

/// Whether a document is JSON, which says more than that YAML reads it.
pub(super) fn is_json(lines: &Lines<'_>, root: &Node) -> bool {
    let text = lines.between(root.start, root.end).unwrap_or_default();
    text.starts_with(['{', '[']) && serde_json::from_str::<Json>(text).is_ok()
}

/// The first answer of a node or of those below.
fn find(node: &Node, ask: &dyn Fn(&Node) -> Option<bool>) -> Option<bool> {
    let values = node.entries().iter().map(|(_, value)| value);
    ask(node).or_else(|| values.chain(node.items()).find_map(|node| find(node, ask)))
}

/// The first key and its value.
fn pair(node: &Node) -> Option<(&Node, &Node)> {
    node.entries().first().map(|(key, value)| (key, value))
}

/// The first value and what follows it.
fn neighbours(node: &Node) -> Option<(&Node, &Node)> {
    let entries = match node.entries() {
        [(_, one), (next, _), ..] => Some((one, next)),
        _ => None,
    };
    let items = || match node.items() {
        [one, next, ..] => Some((one, next)),
        _ => None,
    };
    entries.or_else(items)
}

/// A scalar that reads as the same value: quoted where a plain one would mean something else.
pub(super) fn scalar(value: &Json, style: Style) -> String {
    match value {
        Json::String(text) if style.quoted || !is_plain(text) => value.to_string(),
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

/// Entries of a mapping on one line, or with what else stands between them.
pub(super) fn pairs(entries: &Map<String, Json>, between: &str, style: Style) -> String {
    let pairs = entries
        .iter()
        .map(|(name, value)| [key(name, style), flow(value, style)].join(style.colon));
    pairs.collect::<Vec<_>>().join(between)
}

/// A value on one line.
pub(super) fn flow(value: &Json, style: Style) -> String {
    match value {
        Json::Array(items) => {
            let items = items.iter().map(|item| flow(item, style));
            format!("[{}]", items.collect::<Vec<_>>().join(style.comma))
        }
        Json::Object(entries) => format!("{{{}}}", pairs(entries, style.comma, style)),
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
