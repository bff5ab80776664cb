//! Why the API server cannot decode an object, in the words of Go's JSON decoder.

use super::scan::{quantity, time};
use super::strict::is_int32;
use super::table::{Form, Table, TypeId, table};
use crate::{Node, Object, Value};

/// The server's sentence on an object of which a value has a wrong type: it never gets as far as a
/// verdict. Unknown fields do not matter here. None where it can be decoded, or the kind is not
/// built in.
#[must_use]
pub fn decode_error(object: &Object) -> Option<String> {
    let table = table();
    let known = table.kind(&object.api_version, &object.kind)?;
    let decode = |in_order| {
        let mut decoder = Decoder {
            table,
            in_order,
            first: None,
            structure: "",
            fields: Vec::new(),
        };
        match decoder.value(&object.node, known.of) {
            Ok(()) => decoder.first,
            Err(Abort(message)) => Some(message),
        }
    };
    // the order only matters to which of several faults is told; that of JSON is the file's own, and
    // YAML is made JSON with sorted keys first
    decode(false).and_then(|first| {
        if object.is_json {
            Some(first)
        } else {
            decode(true)
        }
    })
}

/// A fault at which decoding ends; at others it goes on, and the first of them is told.
struct Abort(String);

struct Decoder {
    table: &'static Table,
    /// Whether keys are taken in the order of JSON, which has them sorted.
    in_order: bool,
    first: Option<String>,
    /// The Go struct that the value is in, and the path to it.
    structure: &'static str,
    fields: Vec<&'static str>,
}

impl Decoder {
    fn value(&mut self, node: &Node, of: TypeId) -> Result<(), Abort> {
        let table = self.table;
        let found = table.get(of);
        if node.is_null() {
            return Ok(());
        }
        match (table.form(of), &node.value) {
            (Form::Any, _)
            | (Form::Object, Value::Mapping(_))
            | (Form::String | Form::Duration | Form::IntOrString, Value::String(_))
            | (Form::Bytes, Value::String(_))
            | (Form::Bool, Value::Bool(_))
            | (Form::Float | Form::Quantity, Value::Int(_) | Value::Float(_) | Value::Number(_)) => {
            }
            (Form::Struct(_), Value::Mapping(entries)) => {
                for (key, value) in self.entries(entries) {
                    self.field(&key.key_text(), value, of)?;
                }
            }
            (Form::Map(values), Value::Mapping(entries)) => {
                for (_, value) in self.entries(entries) {
                    self.value(value, *values)?;
                }
            }
            (Form::List(items), Value::Sequence(nodes)) => {
                for item in nodes {
                    self.value(item, *items)?;
                }
            }
            (Form::Int32, value) => self.int(value, &go_name(found.name), false)?,
            (Form::Int64, Value::Int(_)) => {}
            (Form::Int64, value) => self.mismatch(&said(value, true), &go_name(found.name)),
            (Form::IntOrString, value) => self.int(value, "int32", true)?,
            (Form::Quantity, Value::String(text)) => {
                quantity(text).map_err(|e| Abort(e.to_owned()))?;
            }
            (Form::Quantity, _) => quantity("?").map_err(|e| Abort(e.to_owned()))?,
            (Form::Time, Value::String(text)) => time(text).map_err(Abort)?,
            (Form::Time | Form::Duration, value) => {
                return Err(Abort(self.sentence(&said(value, false), "string")));
            }
            (_, value) => self.mismatch(&said(value, false), &go_name(found.name)),
        }
        Ok(())
    }

    /// The entries in the order in which they are taken.
    fn entries<'n>(
        &self,
        entries: &'n [(Node, Node)],
    ) -> impl Iterator<Item = &'n (Node, Node)> + use<'n> {
        let mut sorted = Vec::new();
        let mut as_written = entries;
        if self.in_order {
            sorted.extend(entries);
            sorted.sort_by(|(a, _), (b, _)| a.key_text().cmp(&b.key_text()));
            as_written = &[];
        }
        as_written.iter().chain(sorted)
    }

    fn field(&mut self, name: &str, value: &Node, of: TypeId) -> Result<(), Abort> {
        let table = self.table;
        let fields = table.fields(of);
        let Ok(index) = fields.binary_search_by(|field| field.name.cmp(name)) else {
            return Ok(());
        };
        let Some(field) = fields.get(index) else {
            return Ok(());
        };
        let (structure, depth) = (self.structure, self.fields.len());
        self.structure = short(table.get(of).name);
        self.fields
            .extend(field.within.split_terminator('>').chain([field.name]));
        self.value(value, field.of)?;
        self.fields.truncate(depth);
        self.structure = structure;
        Ok(())
    }

    fn int(&mut self, value: &Value, wanted: &str, at_once: bool) -> Result<(), Abort> {
        if is_int32(value) {
            return Ok(());
        }
        let said = said(value, true);
        if at_once {
            return Err(Abort(self.sentence(&said, wanted)));
        }
        self.mismatch(&said, wanted);
        Ok(())
    }

    fn mismatch(&mut self, said: &str, wanted: &str) {
        if self.first.is_none() {
            self.first = Some(self.sentence(said, wanted));
        }
    }

    fn sentence(&self, said: &str, wanted: &str) -> String {
        if self.structure.is_empty() {
            return format!("json: cannot unmarshal {said} into Go value of type {wanted}");
        }
        format!(
            "json: cannot unmarshal {said} into Go struct field {}.{} of type {wanted}",
            self.structure,
            self.fields.join(".")
        )
    }
}

/// What the decoder calls a value; of a number that does not fit, with the number.
fn said(value: &Value, with_number: bool) -> String {
    match value {
        Value::Int(number) if with_number => format!("number {number}"),
        Value::Float(number) if with_number => format!("number {}", go_float(*number)),
        Value::Number(text) if with_number => format!("number {text}"),
        Value::Int(_) | Value::Float(_) | Value::Number(_) => "number".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::String(_) => "string".to_owned(),
        Value::Sequence(_) => "array".to_owned(),
        Value::Mapping(_) => "object".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

/// A float as Go writes it in JSON.
fn go_float(number: f64) -> String {
    if number == 0.0 || (1e-6..1e21).contains(&number.abs()) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

/// `Pod` of `core/v1.Pod`.
fn short(name: &'static str) -> &'static str {
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

/// A type as Go writes it: `[]v1.Container`, `map[string]string`.
fn go_name(name: &str) -> String {
    if let Some(item) = name.strip_prefix("[]") {
        return format!("[]{}", go_name(item));
    }
    if let Some(value) = name.strip_prefix("{}") {
        return format!("map[string]{}", go_name(value));
    }
    match name {
        "quantity" => "resource.Quantity".to_owned(),
        "int-or-string" => "intstr.IntOrString".to_owned(),
        "time" => "v1.Time".to_owned(),
        "bytes" => "[]uint8".to_owned(),
        _ => name
            .rsplit_once('/')
            .map_or(name, |(_, short)| short)
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(spec: &str) -> String {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {spec}\n");
        of_text(&text)
    }

    fn of_text(text: &str) -> String {
        let document = crate::parse("f", text).unwrap().remove(0);
        let objects = crate::objects(document).unwrap();
        decode_error(&objects[0]).unwrap_or_default()
    }

    #[test]
    fn the_sentence_is_that_of_the_decoder() {
        let cases = [
            (
                "{volumes: [{fc: {lun: a}}]}",
                "json: cannot unmarshal string into Go struct field FCVolumeSource.spec.volumes.VolumeSource.fc.lun of type int32",
            ),
            (
                "{hostPID: 'true', containers: {}}",
                "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
            ),
            (
                "{containers: [{env: [{name: a, value: 5}]}]}",
                "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string",
            ),
            (
                "{containers: [{securityContext: {runAsUser: 1.5}}]}",
                "json: cannot unmarshal number 1.5 into Go struct field SecurityContext.spec.containers.securityContext.runAsUser of type int64",
            ),
            (
                "{containers: [{livenessProbe: {httpGet: {port: true}}}]}",
                "json: cannot unmarshal bool into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32",
            ),
            (
                "{containers: [{imagePullPolicy: 1}]}",
                "json: cannot unmarshal number into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy",
            ),
            (
                "{nodeSelector: {a: true}}",
                "json: cannot unmarshal bool into Go struct field PodSpec.spec.nodeSelector of type string",
            ),
            (
                "[]",
                "json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec",
            ),
            (
                "{containers: [{env: 1, resources: {limits: {cpu: 1GB}}}]}",
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
        ];
        for (spec, sentence) in cases {
            assert_eq!(said(spec), sentence, "{spec}");
        }
    }

    /// The sentences were said by k8s.io/apimachinery 0.37.
    #[test]
    fn numbers_of_json_are_what_is_written_and_its_first_fault_is_told() {
        let said = |spec: &str| {
            of_text(&format!(
                "{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{\"name\":\"a\"}},\"spec\":{spec}}}"
            ))
        };
        let of_user =
            "Go struct field PodSecurityContext.spec.securityContext.runAsUser of type int64";
        for number in [
            "1e3",
            "80.0",
            "1.50",
            "9223372036854775808",
            "99999999999999999999",
        ] {
            assert_eq!(
                said(&format!(
                    "{{\"securityContext\":{{\"runAsUser\":{number}}}}}"
                )),
                format!("json: cannot unmarshal number {number} into {of_user}"),
            );
        }
        assert_eq!(
            said(r#"{"terminationGracePeriodSeconds":"x","activeDeadlineSeconds":"y"}"#),
            "json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64"
        );
        assert_eq!(
            said(r#"{"containers":[{"env":[{"name":"a","value":1.50}]}]}"#),
            "json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string"
        );
        assert_eq!(
            said(r#"{"containers":[{"livenessProbe":{"httpGet":{"port":80.0}}}]}"#),
            "json: cannot unmarshal number 80.0 into Go struct field HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port of type int32"
        );
        let good = r#"{"unknown":1e2,"securityContext":{"runAsUser":-0},"containers":[{"resources":{"limits":{"cpu":1E2,"memory":18446744073709551615}}}]}"#;
        assert_eq!(said(good), "");
        // in braces, but no JSON
        assert_eq!(
            of_text("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {priority: 1.0}}"),
            ""
        );
    }

    #[test]
    fn large_integers_of_yaml_are_told_as_they_are() {
        for (number, told) in [
            ("9223372036854775808", "9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            ("18446744073709551616", "18446744073709552000"),
            ("0xFFFFFFFFFFFFFFFF", "18446744073709551615"),
            ("0o1777777777777777777777", "18446744073709551615"),
            ("01777777777777777777777", "18446744073709551615"),
            ("1_000_000_000_000_000_000_0", "10000000000000000000"),
            ("+9223372036854775808", "9223372036854776000"),
            ("-9223372036854775809", "-9223372036854776000"),
            ("09223372036854775808", "9223372036854776000"),
            ("9223372036854775808.0", "9223372036854776000"),
            ("123456789012345678901234567890", "1.2345678901234568e+29"),
        ] {
            assert_eq!(
                said(&format!("{{securityContext: {{runAsUser: {number}}}}}")),
                format!(
                    "json: cannot unmarshal number {told} into Go struct field PodSecurityContext.spec.securityContext.runAsUser of type int64"
                ),
                "{number}"
            );
        }
    }

    #[test]
    fn what_can_be_decoded_has_no_sentence() {
        assert_eq!(
            said("{unknown: 1, hostPID: null, containers: [{ports: [{containerPort: 80.0}]}]}"),
            ""
        );
    }
}
