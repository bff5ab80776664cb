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

/// Reads a time of RFC 3339, as Go does. The error is Go's.
pub(super) fn time(text: &str) -> Result<(), String> {
    let stuck = |rest: &str, wanted: &str| {
        Err(format!(
            "parsing time {text:?} as \"2006-01-02T15:04:05Z07:00\": cannot parse {rest:?} as {wanted:?}"
        ))
    };
    let outside = |what: &str| Err(format!("parsing time {text:?}: {what} out of range"));
    let mut rest = text;
    let mut numbers = [0_u32; 6];
    let parts = [
        ("", "2006"),
        ("-", "01"),
        ("-", "02"),
        ("T", "15"),
        (":", "04"),
        (":", "05"),
    ];
    for ((before, wanted), number) in parts.into_iter().zip(&mut numbers) {
        let Some(after) = rest.strip_prefix(before) else {
            return stuck(rest, before);
        };
        rest = after;
        let Some((digits, after)) = rest.split_at_checked(wanted.len()) else {
            return stuck(rest, wanted);
        };
        let Some(read) = whole(digits) else {
            return stuck(rest, wanted);
        };
        rest = after;
        *number = read;
        let limits = match wanted {
            "01" => ("month", 1..=12),
            "15" => ("hour", 0..=23),
            "04" => ("minute", 0..=59),
            "05" => ("second", 0..=59),
            _ => continue,
        };
        if !limits.1.contains(&read) {
            return outside(limits.0);
        }
    }
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() < fraction.len() {
            rest = after;
        }
    }
    let zone_at = rest;
    if let Some(after) = rest.strip_prefix('Z') {
        rest = after;
    } else {
        let zone = rest.strip_prefix(['+', '-']).and_then(|zone| {
            let (hours, zone) = zone.split_at_checked(2)?;
            let (minutes, after) = zone.strip_prefix(':')?.split_at_checked(2)?;
            (whole(hours)? <= 24 && whole(minutes)? < 60).then_some(after)
        });
        let Some(after) = zone else {
            return stuck(zone_at, "Z07:00");
        };
        rest = after;
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {text:?}: extra text: {rest:?}"));
    }
    let [year, month, day, ..] = numbers;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if (1..=days).contains(&day) {
        Ok(())
    } else {
        outside("day")
    }
}

/// A number of digits alone.
fn whole(digits: &str) -> Option<u32> {
    let all = digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().ok()).flatten()
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
    fn times_are_those_of_rfc_3339() {
        for good in ["2024-02-29T23:59:59Z", "2023-01-01T00:00:00.5+02:00"] {
            assert_eq!(time(good), Ok(()), "{good}");
        }
        let said = |text: &str| time(text).unwrap_err();
        let form = "as \"2006-01-02T15:04:05Z07:00\": cannot parse";
        assert_eq!(
            said("x"),
            format!("parsing time \"x\" {form} \"x\" as \"2006\"")
        );
        assert_eq!(
            said("2024-01-01"),
            format!("parsing time \"2024-01-01\" {form} \"\" as \"T\"")
        );
        assert_eq!(
            said("2024-01-01T00:00:00"),
            format!("parsing time \"2024-01-01T00:00:00\" {form} \"\" as \"Z07:00\"")
        );
        assert_eq!(
            said("2023-02-29T00:00:00Z"),
            "parsing time \"2023-02-29T00:00:00Z\": day out of range"
        );
        assert!(said("2023-13-01T00:00:00Z").ends_with("month out of range"));
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
