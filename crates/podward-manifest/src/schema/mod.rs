//! The fields of Kubernetes' built-in kinds, and what does not fit them.

mod decode;
mod scan;
mod strict;
mod suggest;
mod table;

pub use decode::decode_error;
pub use strict::{FieldFault, strict, strict_and_decoded, strict_pods};
pub use suggest::nearest_of as nearest;

/// Whether a kind is one of Kubernetes' own.
pub(crate) fn is_built_in(object: &crate::Object) -> bool {
    table::table()
        .kind(&object.api_version, &object.kind)
        .is_some()
}
