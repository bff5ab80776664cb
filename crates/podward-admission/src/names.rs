//! Names as Kubernetes takes them, for what is written into pods by configuration.

use podward_manifest::is_subdomain;

/// A label's or an annotation's key: a name, and before it perhaps a domain with a slash.
pub(crate) fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((domain, name)) => is_subdomain(domain) && is_name(name),
        None => is_name(text),
    }
}

/// A label's value, which may be empty.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn is_name(text: &str) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    text.len() <= 63
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && ends
            .iter()
            .all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_kubernetes() {
        for good in ["a", "A_b.c-1", "example.com/a"] {
            assert!(is_key(good), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "a.", "a b", "a/b/c", "/a", "a/", "A.b/c", &long] {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(is_label_value("") && is_label_value("v1.2") && !is_label_value("a/b"));
        assert!(is_subdomain("a.b-c.1") && !is_subdomain("a..b") && !is_subdomain("A"));
    }
}
