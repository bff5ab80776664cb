//! The fields of Kubernetes' built-in kinds, and what does not fit them.

mod decode;
mod scan;
mod strict;
mod suggest;
mod table;

pub use decode::decode_error;
pub use strict::{FieldFault, strict};
