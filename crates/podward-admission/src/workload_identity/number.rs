//! Whole numbers in annotations, as azure-workload-identity reads them: by Go's `strconv.ParseInt`, whose words say what
//! is wrong.

use std::str::FromStr;

/// The text is no number.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NumberError {
    /// Something else than a sign and digits.
    #[error("strconv.ParseInt: parsing {0:?}: invalid syntax")]
    Syntax(String),
    /// More than the type holds.
    #[error("strconv.ParseInt: parsing {0:?}: value out of range")]
    Range(String),
}

/// A whole number, decimal, with or without a sign.
pub(super) fn whole<T: FromStr>(text: &str) -> Result<T, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Syntax(text.to_owned()));
    }
    let number = text.parse().ok();
    number.ok_or_else(|| NumberError::Range(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_refused_as_by_go() {
        for (text, want) in [("3600", 3600), ("+07", 7), ("-0", 0), ("-5", -5)] {
            assert_eq!(whole::<i64>(text), Ok(want));
        }
        for text in [
            "", "+", "--1", "abc", " 1", "1 ", "1.5", "1_000", "0x10", "1e3", "１",
        ] {
            let want = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
            assert_eq!(whole::<i64>(text).unwrap_err().to_string(), want);
        }
        assert_eq!(
            whole::<i32>("2147483648").unwrap_err().to_string(),
            "strconv.ParseInt: parsing \"2147483648\": value out of range"
        );
        assert_eq!(whole("-9223372036854775808"), Ok(i64::MIN));
        assert!(whole::<i64>("9223372036854775808").is_err());
    }
}
