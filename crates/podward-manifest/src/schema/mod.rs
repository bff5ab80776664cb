//! The fields of Kubernetes' built-in kinds, and what does not fit them.

mod scan;
mod strict;
mod suggest;
mod table;

pub use strict::{FieldFault, strict};
