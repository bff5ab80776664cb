//! Unknown fields and values of a wrong type, as the API server's strict decoding finds them.

use super::decode::decode_error;
use super::scan::{is_base64, quantity, time};
use super::suggest::suggest;
use super::table::{Form, Table, TypeId, table};
use crate::{Node, Object, Position, Value, Workload};

/// A field that Kubernetes does not know, or a value that does not fit its field. The message
/// never repeats a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// What is wrong.
    pub message: String,
    /// Path of the field in the object.
    pub field: String,
    /// Where the name of an unknown field, or the value of a known one, stands in the object's
    /// file.
    pub position: Position,
    /// Behind its last character.
    pub end: Position,
    /// Whether the field is unknown; else its value is wrong.
    pub unknown: bool,
    /// How to go on.
    pub help: String,
}

/// Every unknown field and every value of a wrong type of an object, in the order of the file, up
/// to a thousand.
///
/// The fields are those of Kubernetes 1.37 and of the older versions it still has types for. Of a
/// version that it has none for, only types are judged, by another version of the kind. Of custom
/// resources nothing is said. `null` fits everywhere, as in the API server.
#[must_use]
pub fn strict(object: &Object) -> Vec<FieldFault> {
    walk(object).found
}

/// The same with what [`decode_error`] says of the object, which is decoded only where something in it
/// does not fit.
#[must_use]
pub fn strict_and_decoded(object: &Object) -> (Vec<FieldFault>, Option<String>) {
    let walk = walk(object);
    let may_fail = walk.misfits || walk.found.len() >= MAX_FAULTS;
    let error = may_fail.then(|| decode_error(object)).flatten();
    (walk.found, error)
}

fn walk(object: &Object) -> Walk {
    let table = table();
    let mut walk = Walk {
        table,
        unknown_too: true,
        misfits: false,
        found: Vec::new(),
    };
    if let Some(known) = table.kind(&object.api_version, &object.kind) {
        walk.unknown_too = known.exact;
        walk.value(&object.node, known.of, &Path::Root);
    }
    walk
}

/// Values of a wrong type in the security contexts of pods that a custom resource makes: its own
/// fields are not known, but those are the API's.
#[must_use]
pub fn strict_pods(pods: &Workload<'_>) -> Vec<FieldFault> {
    let table = table();
    let of_pod = table.kind("v1", "Pod").map(|known| table.fields(known.of));
    let spec = of_pod.and_then(|fields| fields.iter().find(|field| field.name == "spec"));
    let Some(spec) = spec else { return Vec::new() };
    let mut walk = Walk {
        table,
        unknown_too: false,
        misfits: false,
        found: Vec::new(),
    };
    walk.value(pods.spec, spec.of, &Path::At(&pods.spec_path));
    walk.found
        .retain(|fault| fault.field.contains("securityContext"));
    walk.found
}

/// Faults of one object after which the rest is not looked for: who has so many wants to mend these
/// first.
const MAX_FAULTS: usize = 1000;

/// Where a value stands; written out only where there is a fault.
enum Path<'a> {
    Root,
    /// A place that is written out already.
    At(&'a str),
    Field(&'a Self, TypeId, &'a str),
    Item(&'a Self, usize),
    Key(&'a Self, &'a str),
}

impl Path<'_> {
    fn text(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::At(path) => (*path).to_owned(),
            Self::Field(Path::Root, _, name) => (*name).to_owned(),
            Self::Field(above, _, name) => format!("{}.{name}", above.text()),
            Self::Item(above, index) => format!("{}[{index}]", above.text()),
            Self::Key(above, key) => format!("{}[{key}]", above.text()),
        }
    }

    /// The structs around, the nearest first, with their paths.
    fn structs(&self) -> Vec<(TypeId, String)> {
        let mut found = Vec::new();
        let mut here = self;
        loop {
            here = match here {
                Self::Root | Self::At(_) => return found,
                Self::Field(above, of, _) => {
                    found.push((*of, above.text()));
                    above
                }
                Self::Item(above, _) | Self::Key(above, _) => above,
            };
        }
    }
}

struct Walk {
    table: &'static Table,
    unknown_too: bool,
    /// Whether a value does not fit, be it told or left because it stands for another.
    misfits: bool,
    found: Vec<FieldFault>,
}

impl Walk {
    fn value(&mut self, node: &Node, of: TypeId, path: &Path<'_>) {
        if node.is_null() || self.found.len() >= MAX_FAULTS {
            return;
        }
        let form = self.table.form(of);
        match (form, &node.value) {
            (Form::Struct(_), Value::Mapping(entries)) => self.fields(entries, of, path),
            (Form::Map(values), Value::Mapping(entries)) => {
                for (key, value) in entries {
                    let name = key.key_text();
                    self.value(value, *values, &Path::Key(path, &name));
                }
            }
            (Form::List(items), Value::Sequence(nodes)) => {
                for (index, item) in nodes.iter().enumerate() {
                    self.value(item, *items, &Path::Item(path, index));
                }
            }
            _ => {
                if let Err(wanted) = fits(form, &node.value) {
                    self.misfits = true;
                    if !is_put_in(&node.value) {
                        self.wrong(node, form, wanted, path);
                    }
                }
            }
        }
    }

    fn fields(&mut self, entries: &[(Node, Node)], of: TypeId, path: &Path<'_>) {
        let table = self.table;
        for (key, value) in entries {
            let name = key.key_text();
            let name = name.as_ref();
            let fields = table.fields(of);
            let place = Path::Field(path, of, name);
            match fields.binary_search_by(|field| field.name.cmp(name)) {
                Ok(index) => {
                    if let Some(field) = fields.get(index) {
                        self.value(value, field.of, &place);
                    }
                }
                Err(_) if is_of_patch(name) => {}
                Err(_) if self.unknown_too && self.found.len() < MAX_FAULTS => {
                    let field = place.text();
                    self.found.push(FieldFault {
                        message: format!("unknown field \"{field}\""),
                        field,
                        position: key.start,
                        end: key.end,
                        unknown: true,
                        help: suggest(table, name, &place.structs()),
                    });
                }
                Err(_) => {}
            }
        }
    }

    fn wrong(&mut self, node: &Node, form: &Form, wanted: &str, path: &Path<'_>) {
        let field = path.text();
        let name = if field.is_empty() {
            "the object"
        } else {
            &field
        };
        let found = match &node.value {
            Value::String(_) if matches!(form, Form::Bytes | Form::Quantity | Form::Time) => {
                "is not"
            }
            Value::Int(_) | Value::Float(_) | Value::Number(_) if is_number(form) => "is not",
            other => match other {
                Value::Null => "is null",
                Value::Bool(_) => "is a boolean",
                Value::Int(_) | Value::Float(_) | Value::Number(_) => "is a number",
                Value::String(_) => "is text",
                Value::Sequence(_) => "is a list",
                Value::Mapping(_) => "is a mapping",
            },
        };
        self.found.push(FieldFault {
            message: format!("{name} must be {wanted}, and {found}"),
            help: help(&node.value, form, &field),
            field,
            position: node.start,
            end: node.end,
            unknown: false,
        });
    }
}

/// Whether a key tells how a patch is to be applied (strategic merge patch of Kubernetes).
fn is_of_patch(name: &str) -> bool {
    let list = ["$setElementOrder/", "$deleteFromPrimitiveList/"];
    matches!(name, "$patch" | "$retainKeys") || list.iter().any(|word| name.starts_with(word))
}

/// Whether a text stands for a value that is put in before the API server sees it, as `${SIZE}`.
fn is_put_in(value: &Value) -> bool {
    let Value::String(text) = value else {
        return false;
    };
    let inside = text.split_once("${").map(|(_, rest)| rest);
    inside.is_some_and(|rest| rest.contains('}'))
}

const fn is_number(form: &Form) -> bool {
    matches!(
        form,
        Form::Int32 | Form::Int64 | Form::Float | Form::IntOrString
    )
}

/// Whether a value fits, or what would.
fn fits(form: &Form, value: &Value) -> Result<(), &'static str> {
    let (good, wanted) = match form {
        Form::Any => (true, ""),
        Form::Object | Form::Map(_) | Form::Struct(_) => {
            (matches!(value, Value::Mapping(_)), "a mapping")
        }
        Form::List(_) => (matches!(value, Value::Sequence(_)), "a list"),
        Form::String => (matches!(value, Value::String(_)), "text"),
        Form::Time => (
            matches!(value, Value::String(text) if time(text).is_ok()),
            "a time such as 2026-01-31T12:00:00Z",
        ),
        Form::Duration => (matches!(value, Value::String(_)), "a duration in text"),
        Form::Bytes => (
            matches!(value, Value::String(text) if is_base64(text)),
            "base64",
        ),
        Form::Bool => (matches!(value, Value::Bool(_)), "true or false"),
        Form::Int32 => (is_int32(value), "a whole number of 32 bits"),
        Form::Int64 => (matches!(value, Value::Int(_)), "a whole number of 64 bits"),
        Form::Float => (
            matches!(value, Value::Int(_) | Value::Float(_) | Value::Number(_)),
            "a number",
        ),
        Form::IntOrString => (
            matches!(value, Value::String(_)) || is_int32(value),
            "a whole number of 32 bits or text",
        ),
        Form::Quantity => (
            match value {
                Value::Int(_) | Value::Float(_) | Value::Number(_) => true,
                Value::String(text) => quantity(text).is_ok(),
                _ => false,
            },
            "a quantity such as 500m or 1Gi",
        ),
    };
    if good { Ok(()) } else { Err(wanted) }
}

pub(super) fn is_int32(value: &Value) -> bool {
    matches!(value, Value::Int(number) if i32::try_from(*number).is_ok())
}

fn help(value: &Value, form: &Form, field: &str) -> String {
    let hint = match (form, value) {
        (Form::String, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Number(_)) => {
            "put it in quotes"
        }
        (_, Value::String(text)) if fits(form, &crate::scalar::resolve(text)).is_ok() => {
            "take the quotes away"
        }
        // bytes are in the data of Secrets alone
        (Form::Bytes, _) if field.starts_with("data[") => {
            "encode it, or write it as it is in stringData of the Secret"
        }
        (Form::Bytes, _) if field.ends_with("caBundle") => {
            "encode the certificates of the CA, as `base64 -w0 ca.crt` does"
        }
        (Form::Bytes, _) => "encode it",
        (Form::List(_), _) => "begin each item with \"- \"",
        (Form::Struct(_) | Form::Map(_) | Form::Object, Value::Sequence(_)) => {
            "take the \"- \" away"
        }
        _ => "the API server refuses the object",
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let document = crate::parse("f", text).unwrap().remove(0);
        let objects = crate::objects(document).unwrap();
        let faults = strict(&objects[0]).into_iter();
        faults
            .map(|f| format!("{} {} | {}", f.position, f.message, f.help))
            .collect()
    }

    fn of(kind: &str, body: &str) -> Vec<String> {
        let (version, kind) = kind.rsplit_once(' ').unwrap();
        said(&format!(
            "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a}}\n{body}\n"
        ))
    }

    #[test]
    fn what_is_put_in_later_and_what_steers_a_patch_is_no_fault() {
        let faults = of(
            "apps/v1 Deployment",
            "$patch: delete\nspec:\n  replicas: ${REPLICAS}\n  template: {$setElementOrder/x: []}",
        );
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(
            of("apps/v1 Deployment", "spec: {replicas: x, $x: 1}").len(),
            2
        );
    }

    #[test]
    fn unknown_fields_have_a_nearest_name() {
        assert_eq!(
            of("v1 Pod", "spec:\n  containers:\n  - name: a\n    imagee: b"),
            ["7:5 unknown field \"spec.containers[0].imagee\" | did you mean \"image\"?"]
        );
        assert_eq!(
            of("v1 Pod", "Spec: {}"),
            ["4:1 unknown field \"Spec\" | did you mean \"spec\"?"]
        );
        assert_eq!(
            of("v1 Pod", "spec: {securityContext: {privileged: true}}"),
            [
                "4:26 unknown field \"spec.securityContext.privileged\" | a pod's securityContext has no privileged: set it in the securityContext of every container"
            ]
        );
        assert_eq!(
            of("apps/v1 Deployment", "replicas: 1"),
            [
                "4:1 unknown field \"replicas\" | replicas is a field of spec: move it there, one step further in"
            ]
        );
        assert_eq!(
            of("v1 Pod", "spec: {containers: [{volumes: []}]}"),
            [
                "4:22 unknown field \"spec.containers[0].volumes\" | volumes is a field of spec: is it indented too far?"
            ]
        );
    }

    #[test]
    fn values_of_a_wrong_type_say_what_fits() {
        assert_eq!(
            of("apps/v1 Deployment", "spec: {replicas: \"3\"}"),
            [
                "4:18 spec.replicas must be a whole number of 32 bits, and is text | take the quotes away"
            ]
        );
        assert_eq!(
            of(
                "v1 Pod",
                "spec: {containers: [{env: [{name: a, value: 5}]}]}"
            ),
            [
                "4:45 spec.containers[0].env[0].value must be text, and is a number | put it in quotes"
            ]
        );
        assert_eq!(
            of("v1 ConfigMap", "data: {a.b: yes}"),
            ["4:13 data[a.b] must be text, and is a boolean | put it in quotes"]
        );
        assert_eq!(
            of("v1 Secret", "data: {a: hunter2!}"),
            [
                "4:11 data[a] must be base64, and is not | encode it, or write it as it is in stringData of the Secret"
            ]
        );
        assert_eq!(
            of(
                "apiregistration.k8s.io/v1 APIService",
                "spec: {caBundle: hunter2!}"
            ),
            [
                "4:18 spec.caBundle must be base64, and is not | encode the certificates of the CA, as `base64 -w0 ca.crt` does"
            ]
        );
        assert_eq!(
            of("v1 ConfigMap", "binaryData: {a: hunter2!}"),
            ["4:17 binaryData[a] must be base64, and is not | encode it"]
        );
        assert_eq!(
            of("v1 Pod", "spec: {containers: {name: a}}"),
            ["4:20 spec.containers must be a list, and is a mapping | begin each item with \"- \""]
        );
        assert_eq!(
            of(
                "v1 Pod",
                "spec: {activeDeadlineSeconds: 1.5, containers: [{ports: [{containerPort: 3000000000}]}]}"
            ),
            [
                "4:31 spec.activeDeadlineSeconds must be a whole number of 64 bits, and is not | the API server refuses the object",
                "4:74 spec.containers[0].ports[0].containerPort must be a whole number of 32 bits, and is not | the API server refuses the object"
            ]
        );
    }

    #[test]
    fn what_kubernetes_takes_is_taken() {
        let nothing: [String; 0] = [];
        assert_eq!(
            of(
                "v1 Pod",
                "spec: {activeDeadlineSeconds: 1e3, volumes: null, containers: [{resources: {limits: {cpu: 1, memory: 1.5Gi, a/b: '1e3'}}, livenessProbe: {httpGet: {port: http}}, readinessProbe: {httpGet: {port: 80}}}]}"
            ),
            nothing
        );
        assert_eq!(
            said(
                "apiVersion: v1\nkind: Pod\nmetadata: {name: a, creationTimestamp: null, labels: {1: a}, managedFields: [{manager: m, fieldsV1: {\"f:metadata\": {}}}]}\n"
            ),
            nothing
        );
        assert_eq!(
            of(
                "apiextensions.k8s.io/v1 CustomResourceDefinition",
                "spec: {versions: [{name: v1, schema: {openAPIV3Schema: {type: object, anything: 1}}}]}"
            ),
            nothing
        );
        assert_eq!(
            of(
                "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration",
                "webhooks: [{name: a, clientConfig: {caBundle: YQ==}, rules: [{operations: [CREATE], apiGroups: ['']}]}]"
            ),
            nothing
        );
        assert_eq!(
            of(
                "autoscaling/v2beta1 HorizontalPodAutoscaler",
                "spec: {metrics: [{resource: {targetAverageUtilization: 1}}]}"
            ),
            nothing
        );
        assert_eq!(of("example.com/v1 Pod", "spec: 1"), nothing);
    }
}
