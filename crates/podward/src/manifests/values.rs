//! Values of the chart: from its file, from others, and one by one.

use serde_json::{Map, Value};

use super::at;
use crate::report::Report;

/// Where keys are those of Kubernetes, and not of the chart.
const OPEN: [&str; 2] = ["webhook.resources", "webhook.nodeSelector"];

/// The values of a file: a mapping, or nothing.
pub(super) fn read(path: &str, text: &str) -> Result<Value, Report> {
    let documents = podward_manifest::parse(path, text);
    let documents = documents.map_err(|e| Report::new(&e.message).at(path, Some(e.position)))?;
    let first = documents.into_iter().next();
    let what = match first.map(|document| document.root.to_json()) {
        None | Some(Value::Null) => return Ok(Value::Object(Map::new())),
        Some(Value::Object(fields)) => return Ok(Value::Object(fields)),
        Some(Value::Array(_)) => "a list",
        Some(_) => "one value alone",
    };
    let fault = format!("a file of values is a mapping, and this one holds {what}");
    Err(Report::new(fault)
        .at(path, None)
        .help("write it as deploy/chart/values.yaml is written"))
}

/// Lays values over others. A key that the chart does not have is an error.
pub(super) fn merge(
    values: &mut Value,
    over: Value,
    known: &Value,
    file: &str,
) -> Result<(), Report> {
    lay(values, over, known, "").map_err(|fault| Report::new(fault).at(file, None))
}

fn lay(values: &mut Value, over: Value, known: &Value, path: &str) -> Result<(), String> {
    let Value::Object(over) = over else {
        *values = over;
        return Ok(());
    };
    let Value::Object(fields) = values else {
        return Err(format!("{path} takes no fields"));
    };
    for (key, value) in over {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        check(&path, known)?;
        match fields.get_mut(&key) {
            Some(field) if value.is_object() => lay(field, value, known, &path)?,
            _ => {
                fields.insert(key, value);
            }
        }
    }
    Ok(())
}

fn check(path: &str, known: &Value) -> Result<(), String> {
    let is_open = OPEN.iter().any(|open| {
        path.strip_prefix(open)
            .is_some_and(|rest| rest.starts_with('.'))
    });
    if is_open || at(known, path).is_some() {
        return Ok(());
    }
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    let fields = if parent.is_empty() {
        Some(known)
    } else {
        at(known, parent)
    };
    let fields = fields.and_then(Value::as_object).into_iter().flatten();
    let names: Vec<_> = fields.map(|(name, _)| name.as_str()).collect();
    Err(format!(
        "the chart has no value {path}: {parent} has {}",
        names.join(", ")
    )
    .replace(":  has", ": it has"))
}

/// Sets one value, written `path=value`.
pub(super) fn set(values: &mut Value, text: &str, known: &Value) -> Result<(), Report> {
    let help = |report: Report| {
        report
            .help("write it as --set webhook.replicas=3; --show-values prints all that can be set")
    };
    let (path, value) = text
        .split_once('=')
        .ok_or_else(|| help(Report::new(format!("--set {text} has no `=`"))))?;
    check(path, known).map_err(|fault| help(Report::new(fault)))?;
    let value = match at(known, path) {
        Some(Value::String(_)) => Value::String(value.to_owned()),
        Some(Value::Array(_)) if value.starts_with('{') => {
            let all = listed(value).ok_or_else(|| {
                help(Report::new(format!(
                    "--set {path}: the list {value} has no `}}`, or more behind it"
                )))
            })?;
            Value::Array(all.into_iter().map(Value::String).collect())
        }
        Some(Value::Array(_)) if !value.starts_with('[') => {
            let all = value.split(',').filter(|one| !one.is_empty());
            Value::Array(all.map(|one| Value::String(one.to_owned())).collect())
        }
        // the schema says what type it has to be
        _ => serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned())),
    };
    let mut slot = values;
    for key in path.split('.') {
        let Value::Object(fields) = slot else {
            return Err(help(Report::new(format!(
                "--set {path} leads below a value"
            ))));
        };
        slot = fields.entry(key).or_insert(Value::Null);
        if slot.is_null() && !path.ends_with(key) {
            *slot = Value::Object(Map::new());
        }
    }
    *slot = value;
    Ok(())
}

/// What a list holds that is written as `helm --set` takes it: `{a,b}`, where `\\` takes a comma, a brace or itself for
/// what it is (<https://helm.sh/docs/intro/using_helm/#the-format-and-limitations-of---set>).
fn listed(text: &str) -> Option<Vec<String>> {
    let mut characters = text.strip_prefix('{')?.chars();
    let mut all = Vec::new();
    let mut one = String::new();
    loop {
        match characters.next()? {
            '\\' => one.push(characters.next()?),
            ',' => all.push(std::mem::take(&mut one)),
            '}' => break,
            other => one.push(other),
        }
    }
    // `{}` is empty
    if !all.is_empty() || !one.is_empty() {
        all.push(one);
    }
    characters.next().is_none().then_some(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Value {
        json!({"image": {"tag": ""}, "webhook": {"replicas": 2, "tolerations": [], "nodeSelector": {"a": "b"}}})
    }

    #[test]
    fn one_value_is_set_as_its_kind_asks() {
        let mut values = known();
        for one in [
            "image.tag=1.0",
            "webhook.replicas=3",
            "webhook.tolerations=a,b",
            "webhook.nodeSelector.disk=ssd",
        ] {
            set(&mut values, one, &known()).unwrap();
        }
        assert_eq!(
            values,
            json!({"image": {"tag": "1.0"}, "webhook": {"replicas": 3, "tolerations": ["a", "b"], "nodeSelector": {"a": "b", "disk": "ssd"}}})
        );
        for wrong in [
            "webhook.replica=1",
            "image",
            "x.y=1",
            "webhook.tolerations={a",
            "webhook.tolerations={a}b",
        ] {
            assert!(set(&mut values, wrong, &known()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lists_are_taken_as_helm_takes_them() {
        for (text, want) in [
            ("{}", json!([])),
            ("{a}", json!(["a"])),
            ("{a,b}", json!(["a", "b"])),
            (r"{a\,b,\{c\}}", json!(["a,b", "{c}"])),
            ("a,b", json!(["a", "b"])),
            (r#"["a", "b"]"#, json!(["a", "b"])),
        ] {
            let mut values = known();
            set(
                &mut values,
                &format!("webhook.tolerations={text}"),
                &known(),
            )
            .unwrap();
            assert_eq!(values["webhook"]["tolerations"], want, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_no_mapping_is_named() {
        for (text, want) in [("- a\n", "a list"), ("5\n", "one value alone")] {
            let report = read("v.yaml", text).unwrap_err();
            assert_eq!(report.place(), Some("v.yaml"));
            assert!(report.message().ends_with(want), "{}", report.message());
        }
        for text in ["", "# nothing\n", "---\n"] {
            assert_eq!(read("v.yaml", text).unwrap(), json!({}), "{text:?}");
        }
    }

    #[test]
    fn a_file_is_laid_over_the_chart() {
        let mut values = known();
        let over = read("v.yaml", "webhook: {replicas: 4, nodeSelector: {c: d}}\n").unwrap();
        merge(&mut values, over, &known(), "v.yaml").unwrap();
        assert_eq!(values["webhook"]["replicas"], 4);
        assert_eq!(
            values["webhook"]["nodeSelector"],
            json!({"a": "b", "c": "d"})
        );
        let stray = json!({"webhook": {"replica": 4}});
        assert!(merge(&mut values, stray, &known(), "v.yaml").is_err());
    }
}
