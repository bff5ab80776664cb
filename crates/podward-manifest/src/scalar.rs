//! What a plain scalar means. Kubernetes reads manifests with YAML 1.1's words: `yes`, `on` and `0777` are a
//! boolean, a boolean and an octal number.

use crate::Value;

/// The value of a plain scalar.
pub(crate) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => {
            return Value::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    if numeric {
        let plain: String = text.chars().filter(|c| *c != '_').collect();
        if let Some(value) = integer(&plain) {
            return Value::Int(value);
        }
        if let Some(value) = float(&plain) {
            return Value::Float(value);
        }
    }
    Value::String(text.to_owned())
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (radix, digits) = if let Some(hex) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        (16, hex)
    } else if let Some(octal) = digits
        .strip_prefix("0o")
        .or_else(|| digits.strip_prefix("0O"))
    {
        (8, octal)
    } else if let Some(binary) = digits
        .strip_prefix("0b")
        .or_else(|| digits.strip_prefix("0B"))
    {
        (2, binary)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, digits)
    } else {
        (10, digits)
    };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    let shape = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if shape && text.bytes().any(|b| b.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_those_of_kubernetes() {
        assert_eq!(resolve("yes"), Value::Bool(true));
        assert_eq!(resolve("0777"), Value::Int(0o777));
        assert_eq!(resolve("0o17"), Value::Int(0o17));
        assert_eq!(resolve("0x1F"), Value::Int(31));
        assert_eq!(resolve("-12"), Value::Int(-12));
        assert_eq!(resolve("1e3"), Value::Float(1000.0));
        for text in ["1.2.3", "10.0.0.1", "-", "12a", "yEs", "2026-01-01", "+"] {
            assert_eq!(resolve(text), Value::String(text.into()), "{text}");
        }
    }
}
