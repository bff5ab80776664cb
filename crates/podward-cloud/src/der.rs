//! The little of DER (X.690) that keys and certificates need here.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const SEQUENCE: u8 = 0x30;

/// An element with its tag and length.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len().to_be_bytes();
    let digits: Vec<u8> = length
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    match (digits.as_slice(), u8::try_from(digits.len())) {
        ([], _) => out.push(0),
        ([one], _) if *one < 0x80 => out.push(*one),
        (digits, Ok(count)) => {
            out.push(0x80 | count);
            out.extend_from_slice(digits);
        }
        // a length has eight digits at most
        (_, Err(_)) => {}
    }
    out.extend_from_slice(content);
    out
}

/// A number that is not negative, of its big-endian digits.
pub(crate) fn integer(digits: &[u8]) -> Vec<u8> {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let bare = digits.get(zeros..).unwrap_or_default();
    let content = match bare.first() {
        Some(first) if *first < 0x80 => bare.to_vec(),
        _ => [&[0], bare].concat(),
    };
    element(INTEGER, &content)
}

/// The content of the first element, which must have the tag, and what follows it.
pub(crate) fn read(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, content, rest) = any(der)?;
    (first == tag).then_some((content, rest))
}

/// Tag and content of the first element, and what follows it.
pub(crate) fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        let length = digits.iter().try_fold(0_usize, |sum, digit| {
            sum.checked_mul(256)?.checked_add(usize::from(*digit))
        });
        (length?, rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let der = [element(SEQUENCE, &content), vec![9]].concat();
            assert_eq!(
                read(&der, SEQUENCE),
                Some((content.as_slice(), [9].as_slice()))
            );
        }
        assert_eq!(integer(&[0, 0]), [2, 1, 0]);
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[1, 0]), [2, 2, 1, 0]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }

    #[test]
    fn what_breaks_off_is_nothing() {
        for der in [
            &[][..],
            &[0x30],
            &[0x30, 2, 1],
            &[0x30, 0x82, 1],
            &[0x30, 0xff, 1],
        ] {
            assert_eq!(read(der, SEQUENCE), None, "{der:?}");
        }
    }
}
