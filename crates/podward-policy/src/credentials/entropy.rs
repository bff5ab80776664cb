//! How random a text is.

/// Longest part of a value that is measured, bytes.
const MEASURED: usize = 256;

/// Bits of entropy of each byte, by how often each occurs.
pub(super) fn bits(text: &[u8]) -> f64 {
    let mut counts = [0_u16; 256];
    let mut length = 0_u16;
    for byte in text.iter().take(MEASURED) {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
        length += 1;
    }
    let length = f64::from(length);
    let share = counts.iter().filter(|count| **count > 0).map(|count| {
        let part = f64::from(*count) / length;
        -part * part.log2()
    });
    share.sum()
}

/// Which kinds of characters a text has.
pub(super) struct Mix {
    pub(super) lower: bool,
    pub(super) upper: bool,
    pub(super) digit: bool,
}

pub(super) fn mix(text: &[u8]) -> Mix {
    let any = |is: fn(&u8) -> bool| text.iter().any(is);
    Mix {
        lower: any(u8::is_ascii_lowercase),
        upper: any(u8::is_ascii_uppercase),
        digit: any(u8::is_ascii_digit),
    }
}

/// Whether a text looks drawn at random: letters and digits mixed, hardly any repeated, and no
/// words. Hexadecimal digits have less to choose from, so less is asked of them.
pub(super) fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mix = mix(bytes);
    let is_hex = bytes.iter().all(u8::is_ascii_hexdigit);
    let least = if is_hex { 3.0 } else { 3.5 };
    bytes.len() >= 16
        && mix.digit
        && (mix.lower || mix.upper)
        && bits(bytes) >= least
        && !is_name(text)
}

/// Words, as names of objects, files and fields are made of them.
pub(super) fn is_name(value: &str) -> bool {
    let mut parts = 0;
    let mut numbered = false;
    let all = value
        .split(['-', '_', '.', '/', ':', ' ', ','])
        .filter(|part| !part.is_empty())
        .all(|part| {
            parts += 1;
            let letters = part.bytes().take_while(u8::is_ascii_alphabetic).count();
            let digits = part
                .bytes()
                .skip(letters)
                .filter(u8::is_ascii_digit)
                .count();
            numbered |= digits > 0;
            // a word is not random, so it does not change its case again and again
            letters + digits == part.len() && digits < 4 && is_word(part)
        });
    all && (parts > 1 || !numbered)
}

/// Letters of one word or of words in camel case.
fn is_word(part: &str) -> bool {
    let bytes = part.as_bytes();
    let rises = bytes
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase()))
        .count();
    bytes.len() < 32 && rises * 4 <= bytes.len().max(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_not_random_and_keys_are() {
        assert!(!is_random("production-database-1"));
        assert!(!is_random("aaaaaaaaaaaaaaaaaaa1"));
        assert!(is_random("9f86d081884c7d659a2feaa0c55ad015"));
        assert!(is_random("q7Zt1LmX0vB4kD9sYw3R"));
    }
}
