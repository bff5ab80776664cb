//! What a data folder holds, as a configuration.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::certificate::Certificate;
use super::data::{Data, DataError};
use super::objects::Object;
use super::shelf::{Item, Shelf, Version};
use super::store::Store;
use crate::config::Attributes;

/// What is kept, as the fields of a cloud.yaml.
pub struct Export {
    /// The document.
    pub config: Value,
    /// Vaults that are kept, and that the configuration does not name.
    pub unnamed: Vec<String>,
    /// Whether passwords of applications were left out.
    pub without_passwords: bool,
}

impl Data {
    /// The tenants, identities and vaults of the configuration that was applied last, with the objects that the
    /// vaults hold now: the latest version of each that was not deleted. `None` where none was applied yet.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn export(self: &Arc<Self>, with_values: bool) -> Result<Option<Export>, DataError> {
        let Some(text) = self.config()? else {
            return Ok(None);
        };
        let damaged = |_other_form| self.damaged("the configuration");
        let mut config: Value = serde_json::from_slice(&text).map_err(damaged)?;
        let mut named = Vec::new();
        let vaults = config.get_mut("vaults").and_then(Value::as_array_mut);
        for vault in vaults.into_iter().flatten() {
            let Some(vault) = vault.as_object_mut() else {
                continue;
            };
            let name = vault.get("name").and_then(Value::as_str);
            let name = name.unwrap_or_default().to_ascii_lowercase();
            fill(vault, &self.load(&name)?, with_values);
            named.push(name);
        }
        let mut unnamed = self.vaults()?;
        unnamed.retain(|vault| !named.contains(vault));
        Ok(Some(Export {
            without_passwords: !with_values && forget_passwords(&mut config),
            config,
            unnamed,
        }))
    }
}

fn fill(vault: &mut Map<String, Value>, store: &Store, with_values: bool) {
    let secrets = live(&store.secrets, |item, version| {
        let secret = &version.body;
        let mut fields = json!({"name": item.name});
        if let Some(fields) = fields.as_object_mut() {
            if with_values {
                fields.insert("value".into(), json!(secret.value.expose()));
            } else {
                fields.insert("generate".into(), json!(true));
            }
            if let Some(kind) = &secret.content_type {
                fields.insert("contentType".into(), json!(kind));
            }
        }
        Some(fields)
    });
    let keys = live(&store.keys, |item, version| {
        let key = &version.body;
        let mut fields = key.described()?;
        let told = fields.as_object_mut()?;
        told.insert("name".into(), json!(item.name));
        if let Some(operations) = &key.operations {
            told.insert("keyOps".into(), json!(operations));
        }
        Some(fields)
    });
    let certificates = live(&store.certificates, |item, _| {
        let policy = item.policy.as_ref();
        let part = |path: &str| policy.and_then(|policy| policy.pointer(path)).cloned();
        let subject = part("/x509_props/subject").filter(Value::is_string);
        let mut fields = json!({"name": item.name, "subject": subject.unwrap_or(json!(""))});
        if let Some(fields) = fields.as_object_mut() {
            let names = |kind: &str| {
                let names = part(&format!("/x509_props/sans/{kind}"));
                names.filter(|names| *names != json!([]))
            };
            // what a certificate has where cloud.yaml is silent, or what it cannot have
            let months = part("/x509_props/validity_months").filter(|months| *months != json!(12));
            let curve = part("/key_props/crv");
            let curve = curve.filter(|curve| ["P-384", "P-521"].map(Value::from).contains(curve));
            let all = [
                ("dnsNames", names("dns_names")),
                ("emails", names("emails")),
                ("uris", names("uris")),
                ("ipAddresses", names("ipAddresses")),
                ("validityMonths", months),
                ("curve", curve),
                ("contentType", part("/secret_props/contentType")),
            ];
            for (field, value) in all {
                if let Some(value) = value.filter(|value| !value.is_null()) {
                    fields.insert(field.into(), value);
                }
            }
        }
        Some(fields)
    });
    for (kind, all) in [
        ("secrets", secrets),
        ("keys", keys),
        ("certificates", certificates),
    ] {
        if all.is_empty() {
            vault.remove(kind);
        } else {
            vault.insert(kind.into(), Value::Array(all));
        }
    }
}

fn live<T: Object>(
    shelf: &Shelf<T>,
    tell: impl Fn(&Item<T>, &Version<T>) -> Option<Value>,
) -> Vec<Value> {
    let own = shelf
        .all()
        .filter(|item| item.deleted.is_none() && !item.managed());
    let latest = own.filter_map(|item| Some((item, item.version(None)?)));
    latest
        .filter(|(_, version)| !version.body.waits())
        .filter_map(|(item, version)| {
            let mut fields = tell(item, version)?;
            describe(
                version,
                T::KIND == Certificate::KIND,
                fields.as_object_mut()?,
            );
            Some(fields)
        })
        .collect()
}

/// Adds attributes and tags. The times of a certificate stand in it.
fn describe<T>(version: &Version<T>, is_certificate: bool, fields: &mut Map<String, Value>) {
    let (own, none) = (&version.attributes, Attributes::default());
    let attributes = Attributes {
        enabled: (!own.enabled).then_some(false),
        nbf: own.nbf.filter(|_| !is_certificate),
        exp: own.exp.filter(|_| !is_certificate),
    };
    if attributes != none {
        fields.insert("attributes".into(), json!(attributes));
    }
    if let Some(tags) = version.tags.as_ref().filter(|tags| !tags.is_empty()) {
        fields.insert("tags".into(), json!(tags));
    }
}

/// Takes the passwords of applications out; whether there were any.
fn forget_passwords(config: &mut Value) -> bool {
    let tenants = config.get_mut("tenants").and_then(Value::as_array_mut);
    let mut any = false;
    for tenant in tenants.into_iter().flatten() {
        for kind in ["applications", "managedIdentities"] {
            let all = tenant.get_mut(kind).and_then(Value::as_array_mut);
            let all = all.into_iter().flatten().filter_map(Value::as_object_mut);
            for one in all {
                any |= one.remove("clientSecrets").is_some();
            }
        }
    }
    any
}
