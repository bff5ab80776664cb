//! YAML documents, workloads and source positions. Pure: text in, trees out.

mod edit;
mod fast;
mod names;
mod near;
mod node;
mod object;
mod parse;
mod parts;
mod scalar;
mod schema;
mod source;
mod workload;

pub use edit::{Change, EditError, Step, edit, edit_all};
pub use names::{is_label, is_subdomain, name_faults};
pub use node::{Node, Value};
pub use object::{Object, ObjectError, objects, objects_found};
pub use parse::{Document, ParseError, parse, parse_generally};
pub use parts::{Documents, parse_each};
pub use schema::{FieldFault, decode_error, nearest, strict, strict_and_decoded, strict_pods};
pub use source::{Lines, Position, Source};
pub use workload::{Workload, workload, workloads};
