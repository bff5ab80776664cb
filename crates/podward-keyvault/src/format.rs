//! What an object looks like as a file.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use podward_api::pem;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::Encoding;

/// A public key as the vault tells it (RFC 7517).
#[derive(Deserialize)]
pub(crate) struct Jwk {
    pub(crate) kid: String,
    kty: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

/// One DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let bytes: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0));
            out.extend(bytes);
        }
    }
    out.extend_from_slice(content);
    out
}

/// An unsigned integer in DER: no leading zeros but the one that keeps it positive.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut digits: Vec<u8> = bytes
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect();
    if digits.first().is_none_or(|byte| byte & 0x80 != 0) {
        digits.insert(0, 0);
    }
    der(0x02, &digits)
}

const RSA_ENCRYPTION: &[u8] = &[
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

impl Jwk {
    /// SubjectPublicKeyInfo as PEM `PUBLIC KEY` (RFC 5280, RFC 8017, RFC 5480).
    pub(crate) fn public_pem(&self) -> Result<Vec<u8>, String> {
        let bytes = |text: &str| {
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|e| format!("the key is malformed: {e}"))
        };
        let (algorithm, key) = match self.kty.as_str() {
            "RSA" | "RSA-HSM" => {
                let pair = [integer(&bytes(&self.n)?), integer(&bytes(&self.e)?)].concat();
                (der(0x30, RSA_ENCRYPTION), der(0x30, &pair))
            }
            "EC" | "EC-HSM" => {
                let (curve, length) = match self.crv.as_str() {
                    "P-256" => (P256, 32),
                    "P-384" => (P384, 48),
                    "P-521" => (P521, 66),
                    other => return Err(format!("curve {other} is not supported")),
                };
                let mut point = vec![4];
                for coordinate in [&self.x, &self.y] {
                    let coordinate = bytes(coordinate)?;
                    point.extend(std::iter::repeat_n(
                        0,
                        usize::saturating_sub(length, coordinate.len()),
                    ));
                    point.extend(coordinate);
                }
                (der(0x30, &[EC_PUBLIC_KEY, curve].concat()), point)
            }
            other => return Err(format!("key type {other} is not supported")),
        };
        let bits = [vec![0], key].concat();
        let der = der(0x30, &[algorithm, der(0x03, &bits)].concat());
        Ok(pem("PUBLIC KEY", &der).as_bytes().to_vec())
    }
}

/// A secret's bytes. One that backs a certificate (`kid`) must be PEM already.
pub(crate) fn secret(
    value: &str,
    content_type: Option<&str>,
    backs_certificate: bool,
    pfx: bool,
    encoding: Encoding,
) -> Result<Zeroizing<Vec<u8>>, String> {
    if backs_certificate {
        match content_type {
            Some("application/x-pem-file") if !pfx => {}
            Some("application/x-pkcs12") if pfx => {}
            Some("application/x-pkcs12") => {
                return Err(
                    "a PKCS#12 certificate is not turned into PEM yet: set objectFormat: pfx"
                        .into(),
                );
            }
            Some("application/x-pem-file") => {
                return Err("a certificate stored as PEM is not turned into PFX".into());
            }
            other => {
                return Err(format!(
                    "failed to get certificate. unknown content type: {}",
                    other.unwrap_or("")
                ));
            }
        }
    }
    let bytes = match encoding {
        Encoding::Utf8 => value.as_bytes().to_vec(),
        Encoding::Base64 => STANDARD
            .decode(value.trim())
            .map_err(|_tells_of_the_value| "the secret is not base64".to_owned())?,
        Encoding::Hex => {
            unhex(value.trim()).ok_or_else(|| "the secret is not hexadecimal".to_owned())?
        }
    };
    Ok(Zeroizing::new(bytes))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| u8::try_from(digit(pair.first()?)? * 16 + digit(pair.get(1)?)?).ok())
        .collect()
}

/// The leaf of a certificate bundle, PEM.
pub(crate) fn certificate(cer: &str) -> Result<Vec<u8>, String> {
    let der = STANDARD
        .decode(cer)
        .map_err(|e| format!("the certificate is malformed: {e}"))?;
    Ok(pem("CERTIFICATE", &der).as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let plain =
            |value: &str, encoding| secret(value, None, false, false, encoding).map(|b| b.to_vec());
        assert_eq!(plain("00fF", Encoding::Hex), Ok(vec![0, 255]));
        assert_eq!(plain("AAE=", Encoding::Base64), Ok(vec![0, 1]));
        assert!(plain("0", Encoding::Hex).is_err());
        assert!(
            !plain("no base64!", Encoding::Base64)
                .unwrap_err()
                .contains("no base64")
        );
    }

    #[test]
    fn integers_stay_positive() {
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[1, 0, 1]), [2, 3, 1, 0, 1]);
    }
}
