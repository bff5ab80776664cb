//! Texts that stand for something else: quantities and base64.

/// What Kubernetes says of a text that is no quantity.
const FORM: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const SUFFIX: &str = "unable to parse quantity's suffix";

const SUFFIXES: &[&str] = &[
    "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
];

/// Reads a quantity such as `500m`, `1.5Gi` or `1e3`, as Kubernetes does: a number that is left
/// away is 0. The error is the server's.
pub(super) fn quantity(text: &str) -> Result<(), &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err(FORM);
    }
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let rest = rest.get(digits(rest)..).unwrap_or_default();
    let suffix = match rest.strip_prefix('.') {
        Some(fraction) => fraction.get(digits(fraction)..).unwrap_or_default(),
        None => rest,
    };
    let unit = suffix.trim_start_matches(|c| "eEinumkKMGTP".contains(c));
    let exponent = unit.strip_prefix(['+', '-']).unwrap_or(unit);
    if digits(exponent) != exponent.len() {
        return Err(FORM);
    }
    let known = SUFFIXES.contains(&suffix)
        || suffix
            .strip_prefix(['e', 'E'])
            .is_some_and(|exponent| exponent.parse::<i64>().is_ok());
    if known { Ok(()) } else { Err(SUFFIX) }
}

/// Whether a text is base64 as Kubernetes reads it: the standard alphabet, padded, lines allowed.
pub(super) fn is_base64(text: &str) -> bool {
    let (mut length, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes().filter(|b| !matches!(b, b'\r' | b'\n')) {
        match byte {
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {}
            _ => return false,
        }
        length += 1;
    }
    length % 4 == 0 && padding <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_a_known_unit() {
        for good in [
            "0", "500m", "1.5Gi", "1e3", "-1", ".5", "1E", "12E-2", "5.", "Gi",
        ] {
            assert_eq!(quantity(good), Ok(()), "{good}");
        }
        for bad in ["", "1GB", "1 Gi", "1.2.3", "abc", "true"] {
            assert_eq!(quantity(bad), Err(FORM), "{bad}");
        }
        for bad in ["1mi", "1Mii", "1e", "1k5"] {
            assert_eq!(quantity(bad), Err(SUFFIX), "{bad}");
        }
    }

    #[test]
    fn base64_is_padded() {
        for good in ["", "YQ==", "YWI=", "YWJj\nYWJj\n"] {
            assert!(is_base64(good), "{good}");
        }
        for bad in ["YQ", "YQ=", "Y===", "a-b_", "YQ==YQ==", "<secret>"] {
            assert!(!is_base64(bad), "{bad}");
        }
    }
}
