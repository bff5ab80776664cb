//! What a plain scalar means. Kubernetes reads manifests with YAML 1.1's words: `yes`, `on` and `0777` are a
//! boolean, a boolean and an octal number.

use std::borrow::Cow;

use crate::Value;

/// The value of a plain scalar.
pub(crate) fn resolve(text: &str) -> Value {
    // none of the words is longer
    let word = if text.len() <= 5 { text } else { "-" };
    match word {
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
        let plain = if text.contains('_') {
            Cow::Owned(text.replace('_', ""))
        } else {
            Cow::Borrowed(text)
        };
        if let Some(value) = integer(&plain) {
            return Value::Int(value);
        }
        if let Some(value) = unsigned(&plain) {
            return Value::Number(value.to_string().into());
        }
        if let Some(value) = float(&plain) {
            return number(value);
        }
    }
    Value::String(text.into())
}

/// A number that was written as a fraction. Kubernetes turns YAML into JSON first, which writes
/// `1.0` and `1e0` as 1.
fn number(value: f64) -> Value {
    /// From here on whole numbers no longer fit into a float.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number within what a float holds exactly"
    )]
    if value.fract() == 0.0 && value.abs() <= EXACT {
        Value::Int(value as i64)
    } else {
        Value::Float(value)
    }
}

/// The value of what is no string in JSON, whose numbers decoders take as they are written.
pub(crate) fn resolve_json(text: &str) -> Value {
    if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        let integer = text.parse().map(Value::Int);
        return integer.unwrap_or_else(|_| Value::Number(text.into()));
    }
    resolve(text)
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = radix(digits)?;
    if sign.is_empty() {
        return i64::from_str_radix(digits, radix).ok();
    }
    i64::from_str_radix(&[sign, digits].concat(), radix).ok()
}

/// The base of an integer, and its digits.
fn radix(digits: &str) -> Option<(u32, &str)> {
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
    Some((radix, digits))
}

/// A number beyond 64 bits with sign, which may have none.
fn unsigned(text: &str) -> Option<u64> {
    let (radix, digits) = radix(text)?;
    u64::from_str_radix(digits, radix).ok()
}

fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
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
        assert_eq!(resolve("1.5"), Value::Float(1.5));
        for text in ["1e3", "1000.0", "1_000", "+1000."] {
            assert_eq!(resolve(text), Value::Int(1000), "{text}");
        }
        assert_eq!(resolve("09"), Value::Int(9));
        assert_eq!(resolve("1e30"), Value::Float(1e30));
        assert_eq!(
            resolve("0xFFFFFFFFFFFFFFFF"),
            Value::Number("18446744073709551615".into())
        );
        for text in ["1.2.3", "10.0.0.1", "-", "12a", "yEs", "2026-01-01", "+"] {
            assert_eq!(resolve(text), Value::String(text.into()), "{text}");
        }
    }
}
