//! Certificate authorities of podward's own, and certificates of servers that are made anew before they end.

mod authority;
mod leaf;

pub use authority::{Authority, PkiError, new_key, self_signed};
pub use leaf::{Leaf, Now};
