//! How PKCS#12 files were encrypted before PBES2 (RFC 7292, B and C): 3DES and RC2. Such files are read;
//! written are those with 3DES, as a vault hands them out.

use aws_lc_rs::digest::{self, Context};
use des::TdesEde3;
use des::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use rc2::Rc2;
use zeroize::Zeroizing;

/// Beginning of the names of these ways; the last byte tells which.
pub(super) const FAMILY: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];
/// The way with 3DES and three keys.
pub(super) const TRIPLE_DES: u8 = 3;
/// Bytes of a block of both ciphers.
const BLOCK: usize = 8;
/// Bytes of a block of SHA-1.
const HASHED: usize = 64;

/// What a derivation is for.
const FOR_KEY: u8 = 1;
const FOR_IV: u8 = 2;

/// Decrypts by the way of this number; `None` where that is none of them, or the password is another.
pub(super) fn decrypt(
    way: u8,
    (salt, rounds): (&[u8], u64),
    octets: &[u8],
    password: &str,
) -> Option<Zeroizing<Vec<u8>>> {
    let key = |bytes| derived(FOR_KEY, password, (salt, rounds), bytes);
    let iv = derived(FOR_IV, password, (salt, rounds), BLOCK);
    match way {
        TRIPLE_DES => {
            let cipher = TdesEde3::new_from_slice(&key(24)).ok()?;
            chained(&cipher, &iv, octets)
        }
        4 => {
            // two keys: the first one is the third as well
            let two = key(16);
            let first = two.get(..BLOCK)?;
            let three = Zeroizing::new([two.as_slice(), first].concat());
            chained(&TdesEde3::new_from_slice(&three).ok()?, &iv, octets)
        }
        5 => chained(&Rc2::new_with_eff_key_len(&key(16), 128), &iv, octets),
        6 => chained(&Rc2::new_with_eff_key_len(&key(5), 40), &iv, octets),
        _ => None,
    }
}

/// Encrypts with 3DES and three keys; `None` where the cipher refuses its key.
pub(super) fn encrypt(
    (salt, rounds): (&[u8], u64),
    octets: &[u8],
    password: &str,
) -> Option<Vec<u8>> {
    let key = derived(FOR_KEY, password, (salt, rounds), 24);
    let iv = derived(FOR_IV, password, (salt, rounds), BLOCK);
    let cipher = TdesEde3::new_from_slice(&key).ok()?;
    let mut last: [u8; BLOCK] = iv.as_slice().try_into().ok()?;
    let padding = BLOCK - octets.len() % BLOCK;
    let padding = std::iter::repeat_n(u8::try_from(padding).ok()?, padding);
    let padded: Zeroizing<Vec<u8>> =
        Zeroizing::new(octets.iter().copied().chain(padding).collect());
    let mut out = Vec::with_capacity(padded.len());
    for block in padded.chunks_exact(BLOCK) {
        for (last, byte) in last.iter_mut().zip(block) {
            *last ^= byte;
        }
        let mut closed = Block::<TdesEde3>::from(last);
        cipher.encrypt_block(&mut closed);
        last = closed.into();
        out.extend_from_slice(&last);
    }
    Some(out)
}

/// Whether there is a way of this number.
pub(super) const fn knows(way: u8) -> bool {
    matches!(way, 3..=6)
}

/// So many bytes of a password (RFC 7292, B.2), with SHA-1.
fn derived(
    what: u8,
    password: &str,
    (salt, rounds): (&[u8], u64),
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let units = password.encode_utf16().chain([0]);
    let password: Zeroizing<Vec<u8>> = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    let filled = |bytes: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = bytes.len().div_ceil(HASHED) * HASHED;
        Zeroizing::new(bytes.iter().copied().cycle().take(length).collect())
    };
    let mut input = filled(salt);
    input.extend_from_slice(&filled(&password));
    let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
    let mut out = Zeroizing::new(Vec::with_capacity(length + HASHED));
    while out.len() < length {
        let mut context = Context::new(hash);
        context.update(&[what; HASHED]);
        context.update(&input);
        let mut part = context.finish();
        for _ in 1..rounds {
            part = digest::digest(hash, part.as_ref());
        }
        out.extend_from_slice(part.as_ref());
        let repeated = part.as_ref().iter().cycle().take(HASHED);
        let repeated: Zeroizing<Vec<u8>> = Zeroizing::new(repeated.copied().collect());
        for block in input.chunks_exact_mut(HASHED) {
            let mut carry = 1;
            for (byte, more) in block.iter_mut().rev().zip(repeated.iter().rev()) {
                let [high, low] = (u16::from(*byte) + u16::from(*more) + carry).to_be_bytes();
                (*byte, carry) = (low, u16::from(high));
            }
        }
    }
    out.truncate(length);
    out
}

/// Undoes CBC and its padding.
fn chained<C>(cipher: &C, iv: &[u8], octets: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    C: BlockCipherDecrypt,
    Block<C>: From<[u8; BLOCK]> + Into<[u8; BLOCK]>,
{
    let mut last: [u8; BLOCK] = iv.try_into().ok()?;
    let mut out = Zeroizing::new(Vec::with_capacity(octets.len()));
    let blocks = octets.chunks_exact(BLOCK);
    if !blocks.remainder().is_empty() {
        return None;
    }
    for block in blocks {
        let block: [u8; BLOCK] = block.try_into().ok()?;
        let mut opened = Block::<C>::from(block);
        cipher.decrypt_block(&mut opened);
        let opened: Zeroizing<[u8; BLOCK]> = Zeroizing::new(opened.into());
        out.extend(opened.iter().zip(last).map(|(byte, last)| byte ^ last));
        last = block;
    }
    let padding = usize::from(*out.last()?);
    let kept = out.len().checked_sub(padding)?;
    let is_padding = (1..=BLOCK).contains(&padding)
        && out
            .get(kept..)?
            .iter()
            .all(|byte| usize::from(*byte) == padding);
    if !is_padding {
        return None;
    }
    out.truncate(kept);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_is_decrypted() {
        let how = ([7; 8].as_slice(), 3);
        for length in [0, 1, 7, 8, 9, 100] {
            let text = vec![5; length];
            let closed = encrypt(how, &text, "word").unwrap();
            assert!(closed.len() > length && closed.len().is_multiple_of(BLOCK));
            let opened = decrypt(TRIPLE_DES, how, &closed, "word").unwrap();
            assert_eq!(*opened, text);
        }
    }
}
