//! The tree of a document, every node with its place.

use std::borrow::Cow;

use serde_json::{Map, Number};
use smol_str::SmolStr;

use crate::Position;

/// A value of YAML, resolved as Kubernetes resolves it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Any other number of YAML, where decoders know a float of it.
    Float(f64),
    /// An integer that needs an unsigned type, or any other number of JSON: as a decoder would repeat
    /// it.
    Number(SmolStr),
    /// Text, which most often is short: up to 23 bytes stand in the node itself.
    String(SmolStr),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file.
    Mapping(Vec<(Node, Node)>),
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// First character.
    pub start: Position,
    /// Behind the last character.
    pub end: Position,
}

impl Node {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries()
            .iter()
            .find(|(name, _)| name.as_str() == Some(key))
            .map(|(_, value)| value)
    }

    /// The value at a path of keys.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    /// Where a key stands.
    #[must_use]
    pub fn key_position(&self, key: &str) -> Option<Position> {
        self.entries()
            .iter()
            .find(|(name, _)| name.as_str() == Some(key))
            .map(|(name, _)| name.start)
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// A boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// An integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Self, Self)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The value as JSON. Keys that are no text are written as text, as Kubernetes does.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::Number((*value).into()),
            Value::Float(value) => float(*value),
            Value::Number(text) => match text.parse::<u64>() {
                Ok(value) => Json::Number(value.into()),
                Err(_) => text.parse().map_or(Json::Null, float),
            },
            Value::String(text) => Json::String(text.to_string()),
            Value::Sequence(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.key_text().into_owned(), value.to_json());
                }
                Json::Object(map)
            }
        }
    }

    pub(crate) fn key_text(&self) -> Cow<'_, str> {
        match &self.value {
            Value::String(text) => Cow::Borrowed(text),
            _ => Cow::Owned(self.to_json().to_string()),
        }
    }

    /// Where a path such as `spec.containers[0].image` stands: its deepest part that exists.
    #[must_use]
    pub fn locate(&self, path: &str) -> Position {
        let mut node = self;
        let mut position = self.start;
        let is_sign = |byte: &u8| matches!(byte, b'.' | b'[');
        let mut rest = path;
        while !rest.is_empty() {
            let length = rest.bytes().take_while(|byte| !is_sign(byte)).count();
            let part = rest.get(..length).unwrap_or_default();
            rest = rest.get(length + 1..).unwrap_or_default();
            if part.is_empty() {
                continue;
            }
            let index = part.strip_suffix(']');
            let next = match index.and_then(|index| index.parse::<usize>().ok()) {
                Some(index) => node.items().get(index),
                None => node.get(part),
            };
            let Some(found) = next else { break };
            node = found;
            position = found.start;
        }
        position
    }
}

fn float(value: f64) -> serde_json::Value {
    Number::from_f64(value).map_or(serde_json::Value::Null, serde_json::Value::Number)
}
