//! What the extensions of a certificate say that a policy can say too (RFC 5280, 4.2.1).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::der::{self, SEQUENCE};

const OID: u8 = 0x06;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const EXTENDED: &[u8] = &[0x55, 0x1d, 0x25];
const CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const BOOLEAN: u8 = 0x01;
/// User principal name.
const UPN: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03];
/// Key usages, in the order of their bits.
const USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

/// What is read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) usages: Vec<String>,
    /// Object identifiers.
    pub(super) ekus: Vec<String>,
    pub(super) dns: Vec<String>,
    pub(super) emails: Vec<String>,
    pub(super) upns: Vec<String>,
    pub(super) uris: Vec<String>,
    pub(super) addresses: Vec<String>,
    /// Whether it is the certificate of a CA.
    pub(super) ca: bool,
}

/// Reads a list of extensions; what cannot be read is left out.
pub(super) fn read(mut list: &[u8]) -> Extensions {
    let mut found = Extensions::default();
    while let Some((extension, rest)) = der::read(list, SEQUENCE) {
        list = rest;
        let Some((name, rest)) = der::read(extension, OID) else {
            continue;
        };
        let value = der::read(rest, OCTETS).or_else(|| {
            let (_, _critical, rest) = der::any(rest)?;
            der::read(rest, OCTETS)
        });
        let Some((value, _)) = value else { continue };
        match name {
            KEY_USAGE => found.usages = usages(value).unwrap_or_default(),
            EXTENDED => found.ekus = ekus(value).unwrap_or_default(),
            NAMES => names(value, &mut found),
            CONSTRAINTS => {
                let ca = der::read(value, SEQUENCE).and_then(|(list, _)| der::read(list, BOOLEAN));
                found.ca = ca.is_some_and(|(ca, _)| ca != [0]);
            }
            _ => {}
        }
    }
    found
}

fn usages(value: &[u8]) -> Option<Vec<String>> {
    let (bits, _) = der::read(value, BITS)?;
    let bits = bits.get(1..)?;
    let set = |at: usize| {
        let byte = bits.get(at / 8).copied().unwrap_or_default();
        byte & (0x80 >> (at % 8)) != 0
    };
    let named = USAGES.iter().enumerate().filter(|(at, _)| set(*at));
    Some(named.map(|(_, name)| (*name).to_owned()).collect())
}

fn ekus(value: &[u8]) -> Option<Vec<String>> {
    let (mut list, _) = der::read(value, SEQUENCE)?;
    let mut all = Vec::new();
    while let Some((name, rest)) = der::read(list, OID) {
        list = rest;
        all.extend(dotted(name));
    }
    Some(all)
}

/// An object identifier as text.
fn dotted(bytes: &[u8]) -> Option<String> {
    let mut arcs = Vec::new();
    let mut arc = 0_u64;
    for byte in bytes {
        arc = arc.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            if arcs.is_empty() {
                let first = (arc / 40).min(2);
                arcs.push(first.to_string());
                arc -= first * 40;
            }
            arcs.push(std::mem::take(&mut arc).to_string());
        }
    }
    Some(arcs.join("."))
}

fn names(value: &[u8], found: &mut Extensions) {
    let Some((mut list, _)) = der::read(value, SEQUENCE) else {
        return;
    };
    while let Some((tag, content, rest)) = der::any(list) {
        list = rest;
        let text = || String::from_utf8_lossy(content).into_owned();
        match tag {
            0x81 => found.emails.push(text()),
            0x82 => found.dns.push(text()),
            0x86 => found.uris.push(text()),
            0x87 => found.addresses.extend(address(content)),
            0xa0 => {
                let upn = || {
                    let (kind, rest) = der::read(content, OID)?;
                    let (value, _) = der::read(rest, 0xa0)?;
                    let (_, text, _) = der::any(value)?;
                    (kind == UPN).then(|| String::from_utf8_lossy(text).into_owned())
                };
                found.upns.extend(upn());
            }
            _ => {}
        }
    }
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(sixteen).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_with_dots() {
        assert_eq!(
            dotted(&[0x2b, 6, 1, 5, 5, 7, 3, 1]).unwrap(),
            "1.3.6.1.5.5.7.3.1"
        );
        assert_eq!(dotted(&[0x55, 0x1d, 0x25]).unwrap(), "2.5.29.37");
        assert_eq!(dotted(&[0x88, 0x37]).unwrap(), "2.999");
    }

    #[test]
    fn damaged_extensions_say_nothing() {
        for bytes in [&[0x30_u8, 0x05, 0x06][..], &[0x30, 0x00], &[0xff; 9]] {
            assert_eq!(read(bytes), Extensions::default());
        }
    }
}
