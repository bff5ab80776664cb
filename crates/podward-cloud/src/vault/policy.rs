//! Certificate policies, and the certificates and requests that are made by them.

use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::extensions;
use super::fault::{Fault, shown};
use super::material::{Curve, Material};
use super::shelf::Attributes;
use super::subject::{Sans, subject};
use super::x509::{self, months_later};
use podward_pki::Authority;

/// Content type of a secret that holds a PKCS#12 file, in base64.
pub(super) const PKCS12: &str = "application/x-pkcs12";
/// Content type of a secret that holds PEM.
pub(super) const PEM: &str = "application/x-pem-file";
/// A certificate begins to be good a little earlier than it is made, for clocks that are behind.
const EARLIER: Duration = Duration::minutes(10);
/// Months that a certificate is good for where the policy names none.
const MONTHS: u32 = 12;
/// Seconds of a month, on average.
const MONTH: i64 = 2_629_746;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<PolicyAttributes>,
}

/// What the vault tells of a policy; what a client says of it does not count.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct PolicyAttributes {
    enabled: bool,
    created: i64,
    updated: i64,
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
    basic_constraints: Option<BasicConstraints>,
}

/// Whether the certificate is one of a CA (RFC 5280, 4.2.1.9).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct BasicConstraints {
    ca: Option<bool>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Issuer {
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cty: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cert_transparency: Option<bool>,
}

fn failed(error: &rcgen::Error) -> Fault {
    Fault::bad(format!("The policy makes no certificate: {error}"))
}

impl Policy {
    /// The policy of an imported certificate: what it says itself.
    pub(super) fn of_import(leaf: &[u8], material: &Material, is_pem: bool) -> Result<Self, Fault> {
        let jwk = material.jwk();
        let word = |name: &str| jwk.get(name).and_then(Value::as_str).map(str::to_owned);
        let read = x509::read(leaf).ok_or_else(|| Fault::bad("The certificate cannot be read"))?;
        let said = extensions::read(read.extensions);
        let life = read.not_after.saturating_sub(read.not_before);
        let months = life.saturating_add(MONTH / 2) / MONTH;
        let months = u32::try_from(months).unwrap_or_default().clamp(1, 1200);
        Ok(Self {
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
                subject: Some(read.subject),
                ekus: Some(said.ekus.clone()),
                key_usage: Some(said.usages.clone()),
                validity_months: Some(months),
                basic_constraints: Some(BasicConstraints { ca: Some(said.ca) }),
                sans: Sans::of(said),
            }),
            issuer: Some(Issuer {
                name: Some("Unknown".into()),
                ..Issuer::default()
            }),
            ..Self::default()
        })
    }

    /// That of an import, with what the client says beside it: not what the certificate says itself.
    pub(super) fn imported(self, sent: Self) -> Result<Self, Fault> {
        let mut key = self.key_props.clone().unwrap_or_default();
        if let Some(sent) = sent.key_props {
            let other = |sent: &Option<String>, own: &Option<String>| {
                sent.as_ref().is_some_and(|sent| own.as_ref() != Some(sent))
            };
            let size = sent.key_size.filter(|_| key.key_size.is_some());
            if other(&sent.kty, &key.kty)
                || sent.crv.is_some() && other(&sent.crv, &key.crv)
                || size.is_some_and(|size| key.key_size != Some(size))
            {
                return Err(Fault::bad(
                    "The key properties of the policy do not match the key of the certificate",
                ));
            }
            (key.exportable, key.reuse_key) = (sent.exportable, sent.reuse_key);
        }
        Self {
            key_props: Some(key),
            secret_props: sent.secret_props.or(self.secret_props),
            lifetime_actions: sent.lifetime_actions.or(self.lifetime_actions),
            issuer: sent.issuer.or(self.issuer),
            ..self
        }
        .checked()
    }

    /// With its times: those it has already, or now.
    pub(super) fn dated(mut self, now: i64) -> Self {
        self.attributes.get_or_insert(PolicyAttributes {
            enabled: true,
            created: now,
            updated: now,
        });
        self
    }

    /// Without times, as a client writes it.
    pub(super) fn undated(self) -> Self {
        Self {
            attributes: None,
            ..self
        }
    }

    /// Whether it names whom a certificate is for.
    pub(super) fn names_someone(&self) -> Result<(), Fault> {
        let x509 = self.x509_props.as_ref();
        let subject = x509.and_then(|x509| x509.subject.as_deref());
        let named = subject.is_some_and(|subject| !subject.trim().is_empty());
        let sans = x509.and_then(|x509| x509.sans.as_ref());
        if named || sans.is_some_and(|sans| !sans.is_empty()) {
            return Ok(());
        }
        Err(Fault::bad(
            "Property policy.x509_props must have a subject or subject alternative names",
        ))
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
        let constraints = x509.basic_constraints.get_or_insert_default();
        constraints.ca.get_or_insert(false);
        let unknown = self.issuer() == "Unknown";
        let usual = if unknown {
            "EmailContacts"
        } else {
            "AutoRenew"
        };
        let actions = self.lifetime_actions.get_or_insert_with(
            || json!([{"trigger": {"lifetime_percentage": 80}, "action": {"action_type": usual}}]),
        );
        actions_in_bounds(actions)?;
        Ok(self)
    }

    /// Takes the parts of a change, and leaves the others: what is absent or null stays, also within a group.
    pub(super) fn changed(mut self, sent: Self, now: i64) -> Result<Self, Fault> {
        let created = self.attributes.as_ref().map_or(now, |known| known.created);
        let kind = |policy: &Self| policy.key_props.as_ref().and_then(|key| key.kty.clone());
        let another = kind(&sent).is_some_and(|sent| kind(&self).as_ref() != Some(&sent));
        if let Some(key) = self.key_props.as_mut().filter(|_| another) {
            // those of the other type mean nothing
            (key.key_size, key.crv) = (None, None);
        }
        let mut whole = json!(self);
        lay_over(&mut whole, json!(sent.undated()));
        let changed: Self =
            serde_json::from_value(whole).map_err(|other| Fault::bad(other.to_string()))?;
        Self {
            attributes: Some(PolicyAttributes {
                enabled: true,
                created,
                updated: now,
            }),
            ..changed
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
        let mut made = CertificateParams::new(Vec::new()).map_err(|e| failed(&e))?;
        made.subject_alt_names = x509.sans.unwrap_or_default().made()?;
        made.distinguished_name = subject(x509.subject.as_deref().unwrap_or_default())?;
        // either way the certificate has the extension, and the identifier of its key
        made.is_ca = match x509
            .basic_constraints
            .and_then(|constraints| constraints.ca)
        {
            Some(true) => IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
            Some(false) | None => IsCa::ExplicitNoCa,
        };
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
        let mut asked = self.parameters(now)?;
        asked.use_authority_key_identifier_extension = true;
        let made = asked.self_signed(&signer(key)?);
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

/// Takes what is sent into what there is. Lists are taken whole.
fn lay_over(there: &mut Value, sent: Value) {
    match (there, sent) {
        (_, Value::Null) => {}
        (Value::Object(there), Value::Object(sent)) => {
            for (name, value) in sent {
                lay_over(there.entry(name).or_insert(Value::Null), value);
            }
        }
        (there, sent) => *there = sent,
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

/// Refuses lifetime actions that the service refuses.
fn actions_in_bounds(actions: &Value) -> Result<(), Fault> {
    let Some(actions) = actions.as_array() else {
        return Err(Fault::bad("The lifetime_actions must be a list"));
    };
    for action in actions {
        let number = |name: &str| action.pointer(&format!("/trigger/{name}"));
        let given = |name: &str| number(name).filter(|value| !value.is_null());
        let (part, days) = (given("lifetime_percentage"), given("days_before_expiry"));
        let wrong = match (part, days) {
            (Some(_), Some(_)) | (None, None) => {
                "A trigger has one of lifetime_percentage and days_before_expiry"
            }
            (Some(part), None) if !part.as_i64().is_some_and(|part| (1..=99).contains(&part)) => {
                "lifetime_percentage must be from 1 to 99"
            }
            (None, Some(days)) if days.as_i64().is_none_or(|days| days < 1) => {
                "days_before_expiry must be at least 1"
            }
            _ => {
                let kind = action.pointer("/action/action_type");
                match kind.and_then(Value::as_str) {
                    Some("EmailContacts" | "AutoRenew") => continue,
                    _ => "The action_type is EmailContacts or AutoRenew",
                }
            }
        };
        return Err(Fault::bad(wrong));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
