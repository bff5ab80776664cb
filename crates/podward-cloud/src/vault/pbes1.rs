//! How PKCS#12 files were encrypted before PBES2 (RFC 7292, B and C): 3DES and RC2. Such files are read, and none is
//! written.

use aws_lc_rs::digest::{self, Context};
use des::TdesEde3;
use des::cipher::{Block, BlockCipherDecrypt, KeyInit};
use rc2::Rc2;
use zeroize::Zeroizing;

/// Beginning of the names of these ways; the last byte tells which.
pub(super) const FAMILY: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];
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
        3 => {
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
