//! Texts that stand for something else: quantities and base64.

/// Whether a text is a quantity such as `500m`, `1.5Gi` or `1e3`.
pub(super) fn is_quantity(text: &str) -> bool {
    let text = text.trim();
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at_checked(digits).unwrap_or((text, ""));
    if number.bytes().filter(|b| *b == b'.').count() > 1
        || !number.bytes().any(|b| b.is_ascii_digit())
    {
        return false;
    }
    const SUFFIXES: &[&str] = &[
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    SUFFIXES.contains(&suffix)
        || suffix
            .strip_prefix(['e', 'E'])
            .is_some_and(|exponent| exponent.parse::<i32>().is_ok())
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
    fn quantities_have_a_number_and_a_known_unit() {
        for good in ["0", "500m", "1.5Gi", "1e3", "-1", ".5", "1E", "12E-2", "5."] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "Gi", "1GB", "1 Gi", "1.2.3", "abc", "1mi", "e3"] {
            assert!(!is_quantity(bad), "{bad}");
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
