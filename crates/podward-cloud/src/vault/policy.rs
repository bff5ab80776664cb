//! Certificate policies, and the certificates and requests that are made by them.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::fault::{Fault, shown};
use super::material::{Curve, Material};
use super::shelf::Attributes;
use super::x509::months_later;
use podward_pki::Authority;

/// Content type of a secret that holds a PKCS#12 file, in base64.
pub(super) const PKCS12: &str = "application/x-pkcs12";
/// Content type of a secret that holds PEM.
pub(super) const PEM: &str = "application/x-pem-file";
/// A certificate begins to be good a little earlier than it is made, for clocks that are behind.
const EARLIER: Duration = Duration::minutes(10);
/// Months that a certificate is good for where the policy names none.
const MONTHS: u32 = 12;
/// Server and client.
const USUAL_EKUS: [&str; 2] = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"];

/// A policy as clients write it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Policy {
    key_props: Option<KeyProperties>,
    secret_props: Option<SecretProperties>,
    x509_props: Option<X509Properties>,
    lifetime_actions: Option<Value>,
    issuer: Option<Issuer>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct KeyProperties {
    exportable: Option<bool>,
    kty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_size: Option<u32>,
    reuse_key: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SecretProperties {
    content_type: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct X509Properties {
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sans: Option<Sans>,
    ekus: Option<Vec<String>>,
    key_usage: Option<Vec<String>>,
    validity_months: Option<u32>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Sans {
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emails: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upns: Option<Vec<String>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Issuer {
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cty: Option<String>,
}

fn failed(error: &rcgen::Error) -> Fault {
    Fault::bad(format!("The policy makes no certificate: {error}"))
}

impl Policy {
    /// The policy of an imported certificate, where the client sends none.
    pub(super) fn of_import(subject: &str, material: &Material, is_pem: bool) -> Self {
        let jwk = material.jwk();
        let word = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            key_props: Some(KeyProperties {
                kty: word("kty"),
                crv: word("crv"),
                key_size: material.bits(),
                ..KeyProperties::default()
            }),
            secret_props: Some(SecretProperties {
                content_type: Some(if is_pem { PEM } else { PKCS12 }.to_owned()),
            }),
            x509_props: Some(X509Properties {
                subject: Some(subject.to_owned()),
                ..X509Properties::default()
            }),
            issuer: Some(Issuer {
                name: Some("Unknown".into()),
                cty: None,
            }),
            lifetime_actions: None,
        }
    }

    /// Fills in what the client left out, and refuses what no vault takes.
    pub(super) fn checked(mut self) -> Result<Self, Fault> {
        let issuer = self.issuer.get_or_insert_default();
        issuer.name.get_or_insert_with(|| "Self".into());
        let key = self.key_props.get_or_insert_default();
        key.exportable.get_or_insert(true);
        key.reuse_key.get_or_insert(false);
        let kind = key.kty.get_or_insert_with(|| "RSA".into());
        match kind.as_str() {
            "RSA" => {
                let size = *key.key_size.get_or_insert(2048);
                if ![2048, 3072, 4096].contains(&size) {
                    return Err(Fault::bad("The key size must be 2048, 3072 or 4096"));
                }
            }
            "EC" => {
                let curve = key.crv.get_or_insert_with(|| "P-256".into());
                if Curve::of(curve).is_none() {
                    return Err(Fault::bad("The curve is none of this vault's"));
                }
            }
            other => {
                let text = format!(
                    "A vault makes no certificate with a key of type '{}'",
                    shown(other)
                );
                return Err(Fault::bad(text));
            }
        }
        let secret = self.secret_props.get_or_insert_default();
        let content_type = secret.content_type.get_or_insert_with(|| PKCS12.into());
        if ![PKCS12, PEM].contains(&content_type.as_str()) {
            return Err(Fault::bad(format!("The contentType is {PKCS12} or {PEM}")));
        }
        let x509 = self.x509_props.get_or_insert_default();
        x509.ekus
            .get_or_insert_with(|| USUAL_EKUS.map(str::to_owned).into());
        x509.key_usage
            .get_or_insert_with(|| vec!["digitalSignature".into(), "keyEncipherment".into()]);
        let months = *x509.validity_months.get_or_insert(MONTHS);
        if !(1..=1200).contains(&months) {
            return Err(Fault::bad("validity_months must be from 1 to 1200"));
        }
        self.lifetime_actions.get_or_insert_with(|| {
            json!([{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": "AutoRenew"}}])
        });
        Ok(self)
    }

    /// Takes the parts of a change, and leaves the others.
    pub(super) fn changed(self, sent: Self) -> Result<Self, Fault> {
        Self {
            key_props: sent.key_props.or(self.key_props),
            secret_props: sent.secret_props.or(self.secret_props),
            x509_props: sent.x509_props.or(self.x509_props),
            lifetime_actions: sent.lifetime_actions.or(self.lifetime_actions),
            issuer: sent.issuer.or(self.issuer),
        }
        .checked()
    }

    /// Name of the issuer: `Self`, `Unknown`, or one of the vault's.
    pub(super) fn issuer(&self) -> &str {
        let name = self
            .issuer
            .as_ref()
            .and_then(|issuer| issuer.name.as_deref());
        name.unwrap_or("Self")
    }

    /// Whether it wants a new version now, by the times of the latest one.
    pub(super) fn is_due(&self, latest: &Attributes, now: i64) -> bool {
        let actions = self.lifetime_actions.as_ref().and_then(Value::as_array);
        let (Some(start), Some(end)) = (latest.nbf, latest.exp) else {
            return false;
        };
        actions.into_iter().flatten().any(|action| {
            let renews = action
                .pointer("/action/action_type")
                .and_then(Value::as_str);
            let number = |path: &str| action.pointer(path).and_then(Value::as_i64);
            let percentage = number("/trigger/lifetime_percentage");
            let days = number("/trigger/days_before_expiry");
            let life = end.saturating_sub(start);
            let by_percentage =
                percentage.is_some_and(|part| now - start >= life.saturating_mul(part) / 100);
            let by_days =
                days.is_some_and(|days| end.saturating_sub(now) <= days.saturating_mul(86_400));
            renews == Some("AutoRenew") && (by_percentage || by_days)
        })
    }

    /// Whether a new version has the key of the last one.
    pub(super) fn reuses_key(&self) -> bool {
        self.key_props.as_ref().and_then(|key| key.reuse_key) == Some(true)
    }

    /// Whether the secret tells the private key.
    pub(super) fn exportable(&self) -> bool {
        self.key_props.as_ref().and_then(|key| key.exportable) != Some(false)
    }

    /// Content type of the secret.
    pub(super) fn content_type(&self) -> &str {
        let named = self
            .secret_props
            .as_ref()
            .and_then(|secret| secret.content_type.as_deref());
        named.unwrap_or(PKCS12)
    }

    /// Whether the client named a content type.
    pub(super) fn names_content_type(&self) -> bool {
        self.secret_props
            .as_ref()
            .is_some_and(|secret| secret.content_type.is_some())
    }

    /// With this content type of the secret.
    pub(super) fn with_content_type(mut self, is_pem: bool) -> Self {
        let secret = self.secret_props.get_or_insert_default();
        secret.content_type = Some(if is_pem { PEM } else { PKCS12 }.to_owned());
        self
    }

    /// Makes the key.
    pub(super) fn key(&self) -> Result<Material, Fault> {
        let key = self.key_props.clone().unwrap_or_default();
        match key.kty.as_deref() {
            Some("EC") => {
                let curve = key
                    .crv
                    .as_deref()
                    .and_then(Curve::of)
                    .unwrap_or(Curve::P256);
                Material::ec(curve)
            }
            _ => Material::rsa(key.key_size.unwrap_or(2048)),
        }
    }

    fn parameters(&self, now: i64) -> Result<CertificateParams, Fault> {
        let x509 = self.x509_props.clone().unwrap_or_default();
        let sans = x509.sans.unwrap_or_default();
        if sans.upns.is_some_and(|upns| !upns.is_empty()) {
            return Err(Fault::bad(
                "User principal names in a certificate are not served",
            ));
        }
        let names = sans.dns_names.unwrap_or_default();
        let mut made = CertificateParams::new(names).map_err(|e| failed(&e))?;
        for email in sans.emails.unwrap_or_default() {
            let email = email.try_into().map_err(|e| failed(&e))?;
            made.subject_alt_names.push(SanType::Rfc822Name(email));
        }
        made.distinguished_name = subject(x509.subject.as_deref().unwrap_or_default())?;
        for usage in x509.key_usage.unwrap_or_default() {
            made.key_usages.push(key_usage(&usage)?);
        }
        for eku in x509.ekus.unwrap_or_default() {
            let parts: Result<Vec<u64>, _> = eku.split('.').map(str::parse).collect();
            let parts = parts.ok().filter(|parts| parts.len() > 2);
            let parts = parts.ok_or_else(|| Fault::bad(format!("'{}' is no OID", shown(&eku))))?;
            made.extended_key_usages
                .push(ExtendedKeyUsagePurpose::Other(parts));
        }
        let start = OffsetDateTime::from_unix_timestamp(now).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let end = months_later(start, x509.validity_months.unwrap_or(MONTHS));
        made.not_before = start - EARLIER;
        made.not_after = end.ok_or_else(|| Fault::bad("validity_months is too large"))?;
        let mut serial = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut serial)
            .map_err(|_unspecified| Fault::unavailable("the machine gives no random numbers"))?;
        let serial = (u128::from_be_bytes(serial) >> 1) | (1 << 120);
        made.serial_number = Some(SerialNumber::from_slice(&serial.to_be_bytes()));
        Ok(made)
    }

    /// A certificate that is signed by its own key.
    pub(super) fn self_signed(&self, key: &Material, now: i64) -> Result<Vec<u8>, Fault> {
        let made = self.parameters(now)?.self_signed(&signer(key)?);
        Ok(made.map_err(|e| failed(&e))?.der().to_vec())
    }

    /// A certificate that the CA of the vaults signs.
    pub(super) fn signed(
        &self,
        key: &Material,
        now: i64,
        by: &Authority,
    ) -> Result<Vec<u8>, Fault> {
        let issuer = by.issuer().map_err(|e| Fault::unavailable(e.to_string()))?;
        let mut asked = self.parameters(now)?;
        asked.use_authority_key_identifier_extension = true;
        let made = asked.signed_by(&signer(key)?, &issuer);
        Ok(made.map_err(|e| failed(&e))?.der().to_vec())
    }

    /// A request for a certificate (RFC 2986).
    pub(super) fn request(&self, key: &Material, now: i64) -> Result<Vec<u8>, Fault> {
        let mut asked = self.parameters(now)?;
        asked.serial_number = None;
        let made = asked.serialize_request(&signer(key)?);
        Ok(made.map_err(|e| failed(&e))?.der().to_vec())
    }
}

fn signer(key: &Material) -> Result<KeyPair, Fault> {
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(key.pkcs8())).map_err(|e| failed(&e))
}

fn key_usage(name: &str) -> Result<KeyUsagePurpose, Fault> {
    Ok(match name {
        "digitalSignature" => KeyUsagePurpose::DigitalSignature,
        "nonRepudiation" => KeyUsagePurpose::ContentCommitment,
        "keyEncipherment" => KeyUsagePurpose::KeyEncipherment,
        "dataEncipherment" => KeyUsagePurpose::DataEncipherment,
        "keyAgreement" => KeyUsagePurpose::KeyAgreement,
        "keyCertSign" => KeyUsagePurpose::KeyCertSign,
        "cRLSign" => KeyUsagePurpose::CrlSign,
        "encipherOnly" => KeyUsagePurpose::EncipherOnly,
        "decipherOnly" => KeyUsagePurpose::DecipherOnly,
        other => return Err(Fault::bad(format!("'{}' is no key usage", shown(other)))),
    })
}

/// A subject, as `CN=web.example, O="Example, Inc."`; names count without regard to case.
fn subject(text: &str) -> Result<DistinguishedName, Fault> {
    let mut name = DistinguishedName::new();
    for part in parts(text) {
        let pair = part
            .split_once('=')
            .map(|(kind, value)| (kind.trim(), value.trim()));
        let wrong = || Fault::bad("The subject must be a distinguished name, as CN=web.example");
        let (kind, value) = pair.ok_or_else(wrong)?;
        let kind = match kind.to_ascii_uppercase().as_str() {
            "CN" => DnType::CommonName,
            "O" => DnType::OrganizationName,
            "OU" => DnType::OrganizationalUnitName,
            "C" => DnType::CountryName,
            "L" => DnType::LocalityName,
            "ST" | "S" => DnType::StateOrProvinceName,
            "DC" => DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]),
            "E" => DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
            _ => return Err(wrong()),
        };
        name.push(kind, value);
    }
    Ok(name)
}

/// The parts between commas that are neither quoted nor escaped.
fn parts(text: &str) -> Vec<String> {
    let (mut all, mut part) = (Vec::new(), String::new());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            _ if escaped => {
                part.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => all.push(std::mem::take(&mut part)),
            _ => part.push(c),
        }
    }
    all.push(part);
    all.retain(|part| !part.trim().is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_may_hold_commas() {
        assert_eq!(
            parts(r#"CN=a\,b, O="Example, Inc.",C=CH"#),
            ["CN=a,b", " O=Example, Inc.", "C=CH"]
        );
        assert!(subject("cn=web.example").is_ok() && subject("").is_ok());
        assert!(subject("web.example").is_err() && subject("X=1").is_err());
    }

    #[test]
    fn what_no_vault_takes_is_refused() {
        let checked = |policy: Value| serde_json::from_value::<Policy>(policy).unwrap().checked();
        assert!(checked(json!({"issuer": {"name": "Self"}, "key_props": null})).is_ok());
        for wrong in [
            json!({"key_props": {"kty": "RSA", "key_size": 1024}}),
            json!({"key_props": {"kty": "oct"}}),
            json!({"key_props": {"kty": "EC", "crv": "P-1"}}),
            json!({"secret_props": {"contentType": "text/plain"}}),
            json!({"x509_props": {"validity_months": 0}}),
        ] {
            assert!(checked(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
