//! One fault with its place.

use podward_manifest::Position;

/// One fault: where it is, why it matters and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Name of the rule.
    pub rule: &'static str,
    /// Path of the file.
    pub path: String,
    /// Where the field stands, or the deepest part of its path that is written.
    pub position: Position,
    /// Path of the field in the object.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What an attacker gains.
    pub why: &'static str,
    /// What to write instead.
    pub mend: String,
    /// From where to where the source holds a secret that output must not repeat.
    pub secret: Option<(Position, Position)>,
}
