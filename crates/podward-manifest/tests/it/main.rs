//! The parser and the field table against real manifests.

#[cfg(test)]
mod fast;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod strict;
