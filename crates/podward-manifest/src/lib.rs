//! YAML documents, workloads and source positions.
#![allow(missing_docs)]
pub struct ParseError { pub message: String }
pub struct Node;
impl Node { pub fn to_json(&self) -> serde_json::Value { serde_json::Value::Null } }
pub struct Document { pub root: Node }
pub fn parse(_: &str, _: &str) -> Result<Vec<Document>, ParseError> { Ok(vec![]) }
