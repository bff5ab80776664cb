//! What a vault starts with.

use std::collections::BTreeMap;

use podward_api::SecretString;
use serde::{Deserialize, Serialize};

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// Name.
    pub name: String,
    /// Value.
    #[serde(default)]
    pub value: Option<SecretString>,
    /// A random value instead.
    #[serde(default)]
    pub generate: bool,
    /// Content type.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Whether it is enabled, and its times.
    #[serde(default)]
    pub attributes: Attributes,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// State and times of what a vault starts with, as the REST API names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// Whether it may be used; it may where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// When it begins to be valid, unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// When it ends to be valid, unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Key {
    /// Name.
    pub name: String,
    /// `RSA` or `EC`.
    #[serde(rename = "type")]
    pub kind: String,
    /// RSA: 2048, 3072 or 4096 bits.
    #[serde(default)]
    pub size: Option<u32>,
    /// EC: `P-256`, `P-256K`, `P-384` or `P-521`.
    #[serde(default)]
    pub curve: Option<String>,
    /// What may be done with it; all that its type allows where absent.
    #[serde(default)]
    pub key_ops: Option<Vec<String>>,
    /// Whether it is enabled, and its times.
    #[serde(default)]
    pub attributes: Attributes,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A self-signed certificate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Certificate {
    /// Name.
    pub name: String,
    /// Subject, `CN=…`.
    pub subject: String,
    /// DNS names.
    #[serde(default)]
    pub dns_names: Vec<String>,
    /// Addresses of mail.
    #[serde(default)]
    pub emails: Vec<String>,
    /// URIs.
    #[serde(default)]
    pub uris: Vec<String>,
    /// IP addresses.
    #[serde(default)]
    pub ip_addresses: Vec<String>,
    /// Months that it is good for, 1 to 1200; 12 where absent.
    #[serde(default)]
    pub validity_months: Option<u32>,
    /// Of its key: `P-256`, which it is where absent, `P-384` or `P-521`.
    #[serde(default)]
    pub curve: Option<String>,
    /// `application/x-pem-file`.
    #[serde(default)]
    pub content_type: Option<String>,
    /// Whether it is enabled, and its times.
    #[serde(default)]
    pub attributes: Attributes,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
