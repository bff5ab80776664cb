//! The file that a vault hands out, as the recorded service writes it: encrypted with 3DES, an empty password and a MAC
//! of SHA-1. Java and Go's x/crypto read this form, and no plain one.

use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use super::super::pbes1;
use super::{
    CERTIFICATE_BAG, DATA, ENCRYPTED_DATA, LOCAL_KEY_ID, NULL, OCTETS, OID, SET, SHA1,
    SHROUDED_KEY_BAG, TAGGED, TAGGED_OCTETS, X509, mac,
};
use crate::der::{self, INTEGER, SEQUENCE};

/// Rounds of each derivation.
const ROUNDS: u32 = 2000;
/// Empty: it still counts, as the two zero bytes that end it (RFC 7292, B.1).
const PASSWORD: &str = "";

/// What makes each derivation another: of the key, of the certificates, and of the MAC.
pub(in crate::vault) type Salts = [[u8; 8]; 3];

fn oid(name: &[u8]) -> Vec<u8> {
    der::element(OID, name)
}

fn sequence(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let content = Zeroizing::new(parts.concat());
    Zeroizing::new(der::element(SEQUENCE, &content))
}

fn tagged(content: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(der::element(TAGGED, content))
}

fn octets(content: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(der::element(OCTETS, content))
}

/// A file of a key and certificates, of which `at` is the place of the key's own; its password is empty. `None` where
/// the machine cannot encrypt it.
pub(in crate::vault) fn write(
    key: Option<&[u8]>,
    certificates: &[&[u8]],
    at: usize,
    [of_key, of_certificates, of_mac]: Salts,
) -> Option<Zeroizing<Vec<u8>>> {
    let id = sequence(&[
        &oid(LOCAL_KEY_ID),
        &der::element(SET, &octets(&[1, 0, 0, 0])),
    ]);
    let own = der::element(SET, &id);
    let mut contents = Zeroizing::new(Vec::new());
    if let Some(key) = key {
        let (algorithm, encrypted) = shrouded(key, &of_key)?;
        let value = tagged(&sequence(&[&algorithm, &octets(&encrypted)]));
        let bag = sequence(&[&oid(SHROUDED_KEY_BAG), &value, &own]);
        contents.extend_from_slice(&data(&sequence(&[&bag])));
    }
    let mut bags = Vec::new();
    for (place, certificate) in certificates.iter().enumerate() {
        let value = tagged(&sequence(&[&oid(X509), &tagged(&octets(certificate))]));
        let is_own = place == at && key.is_some();
        let attributes = if is_own { own.as_slice() } else { &[] };
        bags.extend_from_slice(&sequence(&[&oid(CERTIFICATE_BAG), &value, attributes]));
    }
    let (algorithm, encrypted) = shrouded(&sequence(&[&bags]), &of_certificates)?;
    let encrypted = der::element(TAGGED_OCTETS, &encrypted);
    let content = sequence(&[&oid(DATA), &algorithm, &encrypted]);
    let version = der::element(INTEGER, &[0]);
    let content = tagged(&sequence(&[&version, &content]));
    contents.extend_from_slice(&sequence(&[&oid(ENCRYPTED_DATA), &content]));
    let safe = sequence(&[&contents]);
    let tag = mac(
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        PASSWORD,
        &of_mac,
        ROUNDS.into(),
        &safe,
    );
    let hash = sequence(&[&oid(SHA1), &der::element(NULL, &[])]);
    let info = sequence(&[&hash, &octets(tag.as_ref())]);
    let rounds = der::integer(&ROUNDS.to_be_bytes());
    let mac = sequence(&[&info, &octets(&of_mac), &rounds]);
    Some(sequence(&[&der::integer(&[3]), &data(&safe), &mac]))
}

/// A ContentInfo of type data.
fn data(content: &[u8]) -> Zeroizing<Vec<u8>> {
    sequence(&[&oid(DATA), &tagged(&octets(content))])
}

/// The way of an encryption, and what it makes (pbeWithSHAAnd3-KeyTripleDES-CBC).
fn shrouded(octets_of: &[u8], salt: &[u8]) -> Option<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    let rounds = der::integer(&ROUNDS.to_be_bytes());
    let parameters = sequence(&[&octets(salt), &rounds]);
    let name = [pbes1::FAMILY, &[pbes1::TRIPLE_DES]].concat();
    let algorithm = sequence(&[&oid(&name), &parameters]);
    let encrypted = pbes1::encrypt((salt, ROUNDS.into()), octets_of, PASSWORD)?;
    Some((algorithm, encrypted))
}

#[cfg(test)]
mod tests {
    use super::super::{Unreadable, read};
    use super::*;

    const SALTS: Salts = [[7; 8], [8; 8], [9; 8]];

    #[test]
    fn what_is_written_is_read_with_an_empty_password_alone() {
        let (key, leaf, ca) = ([0x30, 0], [0x30, 1, 5], [0x30, 1, 6]);
        let file = write(Some(&key), &[&leaf, &ca], 0, SALTS).unwrap();
        let contents = read(&file, "").ok().unwrap();
        assert_eq!(contents.keys.len(), 1);
        assert_eq!(contents.keys[0].as_slice(), key);
        assert_eq!(contents.certificates, [leaf, ca]);
        assert_eq!(read(&file, "x").err(), Some(Unreadable::Password));
        for end in 0..file.len() {
            assert!(read(&file[..end], "").is_err(), "{end}");
        }
        let mut other = file.to_vec();
        other[60] ^= 1;
        assert!(read(&other, "").is_err());
    }

    #[test]
    fn a_file_may_be_written_with_indefinite_lengths() {
        let (key, leaf) = ([0x30, 0], [0x30, 1, 5]);
        let file = write(Some(&key), &[&leaf], 0, SALTS).unwrap();
        let file = crate::ber::indefinite(&file);
        let contents = read(&file, "").ok().unwrap();
        assert_eq!(contents.keys[0].as_slice(), key);
        assert_eq!(contents.certificates, [leaf]);
    }

    #[test]
    fn certificates_may_be_alone_in_a_file() {
        let leaf = [0x30, 1, 5];
        let file = write(None, &[&leaf], 0, SALTS).unwrap();
        let contents = read(&file, "").ok().unwrap();
        assert!(contents.keys.is_empty());
        assert_eq!(contents.certificates, [leaf]);
    }

    #[test]
    fn key_and_certificates_are_as_the_recorded_service_has_them() {
        let (key, leaf) = (b"the private key", b"the certificate");
        let file = write(Some(key), &[leaf], 0, SALTS).unwrap();
        let has = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
        assert!(!has(key) && !has(leaf));
        assert!(has(SHROUDED_KEY_BAG) && has(ENCRYPTED_DATA) && has(SHA1));
        assert!(has(&[pbes1::FAMILY, &[3]].concat()));
        assert!(has(&[LOCAL_KEY_ID, &[0x31, 6, 4, 4, 1, 0, 0, 0]].concat()));
    }
}
