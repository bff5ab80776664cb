//! Certificate authorities of podward's own, and certificates of servers that are made anew before they end, by podward
//! or by others.

mod authority;
mod given;
mod leaf;

pub use authority::{Authority, PkiError, new_key, self_signed};
pub use given::Given;
pub use leaf::{Leaf, Now};
