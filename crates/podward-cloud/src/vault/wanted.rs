//! What cloud.yaml wants of a certificate.

use serde_json::{Map, Value, json};

use super::policy::PEM;
use super::subject::Sans;
use crate::config::{Certificate, ConfigError};

/// The policy of a certificate. It stays as it is with later versions, since it is what a data folder remembers.
pub(super) fn policy_of(
    wanted: &Certificate,
    at: &dyn Fn(&str) -> String,
) -> Result<Value, ConfigError> {
    let curve = wanted.curve.as_deref().unwrap_or("P-256");
    if !["P-256", "P-384", "P-521"].contains(&curve) {
        let text = "the key of a certificate is of P-256, P-384 or P-521";
        return Err(ConfigError::new(at("curve"), text));
    }
    let mut sans = Map::new();
    for (field, name, list) in [
        ("dnsNames", "dns_names", &wanted.dns_names),
        ("emails", "emails", &wanted.emails),
        ("uris", "uris", &wanted.uris),
        ("ipAddresses", "ipAddresses", &wanted.ip_addresses),
    ] {
        Sans::checked(name, list).map_err(|fault| ConfigError::new(at(field), fault.message))?;
        if !list.is_empty() || field == "dnsNames" {
            sans.insert(name.into(), json!(list));
        }
    }
    let mut x509 = json!({"subject": wanted.subject, "sans": sans});
    if let (Some(months), Some(x509)) = (wanted.validity_months, x509.as_object_mut()) {
        if !(1..=1200).contains(&months) {
            let text = "a certificate is good for 1 to 1200 months";
            return Err(ConfigError::new(at("validityMonths"), text));
        }
        x509.insert("validity_months".into(), json!(months));
    }
    Ok(json!({
        "key_props": {"exportable": true, "kty": "EC", "crv": curve, "reuse_key": false},
        "secret_props": {"contentType": wanted.content_type.as_deref().unwrap_or(PEM)},
        "x509_props": x509,
        "issuer": {"name": "Self"},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(more: &Value) -> Result<Value, String> {
        let mut one = json!({"name": "web", "subject": "CN=web"});
        one.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let one = serde_json::from_value(one).unwrap();
        let at = |field: &str| format!("certificates[0].{field}");
        policy_of(&one, &at).map_err(|e| e.to_string())
    }

    /// A data folder that an earlier version filled knows them by it.
    #[test]
    fn a_certificate_of_which_little_is_said_has_the_policy_that_it_always_had() {
        assert_eq!(
            policy(&json!({"dnsNames": ["web.example"]})).unwrap(),
            json!({
                "key_props": {"exportable": true, "kty": "EC", "crv": "P-256", "reuse_key": false},
                "secret_props": {"contentType": "application/x-pem-file"},
                "x509_props": {"subject": "CN=web", "sans": {"dns_names": ["web.example"]}},
                "issuer": {"name": "Self"},
            })
        );
    }

    #[test]
    fn what_no_certificate_has_is_refused_where_it_stands() {
        for (more, place) in [
            (json!({"curve": "P-256K"}), "curve"),
            (json!({"validityMonths": 0}), "validityMonths"),
            (json!({"dnsNames": ["bücher.example"]}), "dnsNames"),
            (json!({"uris": ["no scheme"]}), "uris"),
            (json!({"emails": ["ä@web.example"]}), "emails"),
            (json!({"ipAddresses": ["10.0.0.256"]}), "ipAddresses"),
        ] {
            let told = policy(&more).unwrap_err();
            assert!(told.contains(&format!("certificates[0].{place}")), "{told}");
        }
        let all = json!({
            "curve": "P-521", "validityMonths": 1200, "emails": ["a@web.example"],
            "uris": ["spiffe://web.example/a"], "ipAddresses": ["192.0.2.1", "2001:db8::1"],
        });
        let policy = policy(&all).unwrap();
        assert_eq!(policy["x509_props"]["validity_months"], 1200);
        assert_eq!(
            policy["x509_props"]["sans"]["ipAddresses"][1],
            "2001:db8::1"
        );
    }
}
