//! Encryption of what is kept: AES-256-GCM, bound to the place it is kept at.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// Bytes that encryption adds: tag and nonce.
const ADDED: usize = 16 + NONCE_LEN;
/// What tells a later form from this one; part of every place.
const FORM: &[u8] = b"podward vault 1";
/// Of what the key of marks is made, beside the key.
const MARKS: &[u8] = b"podward vault marks 1";

/// What was sealed was changed, or moved, or sealed with another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Forged;

/// A key, ready for use.
pub(crate) struct Seal {
    key: RandomizedNonceKey,
    marks: hmac::Key,
}

impl Seal {
    /// The key of these 32 bytes.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let marks = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), MARKS);
        Some(Self {
            key: RandomizedNonceKey::new(&AES_256_GCM, bytes).ok()?,
            marks: hmac::Key::new(hmac::HMAC_SHA256, marks.as_ref()),
        })
    }

    /// A key that nobody knows, and that is gone with the process.
    pub(crate) fn random() -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(bytes.as_mut()).ok()?;
        Self::of(bytes.as_ref())
    }

    /// Encrypts what is to be kept at this place, over itself, with a random nonce.
    pub(crate) fn seal(&self, place: &[&str], mut plain: Zeroizing<Vec<u8>>) -> Option<Vec<u8>> {
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(address(place)), &mut *plain)
            .ok()?;
        let mut sealed = std::mem::take(&mut *plain);
        sealed.extend_from_slice(nonce.as_ref());
        Some(sealed)
    }

    /// Decrypts what was kept at this place.
    pub(crate) fn open(&self, place: &[&str], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Forged> {
        let end = sealed.len().checked_sub(NONCE_LEN).ok_or(Forged)?;
        let (content, nonce) = sealed.split_at_checked(end).ok_or(Forged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_length| Forged)?;
        let mut content = Zeroizing::new(content.to_vec());
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(address(place)), &mut content);
        let length = opened.map_err(|_forged| Forged)?.len();
        content.truncate(length);
        Ok(content)
    }

    /// A mark of a text that tells nothing of it: equal texts have equal marks.
    pub(crate) fn mark(&self, text: &[u8]) -> Vec<u8> {
        hmac::sign(&self.marks, text).as_ref().to_vec()
    }
}

fn address(place: &[&str]) -> Vec<u8> {
    let fields = place.iter().map(|part| part.as_bytes());
    let all: Vec<&[u8]> = std::iter::once(FORM).chain(fields).collect();
    pack(&all).to_vec()
}

/// Fields in one piece, with room for what encryption adds, so that no copy is left behind in memory.
pub(crate) fn pack(fields: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let size: usize = fields.iter().map(|field| field.len() + 4).sum();
    let mut packed = Zeroizing::new(Vec::with_capacity(size + ADDED));
    for field in fields {
        let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
        packed.extend_from_slice(&length.to_be_bytes());
        packed.extend_from_slice(field);
    }
    packed
}

/// The fields of a piece; `None` where it is none.
pub(crate) fn unpack(mut packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    while !packed.is_empty() {
        let (length, rest) = packed.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (field, rest) = rest.split_at_checked(length)?;
        fields.push(field);
        packed = rest;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_at_its_place_alone() {
        let seal = Seal::of(&[7; 32]).unwrap();
        let sealed = seal
            .seal(&["v", "secret", "a", "1"], pack(&[b"x"]))
            .unwrap();
        let again = seal
            .seal(&["v", "secret", "a", "1"], pack(&[b"x"]))
            .unwrap();
        assert_ne!(sealed, again, "each has a nonce of its own");
        let opened = seal.open(&["v", "secret", "a", "1"], &sealed).unwrap();
        assert_eq!(unpack(&opened).unwrap(), [b"x"]);
        for place in [
            ["v", "secret", "a", "2"],
            ["v", "secret", "b", "1"],
            ["v", "secreta", "", "1"],
        ] {
            assert_eq!(seal.open(&place, &sealed), Err(Forged));
        }
        let other = Seal::of(&[8; 32]).unwrap();
        assert!(other.open(&["v", "secret", "a", "1"], &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal.open(&["v", "secret", "a", "1"], &changed).is_err());
            assert!(
                seal.open(&["v", "secret", "a", "1"], &sealed[..at])
                    .is_err()
            );
        }
        assert!(Seal::of(&[1; 31]).is_none());
    }

    #[test]
    fn fields_come_back_as_they_were() {
        let fields: [&[u8]; 3] = [b"", b"a", b"bc"];
        assert_eq!(unpack(&pack(&fields)).unwrap(), fields);
        assert!(unpack(&[0, 0, 0]).is_none() && unpack(&[0, 0, 0, 2, 1]).is_none());
    }
}
