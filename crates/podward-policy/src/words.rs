//! How the Kubernetes library words its sentences: quotes, plurals and who did it.

use std::collections::BTreeSet;

/// `"a", "b"`.
pub(crate) fn quoted<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    // as long as one or two names are
    let mut text = String::with_capacity(32);
    for name in names {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push('"');
        text.push_str(name.as_ref());
        text.push('"');
    }
    text
}

/// A text in quotes as Go's `%q` writes it, so that what is in it cannot end the quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `containers[0]`.
pub(crate) fn item(list: &str, index: usize) -> String {
    let mut text = String::with_capacity(list.len() + 4);
    text.push_str(list);
    text.push('[');
    match u8::try_from(index) {
        Ok(digit @ 0..=9) => text.push(char::from(b'0' + digit)),
        _ => text.push_str(&index.to_string()),
    }
    text.push(']');
    text
}

/// The plural ending of a word.
pub(crate) const fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `container "a"` or `containers "a", "b"`.
pub(crate) fn containers(names: &[&str]) -> String {
    format!("container{} {}", s(names.len()), quoted(names))
}

/// `uses` or `use`.
pub(crate) const fn uses(count: usize) -> &'static str {
    if count == 1 { "uses" } else { "use" }
}

/// Who set a value: the pod, containers, annotations.
#[derive(Debug, Default)]
pub(crate) struct Setters<'a> {
    pub(crate) pod: bool,
    pub(crate) containers: Vec<&'a str>,
    pub(crate) annotations: usize,
    pub(crate) values: BTreeSet<String>,
}

impl Setters<'_> {
    /// `pod and container "a"`.
    pub(crate) fn who(&self) -> String {
        let mut parts = Vec::new();
        if self.pod {
            parts.push("pod".to_owned());
        }
        if !self.containers.is_empty() {
            parts.push(containers(&self.containers));
        }
        if self.annotations > 0 {
            parts.push(format!("annotation{}", s(self.annotations)));
        }
        parts.join(" and ")
    }
}
