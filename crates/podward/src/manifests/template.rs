//! The part of Helm's templates that the chart keeps to: fields, `if`, and a few functions.

use serde_json::Value;

use super::at;

/// Fills a template in.
///
/// # Errors
/// Where it holds what is not known here; the chart's own holds nothing of that.
pub(super) fn render(template: &str, context: &Value) -> Result<String, String> {
    let mut out = String::new();
    // of each `if` that is open: whether it holds
    let mut open: Vec<bool> = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, behind) = after.split_once("}}").ok_or("an action has no end")?;
        let shown = open.iter().all(|holds| *holds);
        let (action, trims_before) = trimmed(action.strip_prefix('-'), action);
        let (action, trims_behind) = trimmed(action.strip_suffix('-'), action);
        if shown {
            out.push_str(if trims_before {
                before.trim_end()
            } else {
                before
            });
        }
        rest = if trims_behind {
            behind.trim_start()
        } else {
            behind
        };
        let action = action.trim();
        if let Some(condition) = action.strip_prefix("if ") {
            open.push(is_true(&evaluate(condition, context)?));
        } else if action == "end" {
            open.pop().ok_or("an `end` ends nothing")?;
        } else if shown {
            out.push_str(&text(&evaluate(action, context)?));
        }
    }
    if !open.is_empty() {
        return Err("an `if` has no end".into());
    }
    out.push_str(rest);
    Ok(out)
}

fn trimmed<'a>(shorter: Option<&'a str>, action: &'a str) -> (&'a str, bool) {
    (shorter.unwrap_or(action), shorter.is_some())
}

/// What Go's templates take for true.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(holds) => *holds,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A pipeline: each stage is handed what came before it as its last argument.
fn evaluate(pipeline: &str, context: &Value) -> Result<Value, String> {
    let mut given = None;
    for stage in pipeline.split('|') {
        let mut words = words(stage)?.into_iter();
        let first = words.next().ok_or("a stage is empty")?;
        if first.starts_with('.') || first.starts_with('"') {
            given = Some(term(&first, context)?);
            continue;
        }
        let arguments: Result<Vec<_>, _> = words.map(|word| term(&word, context)).collect();
        let mut arguments = arguments?;
        arguments.extend(given.take());
        given = Some(call(&first, &arguments)?);
    }
    given.ok_or_else(|| "a pipeline is empty".into())
}

fn words(stage: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = stage.trim();
    while !rest.is_empty() {
        let end = match rest.strip_prefix('"') {
            Some(quoted) => 2 + quoted.find('"').ok_or("a text has no end")?,
            None => rest.find(' ').unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at_checked(end).ok_or("a text has no end")?;
        words.push(word.to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

fn term(word: &str, context: &Value) -> Result<Value, String> {
    if let Some(quoted) = word
        .strip_prefix('"')
        .and_then(|word| word.strip_suffix('"'))
    {
        return Ok(Value::String(quoted.to_owned()));
    }
    let path = word
        .strip_prefix('.')
        .ok_or_else(|| format!("{word} is not known here"))?;
    let found = at(context, path).ok_or_else(|| format!("there is no {word}"))?;
    Ok(found.clone())
}

fn call(function: &str, arguments: &[Value]) -> Result<Value, String> {
    let done = match (function, arguments) {
        ("quote", [value]) => Value::String(text(value)).to_string(),
        ("toJson", [value]) => value.to_string(),
        ("join", [separator, Value::Array(items)]) => {
            let items: Vec<_> = items.iter().map(text).collect();
            items.join(&text(separator))
        }
        ("default", [other, value]) => {
            let chosen = if is_true(value) { value } else { other };
            return Ok(chosen.clone());
        }
        ("not", [value]) => return Ok(Value::Bool(!is_true(value))),
        _ => return Err(format!("{function} is not known here, or not so")),
    };
    Ok(Value::String(done))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(template: &str) -> Result<String, String> {
        let context = json!({"Values": {"on": true, "off": false, "n": 2, "text": "a\"b",
            "list": ["x", "y"], "none": [], "map": {"k": "v"}, "empty": ""}});
        render(template, &context)
    }

    #[test]
    fn templates_are_filled_in_as_by_helm() {
        for (template, want) in [
            ("a: {{ .Values.n }}\n", "a: 2\n"),
            ("a: {{ .Values.text | quote }}", "a: \"a\\\"b\""),
            ("a: {{ join \",\" .Values.list | quote }}", "a: \"x,y\""),
            ("a: {{ toJson .Values.map }}", "a: {\"k\":\"v\"}"),
            ("a: {{ .Values.empty | default \"d\" }}", "a: d"),
            ("x\n{{- if .Values.on }}\ny\n{{- end }}\nz\n", "x\ny\nz\n"),
            (
                "x\n{{- if .Values.off }}\ny{{ .Values.n }}\n{{- end }}\nz\n",
                "x\nz\n",
            ),
            ("{{ if not .Values.none }}n{{ end }}", "n"),
        ] {
            assert_eq!(rendered(template).as_deref(), Ok(want), "{template}");
        }
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for template in [
            "{{ .Values.missing }}",
            "{{ include \"x\" . }}",
            "{{ if .Values.on }}",
            "{{ end }}",
            "{{ .Values.n",
            "{{ range .Values.list }}",
        ] {
            assert!(rendered(template).is_err(), "{template}");
        }
    }
}
