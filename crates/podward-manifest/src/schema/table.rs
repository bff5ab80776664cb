//! The table of fields: text that `cargo xtask gen` writes, read once and looked up without
//! allocation.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The first part is written by `xtask/gen`, which says what its lines mean.
const TEXT: &str = concat!(include_str!("kubernetes.txt"), include_str!("drop_in.txt"));

/// Which type of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeId(usize);

/// A type and the name it has in Go.
#[derive(Debug)]
pub(super) struct Type {
    /// As the table writes it: `core/v1.Pod`, `[]string`.
    pub(super) name: &'static str,
    pub(super) form: Form,
}

/// What JSON a type takes.
#[derive(Clone, Debug)]
pub(super) enum Form {
    /// Anything.
    Any,
    /// An object that is not looked into.
    Object,
    String,
    /// Base64.
    Bytes,
    Bool,
    Int32,
    Int64,
    Float,
    IntOrString,
    Quantity,
    Time,
    Duration,
    List(TypeId),
    Map(TypeId),
    /// Fields, sorted by name.
    Struct(Vec<Field>),
}

/// A field of a struct.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The Go structs within which the struct holds it, each with `>` behind it.
    pub(super) within: &'static str,
    pub(super) of: TypeId,
}

/// The built-in kinds and the types they are made of.
pub(super) struct Table {
    types: Vec<Type>,
    kinds: HashMap<(&'static str, &'static str), TypeId>,
    /// `apiVersion`, kind and type, sorted: the same groups and kinds stand together.
    all_kinds: Vec<(&'static str, &'static str, TypeId)>,
}

/// The table of this build.
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::read(TEXT))
}

/// The type of an object, and whether it is that of its very version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) of: TypeId,
    /// False where only another version of the kind is in the table.
    pub(super) exact: bool,
}

impl Table {
    /// The type of a kind. Of a version that Kubernetes has no types for any more, it is that of
    /// another version of the same group.
    pub(super) fn kind(&self, api_version: &str, kind: &str) -> Option<Known> {
        if let Some(of) = self.kinds.get(&(api_version, kind)) {
            let exact = true;
            return Some(Known { of: *of, exact });
        }
        let group = group(api_version);
        let other = |(version, name, _): &&(&str, &str, TypeId)| {
            self::group(version) == group && *name == kind
        };
        let (_, _, of) = self.all_kinds.iter().find(other)?;
        let exact = false;
        Some(Known { of: *of, exact })
    }

    /// A type.
    pub(super) fn get(&self, id: TypeId) -> &Type {
        const NOTHING: &Type = &Type {
            name: "",
            form: Form::Any,
        };
        self.types.get(id.0).unwrap_or(NOTHING)
    }

    /// The fields of a struct, sorted; none of anything else.
    pub(super) fn fields(&self, id: TypeId) -> &[Field] {
        match &self.get(id).form {
            Form::Struct(fields) => fields,
            _ => &[],
        }
    }

    fn read(text: &'static str) -> Self {
        let mut reading = Reading::default();
        for line in text.lines() {
            if let Some((name, _)) = type_line(line) {
                reading.push(name, Form::Any);
            }
        }
        let mut kinds = Vec::new();
        for line in text.lines() {
            if let Some(("kind", rest)) = line.split_once(' ') {
                let mut words = rest.split(' ');
                if let (Some(version), Some(kind), Some(name)) =
                    (words.next(), words.next(), words.next())
                {
                    kinds.push((version, kind, reading.id(name)));
                }
            } else if let Some((name, rest)) = type_line(line) {
                let form = match rest.split_once(' ') {
                    Some(("is", other)) => {
                        let id = reading.id(other);
                        reading.form(id)
                    }
                    _ => reading.structure(rest),
                };
                let id = reading.id(name);
                if let Some(place) = reading.types.get_mut(id.0) {
                    place.form = form;
                }
            }
        }
        // kinds of one group and name stand together
        kinds.sort_by_key(|(version, kind, _)| (*version, *kind));
        Self {
            types: reading.types,
            kinds: kinds.iter().map(|(v, k, id)| ((*v, *k), *id)).collect(),
            all_kinds: kinds,
        }
    }
}

/// The group of an `apiVersion`; empty for the core.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Name and rest of a line that defines a type.
fn type_line(line: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    (!matches!(name, "#" | "kind" | "")).then_some((name, rest))
}

#[derive(Default)]
struct Reading {
    types: Vec<Type>,
    ids: HashMap<&'static str, TypeId>,
}

impl Reading {
    fn push(&mut self, name: &'static str, form: Form) -> TypeId {
        let id = TypeId(self.types.len());
        self.types.push(Type { name, form });
        self.ids.insert(name, id);
        id
    }

    fn id(&mut self, name: &'static str) -> TypeId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let form = if let Some(item) = name.strip_prefix("[]") {
            Form::List(self.id(item))
        } else if let Some(value) = name.strip_prefix("{}") {
            Form::Map(self.id(value))
        } else {
            word(name)
        };
        self.push(name, form)
    }

    fn form(&self, id: TypeId) -> Form {
        self.types
            .get(id.0)
            .map_or(Form::Any, |found| found.form.clone())
    }

    fn structure(&mut self, line: &'static str) -> Form {
        let fields = line.split(' ').skip(1).filter_map(|field| {
            let (name, of) = field.split_once(':')?;
            let start = name.rfind('>').map_or(0, |end| end + 1);
            let (within, name) = name.split_at_checked(start)?;
            let of = self.id(of);
            Some(Field { name, within, of })
        });
        Form::Struct(fields.collect())
    }
}

fn word(name: &str) -> Form {
    match name {
        "object" => Form::Object,
        "string" => Form::String,
        "bytes" => Form::Bytes,
        "bool" => Form::Bool,
        "int32" => Form::Int32,
        "int64" | "int" => Form::Int64,
        "float64" => Form::Float,
        "int-or-string" => Form::IntOrString,
        "quantity" => Form::Quantity,
        "time" => Form::Time,
        "duration" => Form::Duration,
        _ => Form::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_understood_and_fields_are_sorted() {
        let table = table();
        assert!(table.types.len() > 1000);
        for found in &table.types {
            match &found.form {
                Form::Any => assert_eq!(found.name, "any"),
                Form::Struct(fields) => {
                    assert!(fields.is_sorted_by_key(|f| f.name), "{}", found.name);
                }
                _ => {}
            }
        }
        assert!(
            table
                .all_kinds
                .iter()
                .all(|(_, _, id)| !table.fields(*id).is_empty())
        );
    }

    #[test]
    fn versions_without_types_take_those_of_another() {
        let table = table();
        let known = |version, kind| table.kind(version, kind);
        assert!(known("apps/v1", "Deployment").unwrap().exact);
        assert!(
            !known("autoscaling/v2beta2", "HorizontalPodAutoscaler")
                .unwrap()
                .exact
        );
        assert_eq!(known("policy/v1beta1", "PodSecurityPolicy"), None);
        assert_eq!(known("example.com/v1", "Pod"), None);
    }
}
