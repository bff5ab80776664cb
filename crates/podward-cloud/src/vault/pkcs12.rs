//! PKCS#12 (RFC 7292): written as a vault hands it out; read with AES (PBES2), as tools of today write it, and with
//! 3DES and RC2, as those of yesterday and Windows do.

mod write;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm as AesAlgorithm, DecryptionContext,
    PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest::{self, Context};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2};
use zeroize::Zeroizing;

use super::pbes1;
use crate::ber;
use crate::der::{self, INTEGER, SEQUENCE};
pub(super) use write::write;

const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const NULL: u8 = 0x05;
const SET: u8 = 0x31;
/// `[0]`, constructed.
const TAGGED: u8 = 0xa0;
/// `[0]`, primitive.
const TAGGED_OCTETS: u8 = 0x80;

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const KEY_BAG: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01,
];
const SHROUDED_KEY_BAG: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02,
];
const CERTIFICATE_BAG: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03,
];
const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const LOCAL_KEY_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x15];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const SHA1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SHA384: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
const SHA512: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
/// Beginning of the names of HMAC with a hash; the last byte tells which.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// Beginning of the names of AES; the last byte tells key length and mode.
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// Most rounds that are worked on: files of today have some hundred thousand.
const MOST_ROUNDS: u64 = 2_000_000;

/// What a file holds.
#[derive(Default)]
pub(super) struct Contents {
    /// Private keys (RFC 5208).
    pub(super) keys: Vec<Zeroizing<Vec<u8>>>,
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Why a file cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is none.
    Malformed,
    /// The password is another.
    Password,
    /// It is encrypted in a way that is out of use.
    Cipher,
}

/// The MAC of a file (RFC 7292, B): its key is as long as the hash, so one block of the derivation is enough.
fn mac(
    hash: &'static digest::Algorithm,
    algorithm: hmac::Algorithm,
    password: &str,
    salt: &[u8],
    rounds: u64,
    data: &[u8],
) -> hmac::Tag {
    let block = hash.block_len();
    let filled = |bytes: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = bytes.len().div_ceil(block) * block;
        Zeroizing::new(bytes.iter().copied().cycle().take(length).collect())
    };
    let units = password.encode_utf16().chain([0]);
    let password: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    let mut context = Context::new(hash);
    context.update(&vec![3; block]);
    context.update(&filled(salt));
    context.update(&filled(&password));
    let mut derived = context.finish();
    for _ in 1..rounds {
        derived = digest::digest(hash, derived.as_ref());
    }
    hmac::sign(&hmac::Key::new(algorithm, derived.as_ref()), data)
}

fn number(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| sum.checked_mul(256)?.checked_add(u64::from(*digit));
    digits.iter().try_fold(0, add)
}

/// Reads a file. One without a MAC is read as well: it has no password.
pub(super) fn read(file: &[u8], password: &str) -> Result<Contents, Unreadable> {
    let malformed = Unreadable::Malformed;
    // the MAC is of the octets as they are: what they hold is made definite by itself
    let file = ber::definite(file).ok_or(malformed)?;
    let (pfx, _) = der::read(&file, SEQUENCE).ok_or(malformed)?;
    let (_, rest) = der::read(pfx, INTEGER).ok_or(malformed)?;
    let (info, mac) = der::read(rest, SEQUENCE).ok_or(malformed)?;
    let safe = data_of(info).ok_or(malformed)?;
    if !mac.is_empty() && !proven(mac, safe, password).ok_or(malformed)? {
        return Err(Unreadable::Password);
    }
    let safe = ber::definite(safe).ok_or(malformed)?;
    let (mut infos, _) = der::read(&safe, SEQUENCE).ok_or(malformed)?;
    let mut contents = Contents::default();
    while let Some((info, rest)) = der::read(infos, SEQUENCE) {
        infos = rest;
        match data_of(info) {
            Some(bags) => bags_of(bags, password, &mut contents)?,
            None => bags_of(&encrypted(info, password)?, password, &mut contents)?,
        }
    }
    Ok(contents)
}

/// The octets of a ContentInfo of type data.
fn data_of(info: &[u8]) -> Option<&[u8]> {
    let (kind, rest) = der::read(info, OID)?;
    let (content, _) = der::read(rest, TAGGED)?;
    (kind == DATA)
        .then(|| der::read(content, OCTETS))?
        .map(|(octets, _)| octets)
}

/// Whether the MAC is that of the password; `None` where it is malformed.
fn proven(mac_data: &[u8], safe: &[u8], password: &str) -> Option<bool> {
    let (mac_data, _) = der::read(mac_data, SEQUENCE)?;
    let (info, rest) = der::read(mac_data, SEQUENCE)?;
    let (salt, rest) = der::read(rest, OCTETS)?;
    let rounds = match der::read(rest, INTEGER) {
        Some((digits, _)) => number(digits)?,
        None => 1,
    };
    let (algorithm, tag) = der::read(info, SEQUENCE)?;
    let (name, _) = der::read(algorithm, OID)?;
    let (tag, _) = der::read(tag, OCTETS)?;
    let (hash, algorithm) = match name {
        SHA1 => (
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        ),
        SHA256 => (&digest::SHA256, hmac::HMAC_SHA256),
        SHA384 => (&digest::SHA384, hmac::HMAC_SHA384),
        SHA512 => (&digest::SHA512, hmac::HMAC_SHA512),
        _ => return None,
    };
    if rounds == 0 || rounds > MOST_ROUNDS {
        return None;
    }
    let computed = mac(hash, algorithm, password, salt, rounds, safe);
    Some(aws_lc_rs::constant_time::verify_slices_are_equal(computed.as_ref(), tag).is_ok())
}

/// The decrypted octets of a ContentInfo of type encrypted data.
fn encrypted(info: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let parts = || {
        let (kind, rest) = der::read(info, OID)?;
        let (content, _) = der::read(rest, TAGGED)?;
        let (content, _) = der::read(content, SEQUENCE)?;
        let (_version, rest) = der::read(content, INTEGER)?;
        let (content, _) = der::read(rest, SEQUENCE)?;
        let (_kind, rest) = der::read(content, OID)?;
        let (algorithm, rest) = der::read(rest, SEQUENCE)?;
        let octets = match der::any(rest)? {
            (TAGGED_OCTETS, octets, _) => octets.to_vec(),
            (TAGGED, parts, _) => ber::joined(parts)?,
            _ => return None,
        };
        (kind == ENCRYPTED_DATA).then_some((algorithm, octets))
    };
    let (algorithm, octets) = parts().ok_or(Unreadable::Malformed)?;
    decrypt(algorithm, &octets, password)
}

/// Decrypts with PBES2 (RFC 8018, 6.2).
fn decrypt(
    algorithm: &[u8],
    octets: &[u8],
    password: &str,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let malformed = Unreadable::Malformed;
    let (name, parameters) = der::read(algorithm, OID).ok_or(malformed)?;
    if let Some([way]) = name.strip_prefix(pbes1::FAMILY) {
        return of_old(*way, parameters, octets, password);
    }
    if name != PBES2 {
        return Err(Unreadable::Cipher);
    }
    let parts = || {
        let (parameters, _) = der::read(parameters, SEQUENCE)?;
        let (derivation, rest) = der::read(parameters, SEQUENCE)?;
        let (cipher, _) = der::read(rest, SEQUENCE)?;
        let (function, rest) = der::read(derivation, OID)?;
        let (derivation, _) = der::read(rest, SEQUENCE)?;
        let (salt, rest) = der::read(derivation, OCTETS)?;
        let (rounds, rest) = der::read(rest, INTEGER)?;
        let rest = der::read(rest, INTEGER).map_or(rest, |(_length, rest)| rest);
        let hash = match der::read(rest, SEQUENCE) {
            Some((hash, _)) => *der::read(hash, OID)?.0.strip_prefix(HMAC)?.first()?,
            None => 7,
        };
        let (cipher, rest) = der::read(cipher, OID)?;
        let (iv, _) = der::read(rest, OCTETS)?;
        Some((function, salt, number(rounds)?, hash, cipher, iv))
    };
    let (function, salt, rounds, hash, cipher, iv) = parts().ok_or(malformed)?;
    let hash = match hash {
        7 => pbkdf2::PBKDF2_HMAC_SHA1,
        9 => pbkdf2::PBKDF2_HMAC_SHA256,
        10 => pbkdf2::PBKDF2_HMAC_SHA384,
        11 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(Unreadable::Cipher),
    };
    let (cipher, length): (&'static AesAlgorithm, usize) = match cipher.strip_prefix(AES) {
        Some([2]) => (&AES_128, 16),
        Some([22]) => (&AES_192, 24),
        Some([42]) => (&AES_256, 32),
        _ => return Err(Unreadable::Cipher),
    };
    let rounds = u32::try_from(rounds)
        .ok()
        .filter(|rounds| u64::from(*rounds) <= MOST_ROUNDS);
    let rounds = rounds
        .and_then(std::num::NonZeroU32::new)
        .ok_or(malformed)?;
    if function != PBKDF2 {
        return Err(Unreadable::Cipher);
    }
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(hash, rounds, salt, password.as_bytes(), &mut key);
    let iv = FixedLength::<16>::try_from(iv).map_err(|_length| malformed)?;
    let mut out = Zeroizing::new(octets.to_vec());
    // what does not decrypt was encrypted with another password
    let wrong = |_unspecified| Unreadable::Password;
    let key = UnboundCipherKey::new(cipher, &key).map_err(wrong)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
    let written = key
        .decrypt(&mut out, DecryptionContext::Iv128(iv))
        .map_err(wrong)?
        .len();
    out.truncate(written);
    Ok(out)
}

/// Decrypts as it was done before PBES2.
fn of_old(
    way: u8,
    parameters: &[u8],
    octets: &[u8],
    password: &str,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    if !pbes1::knows(way) {
        return Err(Unreadable::Cipher);
    }
    let parts = || {
        let (parameters, _) = der::read(parameters, SEQUENCE)?;
        let (salt, rest) = der::read(parameters, OCTETS)?;
        let (rounds, _) = der::read(rest, INTEGER)?;
        let rounds = number(rounds).filter(|rounds| (1..=MOST_ROUNDS).contains(rounds))?;
        Some((salt, rounds))
    };
    let how = parts().ok_or(Unreadable::Malformed)?;
    pbes1::decrypt(way, how, octets, password).ok_or(Unreadable::Password)
}

fn bags_of(contents: &[u8], password: &str, out: &mut Contents) -> Result<(), Unreadable> {
    let malformed = Unreadable::Malformed;
    let contents = ber::definite(contents).ok_or(malformed)?;
    let (mut bags, _) = der::read(&contents, SEQUENCE).ok_or(malformed)?;
    while let Some((bag, rest)) = der::read(bags, SEQUENCE) {
        bags = rest;
        let (kind, rest) = der::read(bag, OID).ok_or(malformed)?;
        let (value, _) = der::read(rest, TAGGED).ok_or(malformed)?;
        match kind {
            KEY_BAG => out.keys.push(Zeroizing::new(value.to_vec())),
            SHROUDED_KEY_BAG => {
                let (info, _) = der::read(value, SEQUENCE).ok_or(malformed)?;
                let (algorithm, rest) = der::read(info, SEQUENCE).ok_or(malformed)?;
                let (octets, _) = der::read(rest, OCTETS).ok_or(malformed)?;
                out.keys.push(decrypt(algorithm, octets, password)?);
            }
            CERTIFICATE_BAG => {
                let parts = || {
                    let (bag, _) = der::read(value, SEQUENCE)?;
                    let (kind, rest) = der::read(bag, OID)?;
                    let (octets, _) = der::read(rest, TAGGED)?;
                    let (certificate, _) = der::read(octets, OCTETS)?;
                    (kind == X509).then(|| certificate.to_vec())
                };
                out.certificates.push(parts().ok_or(malformed)?);
            }
            // friendly names, CRLs and secrets are no concern of a vault
            _ => {}
        }
    }
    Ok(())
}
