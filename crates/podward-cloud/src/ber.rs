//! BER (X.690) as DER readers take it: lengths that are known only at their end, and octets in several parts, are told in
//! one piece. BouncyCastle writes PKCS#12 so.

use zeroize::Zeroizing;

use crate::der;

const OCTETS: u8 = 0x04;
/// Of a tag: it holds elements.
const CONSTRUCTED: u8 = 0x20;
/// Octets in several parts.
const PARTS: u8 = OCTETS | CONSTRUCTED;
/// A length that is known only at the end of the content.
const INDEFINITE: u8 = 0x80;
/// What ends such a content.
const END: &[u8] = &[0, 0];
/// Most elements in one another: PKCS#12 has about ten.
const DEEPEST: usize = 32;

/// The first element with definite lengths, and octets in one part; `None` where it breaks off, or is too deep. What
/// octets hold stays as it is.
pub(crate) fn definite(ber: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    element(ber, DEEPEST).map(|(der, _)| der)
}

/// Octets that stand in several parts, as the content of an element with a tag of its own.
pub(crate) fn joined(mut parts: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::with_capacity(parts.len());
    while !parts.is_empty() {
        let (octets, rest) = der::read(parts, OCTETS)?;
        all.extend_from_slice(octets);
        parts = rest;
    }
    Some(all)
}

fn element(ber: &[u8], depth: usize) -> Option<(Zeroizing<Vec<u8>>, &[u8])> {
    let (tag, [length, content @ ..]) = ber.split_first()? else {
        return None;
    };
    if tag & CONSTRUCTED == 0 {
        let (tag, content, rest) = der::any(ber).filter(|_| *length != INDEFINITE)?;
        return Some((Zeroizing::new(der::element(tag, content)), rest));
    }
    let depth = depth.checked_sub(1)?;
    let mut whole = Zeroizing::new(Vec::new());
    let mut take = |children| {
        let (child, rest) = element(children, depth)?;
        // the parts of octets may have parts themselves, which are one by now
        let kept = match *tag {
            PARTS => der::read(&child, OCTETS)?.0,
            _ => &child,
        };
        whole.extend_from_slice(kept);
        Some(rest)
    };
    let rest = if *length == INDEFINITE {
        let mut children = content;
        loop {
            if let Some(rest) = children.strip_prefix(END) {
                break rest;
            }
            children = take(children)?;
        }
    } else {
        let (_, mut children, rest) = der::any(ber)?;
        while !children.is_empty() {
            children = take(children)?;
        }
        rest
    };
    let tag = if *tag == PARTS { OCTETS } else { *tag };
    Some((Zeroizing::new(der::element(tag, &whole)), rest))
}

/// The same element as BouncyCastle would write it: indefinite lengths, and octets in parts.
#[cfg(test)]
pub(crate) fn indefinite(der: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = der;
    while let Some((tag, content, more)) = der::any(rest) {
        rest = more;
        if tag & CONSTRUCTED != 0 {
            all.extend([&[tag, INDEFINITE], indefinite(content).as_slice(), END].concat());
        } else if tag == OCTETS {
            let parts = content.chunks(100).map(|part| der::element(OCTETS, part));
            let parts: Vec<u8> = parts.flatten().collect();
            all.extend([&[PARTS, INDEFINITE], parts.as_slice(), END].concat());
        } else {
            all.extend(der::element(tag, content));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::SEQUENCE;

    #[test]
    fn what_ends_by_a_mark_is_told_by_its_length() {
        let octets = der::element(OCTETS, &[7; 250]);
        let inner = der::element(0xa0, &octets);
        let der = der::element(SEQUENCE, &[der::integer(&[0]), inner].concat());
        let ber = [indefinite(&der), vec![9]].concat();
        assert_ne!(ber, der);
        assert_eq!(definite(&ber).as_deref(), Some(&der));
        assert_eq!(definite(&der).as_deref(), Some(&der));
        for end in 0..ber.len() - 1 {
            assert_eq!(definite(&ber[..end]), None, "{end}");
        }
        let parts = [der::element(OCTETS, &[1, 2]), der::element(OCTETS, &[3])].concat();
        assert_eq!(joined(&parts), Some(vec![1, 2, 3]));
        assert_eq!(joined(&der::integer(&[1])), None);
    }

    #[test]
    fn what_is_too_deep_or_wrong_is_nothing() {
        let nested = |depth| [[SEQUENCE, INDEFINITE].repeat(depth), END.repeat(depth)].concat();
        assert!(definite(&nested(DEEPEST)).is_some());
        assert!(definite(&nested(DEEPEST + 1)).is_none());
        assert!(definite(&[SEQUENCE, INDEFINITE].repeat(100_000)).is_none());
        // only what holds elements may end by a mark, and octets hold nothing but octets
        assert!(definite(&[OCTETS, INDEFINITE, 0, 0]).is_none());
        assert!(definite(&[PARTS, 3, 2, 1, 0]).is_none());
    }
}
