//! Whom a certificate is for: its subject and its other names.

use std::net::IpAddr;

use rcgen::{DistinguishedName, DnType, SanType};
use serde::{Deserialize, Serialize};

use super::extensions::Extensions;
use super::fault::{Fault, shown};

/// Other names of the subject. A name of another kind is an error: it would be missing in the certificate.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Sans {
    #[serde(skip_serializing_if = "Option::is_none")]
    dns_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emails: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uris: Option<Vec<String>>,
    #[serde(rename = "ipAddresses", skip_serializing_if = "Option::is_none")]
    addresses: Option<Vec<String>>,
}

impl Sans {
    /// Those of a certificate; `None` where it has none.
    pub(super) fn of(said: Extensions) -> Option<Self> {
        let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
        let sans = Self {
            dns_names: some(said.dns),
            emails: some(said.emails),
            upns: some(said.upns),
            uris: some(said.uris),
            addresses: some(said.addresses),
        };
        (!sans.is_empty()).then_some(sans)
    }

    /// Whether a certificate can have these names of one kind, which the policy calls so.
    pub(super) fn checked(kind: &str, names: &[String]) -> Result<(), Fault> {
        let sans = serde_json::json!({ kind: names });
        let sans: Self = serde_json::from_value(sans).map_err(|e| Fault::bad(e.to_string()))?;
        sans.made().map(|_names| ())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        let all = [
            &self.dns_names,
            &self.emails,
            &self.upns,
            &self.uris,
            &self.addresses,
        ];
        all.into_iter().flatten().all(Vec::is_empty)
    }

    /// As a certificate has them.
    pub(super) fn made(self) -> Result<Vec<SanType>, Fault> {
        if self.upns.is_some_and(|upns| !upns.is_empty()) {
            return Err(Fault::bad(
                "User principal names in a certificate are not served",
            ));
        }
        let wrong =
            |name: &str| Fault::bad(format!("'{}' is no name for a certificate", shown(name)));
        let mut made = Vec::new();
        for name in self.dns_names.unwrap_or_default() {
            let text = name.as_str().try_into();
            made.push(SanType::DnsName(text.map_err(|_ascii| wrong(&name))?));
        }
        for email in self.emails.unwrap_or_default() {
            let text = email.as_str().try_into();
            made.push(SanType::Rfc822Name(text.map_err(|_ascii| wrong(&email))?));
        }
        for uri in self.uris.unwrap_or_default() {
            let text = uri.as_str().try_into();
            let has_scheme = uri.contains(':');
            let text = text.ok().filter(|_| has_scheme);
            made.push(SanType::URI(text.ok_or_else(|| wrong(&uri))?));
        }
        for address in self.addresses.unwrap_or_default() {
            let read: Option<IpAddr> = address.parse().ok();
            made.push(SanType::IpAddress(read.ok_or_else(|| wrong(&address))?));
        }
        Ok(made)
    }
}

/// A subject, as `CN=web.example, O="Example, Inc."`; names count without regard to case.
pub(super) fn subject(text: &str) -> Result<DistinguishedName, Fault> {
    let mut name = DistinguishedName::new();
    let mut seen: Vec<DnType> = Vec::new();
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
            "SERIALNUMBER" => DnType::CustomDnType(vec![2, 5, 4, 5]),
            "STREET" => DnType::CustomDnType(vec![2, 5, 4, 9]),
            "DC" => DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]),
            "E" => DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]),
            _ => return Err(wrong()),
        };
        // the writer of certificates keeps one part of each kind: the second goes under its number
        let kind = match (seen.contains(&kind), &kind) {
            (false, _) => kind,
            (true, DnType::OrganizationalUnitName) => DnType::CustomDnType(vec![2, 5, 4, 11]),
            (true, DnType::OrganizationName) => DnType::CustomDnType(vec![2, 5, 4, 10]),
            (true, DnType::CommonName) => DnType::CustomDnType(vec![2, 5, 4, 3]),
            (true, _) => kind,
        };
        if seen.contains(&kind) {
            return Err(Fault::bad(
                "A part of the subject is there more often than podward can write it",
            ));
        }
        seen.push(kind.clone());
        name.push(kind, value);
    }
    Ok(name)
}

/// The parts between commas, or the plus signs of a part with several values, that are neither quoted nor escaped.
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
            ',' | '+' if !quoted => all.push(std::mem::take(&mut part)),
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
    use serde_json::json;

    #[test]
    fn a_subject_may_hold_commas() {
        assert_eq!(
            parts(r#"CN=a\,b, O="Example, Inc.",C=CH"#),
            ["CN=a,b", " O=Example, Inc.", "C=CH"]
        );
        assert!(subject("cn=web.example").is_ok() && subject("").is_ok());
        assert_eq!(parts("CN=a+SERIALNUMBER=1"), ["CN=a", "SERIALNUMBER=1"]);
        assert!(subject("CN=a, SerialNumber=1, STREET=x, OU=1, OU=2").is_ok());
        assert!(subject("DC=a, DC=b").is_err());
        assert!(subject("web.example").is_err() && subject("X=1").is_err());
    }

    #[test]
    fn names_of_every_kind_stand_in_the_certificate() {
        let sans = json!({
            "dns_names": ["web.example"], "emails": ["a@example.com"],
            "uris": ["spiffe://shop/web"], "ipAddresses": ["10.0.0.1", "2001:db8::1"],
        });
        let read: Sans = serde_json::from_value(sans.clone()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = read.made().unwrap();
        let made = params.self_signed(&key).unwrap();
        let told = crate::vault::x509::read(made.der()).unwrap();
        let told = Sans::of(crate::vault::extensions::read(told.extensions));
        assert_eq!(json!(told), sans);
        assert!(serde_json::from_value::<Sans>(json!({"rids": ["1.2.3"]})).is_err());
        for wrong in [
            json!({"ipAddresses": ["10.0.0"]}),
            json!({"uris": ["nothing"]}),
            json!({"upns": ["a@b"]}),
        ] {
            let read: Sans = serde_json::from_value(wrong.clone()).unwrap();
            assert!(read.made().is_err(), "{wrong}");
        }
    }
}
