//! YAML documents, workloads and source positions. Pure: text in, trees out.

mod node;
mod object;
mod parse;
mod scalar;
mod schema;
mod source;

pub use node::{Node, Value};
pub use object::{Object, ObjectError, Workload, objects, objects_found, workload};
pub use parse::{Document, ParseError, parse, parse_each};
pub use schema::{FieldFault, decode_error, strict};
pub use source::{Lines, Position, Source};
