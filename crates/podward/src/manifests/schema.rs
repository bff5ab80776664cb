//! What the chart's values may be, as Helm holds them to its values.schema.json.
//!
//! Known are the keywords of JSON Schema (draft 7, <https://json-schema.org/draft-07/json-schema-validation>) that the
//! chart's schema has, and no others: one that is not known is a fault of its own, which a test finds.

use regex::Regex;
use serde_json::{Map, Value};

use crate::report::Report;

/// How much of a value is shown, characters.
const MAX_SHOWN: usize = 80;

/// The chart's schema.
const SCHEMA: &str = include_str!("../../../../deploy/chart/values.schema.json");

/// Every fault of the values, in the order of their paths.
///
/// # Errors
/// When the chart's schema is no JSON; a test holds that it is.
pub(super) fn faults(values: &Value) -> Result<Vec<String>, Report> {
    let schema: Value = serde_json::from_str(SCHEMA).map_err(Report::new)?;
    let mut found = Vec::new();
    check(&schema, values, "", &mut found);
    let mut told: Vec<_> = found.iter().map(Fault::told).collect();
    told.sort();
    Ok(told)
}

/// A value that the schema does not take.
#[derive(Debug)]
struct Fault {
    path: String,
    value: String,
    /// What it has to do, as in "be at least 1".
    ask: String,
}

impl Fault {
    fn told(&self) -> String {
        let path = if self.path.is_empty() {
            "the values"
        } else {
            &self.path
        };
        let mut value: String = self.value.chars().take(MAX_SHOWN).collect();
        if value.len() < self.value.len() {
            value.push('…');
        }
        format!("{path}: {value} has to {}", self.ask)
    }
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<Fault>) {
    let Value::Object(schema) = schema else {
        return;
    };
    // what is of another type is told once, and not what a value of its own would lack
    let before = found.len();
    keyword(schema, "type", value, path, found);
    if found.len() > before {
        return;
    }
    for name in schema.keys().filter(|name| *name != "type") {
        keyword(schema, name, value, path, found);
    }
}

fn keyword(
    schema: &Map<String, Value>,
    name: &str,
    value: &Value,
    path: &str,
    found: &mut Vec<Fault>,
) {
    let Some(wanted) = schema.get(name) else {
        return;
    };
    let ask = match (name, wanted) {
        ("$schema", _) => None,
        ("type", Value::String(kind)) => of_kind(kind, value),
        ("enum", Value::Array(all)) => {
            let names: Vec<_> = all.iter().map(Value::to_string).collect();
            (!all.contains(value)).then(|| format!("be one of {}", names.join(", ")))
        }
        ("anyOf", Value::Array(all)) => of_any(all, value, path),
        ("minimum" | "maximum", Value::Number(bound)) => of_bound(name, bound.as_f64(), value),
        ("minLength" | "maxLength", Value::Number(bound)) => of_length(name, bound.as_u64(), value),
        ("pattern", Value::String(pattern)) => of_pattern(pattern, value),
        ("required", Value::Array(names)) => of_required(names, value),
        ("properties", Value::Object(fields)) => {
            for (field, schema) in fields {
                if let Some(value) = value.get(field) {
                    check(schema, value, &below(path, field), found);
                }
            }
            None
        }
        ("additionalProperties", Value::Bool(false)) => {
            let known = schema.get("properties").and_then(Value::as_object);
            let fields = value.as_object().into_iter().flatten();
            let strange =
                fields.filter(|(field, _)| known.is_none_or(|it| !it.contains_key(*field)));
            found.extend(strange.map(|(field, value)| Fault {
                path: below(path, field),
                value: value.to_string(),
                ask: "be left out: the chart has no such value".to_owned(),
            }));
            None
        }
        ("items", schema) if schema.is_object() => {
            for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                check(schema, item, &format!("{path}[{index}]"), found);
            }
            None
        }
        _ => Some(format!(
            "meet `{name}` of the schema, which is not known here"
        )),
    };
    found.extend(ask.map(|ask| Fault {
        path: path.to_owned(),
        value: value.to_string(),
        ask,
    }));
}

fn below(path: &str, field: &str) -> String {
    if path.is_empty() {
        return field.to_owned();
    }
    format!("{path}.{field}")
}

fn of_kind(kind: &str, value: &Value) -> Option<String> {
    let (is_it, what) = match kind {
        "object" => (value.is_object(), "a mapping"),
        "array" => (value.is_array(), "a list"),
        "string" => (value.is_string(), "a text"),
        "boolean" => (value.is_boolean(), "true or false"),
        // 2.0 is one
        "integer" => (
            value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "a whole number",
        ),
        other => return Some(format!("be of the type {other}, which is not known here")),
    };
    (!is_it).then(|| format!("be {what}"))
}

fn of_any(all: &[Value], value: &Value, path: &str) -> Option<String> {
    let mut asks = Vec::new();
    for schema in all {
        let mut found = Vec::new();
        check(schema, value, path, &mut found);
        if found.is_empty() {
            return None;
        }
        asks.extend(found.into_iter().map(|fault| fault.ask));
    }
    Some(asks.join(", or "))
}

fn of_bound(name: &str, bound: Option<f64>, value: &Value) -> Option<String> {
    let (bound, number) = (bound?, value.as_f64()?);
    let (is_met, side) = match name {
        "minimum" => (number >= bound, "at least"),
        _ => (number <= bound, "at most"),
    };
    (!is_met).then(|| format!("be {side} {bound}"))
}

fn of_length(name: &str, bound: Option<u64>, value: &Value) -> Option<String> {
    let (bound, text) = (usize::try_from(bound?).ok()?, value.as_str()?);
    let length = text.chars().count();
    match name {
        "minLength" if length < bound && bound == 1 => Some("be a text that is not empty".into()),
        "minLength" if length < bound => Some(format!("have {bound} characters at least")),
        "maxLength" if length > bound => Some(format!("have {bound} characters at most")),
        _ => None,
    }
}

fn of_pattern(pattern: &str, value: &Value) -> Option<String> {
    let text = value.as_str()?;
    match Regex::new(pattern) {
        Ok(regex) if regex.is_match(text) => None,
        Ok(_) => Some(format!("match {pattern}")),
        Err(_) => Some(format!("match {pattern}, which is not known here")),
    }
}

fn of_required(names: &[Value], value: &Value) -> Option<String> {
    let fields = value.as_object()?;
    let names = names.iter().filter_map(Value::as_str);
    let missing: Vec<_> = names.filter(|name| !fields.contains_key(*name)).collect();
    (!missing.is_empty()).then(|| format!("have {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &Value, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        check(schema, value, "v", &mut found);
        found.iter().map(Fault::told).collect()
    }

    /// A schema and all below it.
    fn all(schema: &Value) -> Vec<&Value> {
        let fields = schema.get("properties").and_then(Value::as_object);
        let fields = fields.into_iter().flat_map(Map::values);
        let any = schema.get("anyOf").and_then(Value::as_array);
        let below = fields
            .chain(schema.get("items"))
            .chain(any.into_iter().flatten());
        std::iter::once(schema).chain(below.flat_map(all)).collect()
    }

    #[test]
    fn every_keyword_of_the_chart_is_known() {
        let schema = serde_json::from_str(SCHEMA).unwrap();
        let parts = all(&schema);
        assert!(parts.len() > 40);
        for part in parts {
            for value in [json!({}), json!([]), json!(""), json!(1), json!(true)] {
                let told = told(part, &value);
                let is_known = told.iter().all(|told| !told.contains("not known here"));
                assert!(is_known, "{part}: {told:?}");
            }
        }
    }

    #[test]
    fn a_keyword_that_is_not_known_is_a_fault() {
        for schema in [
            json!({"uniqueItems": true}),
            json!({"type": ["string", "null"]}),
            json!({"type": "number"}),
            json!({"additionalProperties": {"type": "string"}}),
            json!({"items": [{"type": "string"}]}),
            json!({"properties": {"a": {"format": "uri"}}}),
            json!({"anyOf": [{"const": 1}]}),
        ] {
            let told = told(&schema, &json!({"a": 1}));
            assert!(
                told.concat().contains("not known here"),
                "{schema}: {told:?}"
            );
        }
    }

    #[test]
    fn a_keyword_takes_what_it_says() {
        let any = json!({"anyOf": [{"pattern": "^a"}, {"enum": ["b", "c"]}]});
        let closed = json!({"additionalProperties": false, "properties": {"a": {"minimum": 1}}});
        for (schema, value, want) in [
            (json!({"type": "integer"}), json!(2.0), ""),
            (
                json!({"type": "integer"}),
                json!(2.5),
                "v: 2.5 has to be a whole number",
            ),
            (
                json!({"type": "integer"}),
                json!("2"),
                "v: \"2\" has to be a whole number",
            ),
            (
                json!({"type": "object"}),
                json!(null),
                "v: null has to be a mapping",
            ),
            (json!({"minimum": 1}), json!(1), ""),
            (
                json!({"minimum": 1}),
                json!(-1),
                "v: -1 has to be at least 1",
            ),
            (
                json!({"maximum": 30}),
                json!(31),
                "v: 31 has to be at most 30",
            ),
            (json!({"minimum": 1}), json!("x"), ""),
            (
                json!({"minLength": 1}),
                json!(""),
                "v: \"\" has to be a text that is not empty",
            ),
            (
                json!({"maxLength": 2}),
                json!("äöü"),
                "v: \"äöü\" has to have 2 characters at most",
            ),
            (json!({"maxLength": 3}), json!("äöü"), ""),
            (json!({"pattern": "b"}), json!("abc"), ""),
            (
                json!({"pattern": "^b$"}),
                json!("abc"),
                "v: \"abc\" has to match ^b$",
            ),
            (
                json!({"required": ["a", "b", "c"]}),
                json!({"b": 1}),
                "v: {\"b\":1} has to have a, c",
            ),
            (any.clone(), json!("ax"), ""),
            (any.clone(), json!("c"), ""),
            (
                any,
                json!("x"),
                "v: \"x\" has to match ^a, or be one of \"b\", \"c\"",
            ),
            (closed.clone(), json!({"a": 1}), ""),
            (
                closed.clone(),
                json!({"a": 0}),
                "v.a: 0 has to be at least 1",
            ),
            (
                closed,
                json!({"b": 0}),
                "v.b: 0 has to be left out: the chart has no such value",
            ),
            (
                json!({"items": {"type": "string"}}),
                json!(["a", 1]),
                "v[1]: 1 has to be a text",
            ),
            // nothing else is said of what is of another type
            (
                json!({"type": "string", "enum": ["a"]}),
                json!(1),
                "v: 1 has to be a text",
            ),
        ] {
            assert_eq!(told(&schema, &value).join("; "), want, "{schema} {value}");
        }
        let long = told(&json!({"type": "integer"}), &json!("x".repeat(200)));
        assert!(long.concat().contains("xx… has to be"), "{long:?}");
    }
}
