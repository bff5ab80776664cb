//! Private keys: made, imported, and used for signatures, decryption and wrapping.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, Pkcs1PrivateDecryptingKey,
    Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaEncoding, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::fault::{Fault, shown};
use super::key::Plan;
use crate::der;
use crate::keys::{rsa_key, rsa_numbers};

/// What an RSA key can be used for.
pub(super) const RSA: &[&str] = &[
    "encrypt",
    "decrypt",
    "sign",
    "verify",
    "wrapKey",
    "unwrapKey",
];
/// What a key of a curve can be used for.
pub(super) const EC: &[&str] = &["sign", "verify"];

/// A curve that a vault knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P256K,
    P384,
    P521,
}

impl Curve {
    const ALL: [Self; 4] = [Self::P256, Self::P256K, Self::P384, Self::P521];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P256K => "P-256K",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    /// Its size as clients name it.
    pub(super) const fn bits(self) -> u32 {
        match self {
            Self::P256 | Self::P256K => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// Bytes of a coordinate.
    const fn size(self) -> usize {
        match self {
            Self::P256 | Self::P256K => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P256K => &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }

    /// Name of its signatures, how they are verified, and of which digest.
    fn signs(
        self,
    ) -> (
        &'static str,
        &'static dyn VerificationAlgorithm,
        &'static digest::Algorithm,
    ) {
        match self {
            Self::P256 => (
                "ES256",
                &signature::ECDSA_P256_SHA256_FIXED,
                &digest::SHA256,
            ),
            Self::P256K => (
                "ES256K",
                &signature::ECDSA_P256K1_SHA256_FIXED,
                &digest::SHA256,
            ),
            Self::P384 => (
                "ES384",
                &signature::ECDSA_P384_SHA384_FIXED,
                &digest::SHA384,
            ),
            Self::P521 => (
                "ES512",
                &signature::ECDSA_P521_SHA512_FIXED,
                &digest::SHA512,
            ),
        }
    }
}

fn size_of(bits: u32) -> Option<KeySize> {
    Some(match bits {
        2048 => KeySize::Rsa2048,
        3072 => KeySize::Rsa3072,
        4096 => KeySize::Rsa4096,
        _ => return None,
    })
}

/// A private key.
pub(super) enum Material {
    Rsa {
        pair: RsaKeyPair,
        pkcs8: Zeroizing<Vec<u8>>,
    },
    Ec {
        curve: Curve,
        pair: EcdsaKeyPair,
        pkcs8: Zeroizing<Vec<u8>>,
    },
}

/// A key as a client sends it (RFC 7518, 6).
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Jwk {
    pub(super) kty: String,
    pub(super) crv: Option<String>,
    pub(super) key_ops: Option<Vec<String>>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Zeroizing<String>>,
    p: Option<Zeroizing<String>>,
    q: Option<Zeroizing<String>>,
    dp: Option<Zeroizing<String>>,
    dq: Option<Zeroizing<String>>,
    qi: Option<Zeroizing<String>>,
    x: Option<String>,
    y: Option<String>,
}

/// An operation with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Encrypt,
    Decrypt,
}

/// Bytes in base64url, with or without padding.
pub(super) fn bytes(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bare = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(bare).ok().map(Zeroizing::new)
}

fn incompatible(kind: &str, algorithm: &str) -> Fault {
    Fault::bad(format!(
        "Key and algorithm are incompatible: the key is of type '{kind}', and the algorithm is '{}'",
        shown(algorithm)
    ))
}

impl Material {
    /// Makes an RSA key of so many bits.
    pub(super) fn rsa(bits: u32) -> Result<Self, Fault> {
        let size = size_of(bits);
        let size = size.ok_or_else(|| Fault::bad("The key size must be 2048, 3072 or 4096"))?;
        let pair = RsaKeyPair::generate(size);
        let pair = pair.map_err(|_unspecified| Fault::unavailable("no RSA key can be made"))?;
        Self::of_rsa(pair).ok_or_else(|| Fault::unavailable("no RSA key can be made"))
    }

    /// Makes a planned key; or reads it, where a file has it. `alone`: the file is only read.
    pub(super) fn planned(plan: &Plan, alone: bool) -> Option<Self> {
        match &plan.file {
            Some((folder, file)) if !alone || folder.join(file).exists() => {
                let size = size_of(plan.bits)?;
                Self::of_rsa(rsa_key(Some(folder), file, size).ok()?)
            }
            _ => Self::rsa(plan.bits).ok(),
        }
    }

    /// The same key, ready for use.
    pub(super) fn of_rsa(pair: RsaKeyPair) -> Option<Self> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).ok()?;
        let pkcs8 = Zeroizing::new(der.as_ref().to_vec());
        Some(Self::Rsa { pair, pkcs8 })
    }

    /// Makes a key on a curve.
    pub(super) fn ec(curve: Curve) -> Result<Self, Fault> {
        let pair = EcdsaKeyPair::generate(curve.signing()).ok();
        pair.and_then(|pair| Self::of_ec(curve, pair))
            .ok_or_else(|| Fault::unavailable("no EC key can be made"))
    }

    fn of_ec(curve: Curve, pair: EcdsaKeyPair) -> Option<Self> {
        let pkcs8 = Zeroizing::new(pair.to_pkcs8v1().ok()?.as_ref().to_vec());
        Some(Self::Ec { curve, pair, pkcs8 })
    }

    /// Reads a private key (RFC 5208): RSA of a size that a vault takes, or on one of its curves.
    pub(super) fn of_pkcs8(pkcs8: &[u8]) -> Option<Self> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(pkcs8) {
            return [256, 384, 512]
                .contains(&pair.public_modulus_len())
                .then(|| Self::of_rsa(pair))?;
        }
        Curve::ALL.into_iter().find_map(|curve| {
            let pair = EcdsaKeyPair::from_pkcs8(curve.signing(), pkcs8).ok()?;
            Self::of_ec(curve, pair)
        })
    }

    /// Reads a private key on a curve (RFC 5915).
    pub(super) fn of_sec1(der: &[u8]) -> Option<Self> {
        Curve::ALL.into_iter().find_map(|curve| {
            let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), der).ok()?;
            Self::of_ec(curve, pair)
        })
    }

    /// Takes a key that a client sends.
    pub(super) fn import(jwk: &Jwk) -> Result<Self, Fault> {
        let wrong = || Fault::bad("The key is not a complete and consistent private key");
        let public = |field: &Option<String>| field.as_deref().and_then(bytes).ok_or_else(wrong);
        let secret = |field: &Option<Zeroizing<String>>| {
            field
                .as_ref()
                .and_then(|text| bytes(text))
                .ok_or_else(wrong)
        };
        match jwk.kty.as_str() {
            "RSA" => {
                let numbers = [
                    public(&jwk.n)?,
                    public(&jwk.e)?,
                    secret(&jwk.d)?,
                    secret(&jwk.p)?,
                    secret(&jwk.q)?,
                    secret(&jwk.dp)?,
                    secret(&jwk.dq)?,
                    secret(&jwk.qi)?,
                ];
                let mut content = Zeroizing::new(der::integer(&[0]));
                for number in &numbers {
                    content.extend_from_slice(&Zeroizing::new(der::integer(number)));
                }
                let whole = Zeroizing::new(der::element(der::SEQUENCE, &content));
                let pair = RsaKeyPair::from_der(&whole).map_err(|_rejected| wrong())?;
                if ![256, 384, 512].contains(&pair.public_modulus_len()) {
                    return Err(Fault::bad("The key size must be 2048, 3072 or 4096"));
                }
                Self::of_rsa(pair).ok_or_else(wrong)
            }
            "EC" => {
                let curve = jwk.crv.as_deref().and_then(Curve::of);
                let curve = curve.ok_or_else(|| Fault::bad("The curve is none of this vault's"))?;
                // some clients write zeros in front, as they keep numbers with a sign
                let padded = |number: &[u8]| {
                    let zeros = number.iter().take_while(|digit| **digit == 0).count();
                    let zeros = zeros.min(number.len().saturating_sub(curve.size()));
                    let number = number.get(zeros..).unwrap_or_default();
                    let missing = curve.size().checked_sub(number.len()).ok_or_else(wrong)?;
                    Ok(Zeroizing::new(
                        [vec![0; missing].as_slice(), number].concat(),
                    ))
                };
                let (x, y) = (padded(&public(&jwk.x)?)?, padded(&public(&jwk.y)?)?);
                let private = padded(&secret(&jwk.d)?)?;
                let point = [&[4], x.as_slice(), &y].concat();
                let algorithm = curve.signing();
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &point)
                        .map_err(|_rejected| wrong())?;
                Self::of_ec(curve, pair).ok_or_else(wrong)
            }
            other => Err(Fault::bad(format!(
                "A key of type '{}' cannot be imported",
                shown(other)
            ))),
        }
    }

    /// What a key of this type can be used for.
    pub(super) const fn operations(&self) -> &'static [&'static str] {
        match self {
            Self::Rsa { .. } => RSA,
            Self::Ec { .. } => EC,
        }
    }

    /// Makes another of the same type and size.
    pub(super) fn another(&self) -> Result<Self, Fault> {
        match self {
            Self::Rsa { .. } => Self::rsa(self.bits().unwrap_or_default()),
            Self::Ec { curve, .. } => Self::ec(*curve),
        }
    }

    /// The private key (RFC 5208).
    pub(super) fn pkcs8(&self) -> &[u8] {
        match self {
            Self::Rsa { pkcs8, .. } | Self::Ec { pkcs8, .. } => pkcs8,
        }
    }

    /// Bits of an RSA key.
    pub(super) fn bits(&self) -> Option<u32> {
        match self {
            Self::Rsa { pair, .. } => u32::try_from(pair.public_modulus_len() * 8).ok(),
            Self::Ec { .. } => None,
        }
    }

    /// The public key as a certificate holds it: an RSAPublicKey (RFC 8017), or a point.
    pub(super) fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa { pair, .. } => pair.public_key().as_ref(),
            Self::Ec { pair, .. } => pair.public_key().as_ref(),
        }
    }

    /// The public key (RFC 7517), without `kid` and `key_ops`.
    pub(super) fn jwk(&self) -> Value {
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa { pair, .. } => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref()).unwrap_or_default();
                json!({"kty": "RSA", "n": number(&n), "e": number(&e)})
            }
            Self::Ec { curve, pair, .. } => {
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(curve.size()).unwrap_or_default();
                json!({"kty": "EC", "crv": curve.name(), "x": number(x), "y": number(y)})
            }
        }
    }

    /// Signs a digest.
    pub(super) fn sign(&self, algorithm: &str, digest: &[u8]) -> Result<Vec<u8>, Fault> {
        let failed = |_unspecified| Fault::unavailable("no signature can be made");
        match self {
            Self::Rsa { pair, .. } => {
                let (encoding, _, hash) =
                    rsa_signature(algorithm).ok_or_else(|| incompatible("RSA", algorithm))?;
                let digest = imported(digest, hash, algorithm)?;
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign_digest(encoding, &digest, &mut out)
                    .map_err(failed)?;
                Ok(out)
            }
            Self::Ec { curve, pair, .. } => {
                let (name, _, hash) = curve.signs();
                if name != algorithm {
                    return Err(incompatible("EC", algorithm));
                }
                let digest = imported(digest, hash, algorithm)?;
                let signed = pair.sign_digest(&digest).map_err(failed)?;
                Ok(signed.as_ref().to_vec())
            }
        }
    }

    /// Whether a signature is this key's, of this digest.
    pub(super) fn verify(
        &self,
        algorithm: &str,
        digest: &[u8],
        signed: &[u8],
    ) -> Result<bool, Fault> {
        let (by, hash, public): (&'static dyn VerificationAlgorithm, _, _) = match self {
            Self::Rsa { pair, .. } => {
                let (_, by, hash) =
                    rsa_signature(algorithm).ok_or_else(|| incompatible("RSA", algorithm))?;
                (by, hash, pair.public_key().as_ref())
            }
            Self::Ec { curve, pair, .. } => {
                let (name, by, hash) = curve.signs();
                if name != algorithm {
                    return Err(incompatible("EC", algorithm));
                }
                (by, hash, pair.public_key().as_ref())
            }
        };
        let digest = imported(digest, hash, algorithm)?;
        Ok(UnparsedPublicKey::new(by, public)
            .verify_digest(&digest, signed)
            .is_ok())
    }

    /// Encrypts or decrypts, with an RSA key.
    pub(super) fn cipher(
        &self,
        what: Cipher,
        algorithm: &str,
        value: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let Self::Rsa { pkcs8, .. } = self else {
            return Err(incompatible("EC", algorithm));
        };
        // one answer to all that cannot be decrypted, so that it tells nothing of why
        let failed =
            |_unspecified| Fault::bad("The value cannot be encrypted or decrypted with this key");
        let key = PrivateDecryptingKey::from_pkcs8(pkcs8)
            .map_err(|_rejected| Fault::unavailable("the key cannot be used"))?;
        let mut out = Zeroizing::new(vec![0; key.key_size_bytes()]);
        let oaep = match algorithm {
            "RSA-OAEP" => Some(&OAEP_SHA1_MGF1SHA1 as &'static OaepAlgorithm),
            "RSA-OAEP-256" => Some(&OAEP_SHA256_MGF1SHA256),
            "RSA1_5" => None,
            _ => return Err(incompatible("RSA", algorithm)),
        };
        let public = key.public_key();
        let written = match (what, oaep) {
            (Cipher::Encrypt, Some(oaep)) => OaepPublicEncryptingKey::new(public)
                .and_then(|key| Ok(key.encrypt(oaep, value, &mut out, None)?.len())),
            (Cipher::Decrypt, Some(oaep)) => OaepPrivateDecryptingKey::new(key)
                .and_then(|key| Ok(key.decrypt(oaep, value, &mut out, None)?.len())),
            (Cipher::Encrypt, None) => Pkcs1PublicEncryptingKey::new(public)
                .and_then(|key| Ok(key.encrypt(value, &mut out)?.len())),
            (Cipher::Decrypt, None) => Pkcs1PrivateDecryptingKey::new(key)
                .and_then(|key| Ok(key.decrypt(value, &mut out)?.len())),
        };
        out.truncate(written.map_err(failed)?);
        Ok(out)
    }
}

/// How an RSA signature is padded, verified, and of which digest it is.
fn rsa_signature(
    algorithm: &str,
) -> Option<(
    &'static dyn RsaEncoding,
    &'static dyn VerificationAlgorithm,
    &'static digest::Algorithm,
)> {
    Some(match algorithm {
        "RS256" => (
            &signature::RSA_PKCS1_SHA256,
            &signature::RSA_PKCS1_2048_8192_SHA256,
            &digest::SHA256,
        ),
        "RS384" => (
            &signature::RSA_PKCS1_SHA384,
            &signature::RSA_PKCS1_2048_8192_SHA384,
            &digest::SHA384,
        ),
        "RS512" => (
            &signature::RSA_PKCS1_SHA512,
            &signature::RSA_PKCS1_2048_8192_SHA512,
            &digest::SHA512,
        ),
        "PS256" => (
            &signature::RSA_PSS_SHA256,
            &signature::RSA_PSS_2048_8192_SHA256,
            &digest::SHA256,
        ),
        "PS384" => (
            &signature::RSA_PSS_SHA384,
            &signature::RSA_PSS_2048_8192_SHA384,
            &digest::SHA384,
        ),
        "PS512" => (
            &signature::RSA_PSS_SHA512,
            &signature::RSA_PSS_2048_8192_SHA512,
            &digest::SHA512,
        ),
        _ => return None,
    })
}

fn imported(
    digest: &[u8],
    hash: &'static digest::Algorithm,
    algorithm: &str,
) -> Result<Digest, Fault> {
    Digest::import_less_safe(digest, hash).map_err(|_length| {
        Fault::bad(format!(
            "Invalid length of the digest: {} bytes. {} requires {} bytes, encoded with base64url.",
            digest.len(),
            shown(algorithm),
            hash.output_len()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn numbers_of_a_curve_may_begin_with_zeros() {
        // RFC 7515, A.3
        let jwk = json!({
            "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
        });
        let taken = |jwk: &Value| {
            let jwk: Jwk = serde_json::from_value(jwk.clone()).unwrap();
            Material::import(&jwk).ok().map(|key| key.jwk())
        };
        let told = taken(&jwk);
        assert!(told.is_some());
        let led = |lead: &[u8]| {
            let mut longer = jwk.clone();
            for field in ["x", "y", "d"] {
                let number = bytes(jwk[field].as_str().unwrap()).unwrap();
                longer[field] = json!(URL_SAFE_NO_PAD.encode([lead, &number].concat()));
            }
            longer
        };
        assert_eq!(taken(&led(&[0])), told);
        assert_eq!(taken(&led(&[0, 0, 0])), told);
        assert_eq!(taken(&led(&[1])), None);
    }
}
