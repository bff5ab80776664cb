//! Client assertions: is it signed by a key of its issuer, and what does it say.

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Most certificates of a chain that are read.
const MAX_CHAIN: usize = 10;

/// What an assertion says.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    #[serde(default)]
    aud: Value,
    /// Unix seconds; what is behind the point is more life.
    #[serde(deserialize_with = "rounded_up")]
    pub(crate) exp: i64,
    /// Unix seconds.
    #[serde(default, deserialize_with = "rounded_down")]
    pub(crate) nbf: i64,
    /// What a service account token of Kubernetes is bound to.
    #[serde(rename = "kubernetes.io", default)]
    pub(crate) bound: Bound,
}

/// Seconds that a time may differ from 1970: those of more than a hundred thousand years.
const FARTHEST: f64 = 4e12;

/// A NumericDate (RFC 7519, 2): a number of seconds that may have a fraction.
fn seconds<'de, D: Deserializer<'de>>(from: D, round: fn(f64) -> f64) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    if let Some(whole) = number.as_i64() {
        return Ok(whole);
    }
    let time = number.as_f64().map(round);
    let time = time.filter(|time| time.abs() <= FARTHEST);
    // a whole number of this size is written without fraction and exponent
    let whole = time.and_then(|time| format!("{time:.0}").parse().ok());
    whole.ok_or_else(|| serde::de::Error::custom("the time is out of range"))
}

fn rounded_up<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    seconds(from, f64::ceil)
}

fn rounded_down<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    seconds(from, f64::floor)
}

/// The object a service account token is bound to.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Bound {
    pub(crate) namespace: String,
    pub(crate) pod: Named,
    pub(crate) serviceaccount: Named,
}

/// Name and UID of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) uid: String,
}

impl Claims {
    /// Whether the assertion is meant for one of these.
    pub(crate) fn is_for(&self, audiences: &[String]) -> bool {
        self.audiences()
            .iter()
            .any(|audience| audiences.iter().any(|wanted| wanted == audience))
    }

    /// The audiences, of either form (RFC 7519, 4.1.3).
    pub(crate) fn audiences(&self) -> Vec<&str> {
        match &self.aud {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

/// An assertion taken apart, not believed yet.
pub(crate) struct Assertion<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: String,
    /// SHA-256 or SHA-1 of the certificate it was signed with (RFC 7515, 4.1.7 and 4.1.8).
    pub(crate) thumbprint: Option<Vec<u8>>,
    /// That certificate and those it is signed by, as DER (RFC 7515, 4.1.6).
    pub(crate) chain: Vec<Vec<u8>>,
    payload: Vec<u8>,
    pub(crate) claims: Claims,
}

impl<'a> Assertion<'a> {
    /// Takes an assertion apart; `None` where it is no JWT.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        let word = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        let chain = header.get("x5c").and_then(Value::as_array);
        let chain = chain
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .take(MAX_CHAIN);
        let thumbprint = word("x5t#S256").or_else(|| word("x5t"));
        let payload = decode(claims)?;
        Some(Self {
            signed,
            signature: decode(signature)?,
            kid: word("kid"),
            algorithm: word("alg")?,
            thumbprint: thumbprint.and_then(|text| {
                // one SDK writes it with padding, and in the other alphabet
                let text = text
                    .trim_end_matches('=')
                    .replace('+', "-")
                    .replace('/', "_");
                decode(&text)
            }),
            chain: chain
                .map(|one| STANDARD.decode(one.as_str()?).ok())
                .collect::<Option<_>>()?,
            claims: serde_json::from_slice(&payload).ok()?,
            payload,
        })
    }

    /// A claim, if its value is a text.
    pub(crate) fn claim(&self, name: &str) -> Option<String> {
        let all: Value = serde_json::from_slice(&self.payload).ok()?;
        all.get(name)?.as_str().map(str::to_owned)
    }

    /// Whether the private part of an RSAPublicKey (RFC 8017, A.1.1) signed it, with RS256 or PS256.
    pub(crate) fn is_signed_with(&self, key: &[u8]) -> bool {
        let verified =
            |by| UnparsedPublicKey::new(by, key).verify(self.signed.as_bytes(), &self.signature);
        match self.algorithm.as_str() {
            "RS256" => verified(&RSA_PKCS1_2048_8192_SHA256).is_ok(),
            "PS256" => verified(&RSA_PSS_2048_8192_SHA256).is_ok(),
            _ => false,
        }
    }

    /// Whether one of the keys (RFC 7517) signed it, with RS256.
    pub(crate) fn is_signed_by(&self, jwks: &Value) -> bool {
        let keys = jwks
            .get("keys")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        self.algorithm == "RS256"
            && keys
                .iter()
                .filter(|key| {
                    self.kid.is_none()
                        || key.get("kid").and_then(Value::as_str) == self.kid.as_deref()
                })
                .any(|key| self.verifies(key).unwrap_or(false))
    }

    /// Whether it names a key that is among these.
    pub(crate) fn names_one_of(&self, jwks: &Value) -> bool {
        let keys = jwks.get("keys").and_then(Value::as_array);
        let kid = |key: &Value| key.get("kid").and_then(Value::as_str).map(str::to_owned);
        self.kid.is_some() && keys.into_iter().flatten().any(|key| kid(key) == self.kid)
    }

    fn verifies(&self, key: &Value) -> Option<bool> {
        let number = |name: &str| URL_SAFE_NO_PAD.decode(key.get(name)?.as_str()?).ok();
        let public = RsaPublicKeyComponents {
            n: number("n")?,
            e: number("e")?,
        };
        Some(
            public
                .verify(
                    &RSA_PKCS1_2048_8192_SHA256,
                    self.signed.as_bytes(),
                    &self.signature,
                )
                .is_ok(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_may_have_a_fraction() {
        let times = |exp: Value, nbf: Value| {
            let claims = json!({"iss": "i", "sub": "s", "exp": exp, "nbf": nbf});
            let claims: Option<Claims> = serde_json::from_value(claims).ok();
            claims.map(|claims| (claims.exp, claims.nbf))
        };
        let (exp, nbf) = (1_795_575_518, 1_795_575_517);
        let fraction = json!(1_795_575_517.903_503_4);
        assert_eq!(times(fraction.clone(), fraction), Some((exp, nbf)));
        assert_eq!(times(json!(exp), json!(nbf)), Some((exp, nbf)));
        assert_eq!(times(json!(1e9), json!(0.0)), Some((1_000_000_000, 0)));
        for wrong in [json!(1e300), json!("1795575517"), json!(null)] {
            assert_eq!(times(wrong, json!(0)), None);
        }
    }
}
