//! The table of fields: text that `cargo xtask gen` writes. Its lines are found once, and each is read when its type
//! is asked for: most files need few of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

/// The first part is written by `xtask/gen`, which says what its lines mean.
const TEXT: &str = concat!(include_str!("kubernetes.txt"), include_str!("drop_in.txt"));

/// Which type of the table.
#[derive(Clone, Copy)]
pub(super) struct TypeId(&'static Type);

impl PartialEq for TypeId {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for TypeId {}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// A type and the name it has in Go.
#[derive(Debug)]
pub(super) struct Type {
    /// As the table writes it: `core/v1.Pod`, `[]string`.
    pub(super) name: &'static str,
    /// The rest of its line; none where it is a word, or made of another type.
    line: Option<&'static str>,
    form: OnceLock<Form>,
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
    /// Those that have a line, sorted by name.
    types: Vec<Type>,
    /// Those that have none, as they were asked for.
    made: Mutex<BTreeMap<&'static str, TypeId>>,
    /// `apiVersion`, kind and type, sorted: the same groups and kinds stand together.
    kinds: Vec<(&'static str, &'static str, &'static str)>,
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
    pub(super) fn kind(&'static self, api_version: &str, kind: &str) -> Option<Known> {
        let wanted = (api_version, kind);
        let known = |(version, kind, _): &(&str, &str, &str)| (*version, *kind).cmp(&wanted);
        let exact = self.kinds.binary_search_by(known).ok();
        let found = match exact {
            Some(index) => self.kinds.get(index),
            None => self
                .kinds
                .iter()
                .find(|(version, name, _)| *name == kind && group(version) == group(api_version)),
        };
        let (_, _, name) = found?;
        Some(Known {
            of: self.id(name),
            exact: exact.is_some(),
        })
    }

    /// A type.
    pub(super) const fn get(&self, id: TypeId) -> &'static Type {
        id.0
    }

    /// The fields of a struct, sorted; none of anything else.
    pub(super) fn fields(&'static self, id: TypeId) -> &'static [Field] {
        match self.form(id) {
            Form::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// What JSON a type takes.
    pub(super) fn form(&'static self, id: TypeId) -> &'static Form {
        id.0.form.get_or_init(|| {
            let Some(line) = id.0.line else {
                return self.made_form(id.0.name);
            };
            match line.split_once(' ') {
                Some(("is", other)) => self.form(self.id(other)).clone(),
                _ => self.structure(line),
            }
        })
    }

    fn made_form(&'static self, name: &'static str) -> Form {
        if let Some(item) = name.strip_prefix("[]") {
            Form::List(self.id(item))
        } else if let Some(value) = name.strip_prefix("{}") {
            Form::Map(self.id(value))
        } else {
            word(name)
        }
    }

    fn structure(&'static self, line: &'static str) -> Form {
        let fields = line.split(' ').skip(1).filter_map(|field| {
            let (name, of) = field.split_once(':')?;
            let start = name.rfind('>').map_or(0, |end| end + 1);
            let (within, name) = name.split_at_checked(start)?;
            let of = self.id(of);
            Some(Field { name, within, of })
        });
        Form::Struct(fields.collect())
    }

    /// The type of a name.
    fn id(&'static self, name: &'static str) -> TypeId {
        let line = self.types.binary_search_by_key(&name, |known| known.name);
        if let Some(found) = line.ok().and_then(|index| self.types.get(index)) {
            return TypeId(found);
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // as many as the table has names, and kept as long as the table
        *made.entry(name).or_insert_with(|| {
            TypeId(Box::leak(Box::new(Type {
                name,
                line: None,
                form: OnceLock::new(),
            })))
        })
    }

    fn read(text: &'static str) -> Self {
        let (mut types, mut kinds) = (Vec::new(), Vec::new());
        for line in text.lines() {
            let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
            match name {
                "#" | "" => {}
                "kind" => {
                    let mut words = rest.split(' ');
                    if let (Some(version), Some(kind), Some(name)) =
                        (words.next(), words.next(), words.next())
                    {
                        kinds.push((version, kind, name));
                    }
                }
                name => types.push(Type {
                    name,
                    line: Some(rest),
                    form: OnceLock::new(),
                }),
            }
        }
        types.sort_by_key(|known| known.name);
        kinds.sort_unstable();
        Self {
            types,
            made: Mutex::default(),
            kinds,
        }
    }
}

/// The group of an `apiVersion`; empty for the core.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
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
        let mut waiting: Vec<_> = table.types.iter().map(TypeId).collect();
        while let Some(id) = waiting.pop() {
            let name = table.get(id).name;
            let made_of: Vec<TypeId> = match table.form(id) {
                Form::Any => {
                    assert_eq!(name, "any");
                    Vec::new()
                }
                Form::List(of) | Form::Map(of) => vec![*of],
                Form::Struct(fields) => {
                    assert!(fields.is_sorted_by_key(|f| f.name), "{name}");
                    fields.iter().map(|field| field.of).collect()
                }
                _ => Vec::new(),
            };
            // those with a line are in the table, and some hold themselves
            waiting.extend(made_of.into_iter().filter(|of| of.0.line.is_none()));
        }
        for (_, _, name) in &table.kinds {
            assert!(!table.fields(table.id(name)).is_empty(), "{name}");
        }
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
