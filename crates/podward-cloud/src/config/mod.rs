//! cloud.yaml, as documented in docs/cloud.md.

mod check;
mod objects;

use podward_api::KEY_VAULT_RESOURCE;
use serde::Deserialize;

pub use objects::{Attributes, Certificate, Key, Secret};

use crate::credentials::{ClientCertificate, ClientSecret, FederatedCredential};
use crate::names::{MANAGER_RESOURCE, same_resource};
use crate::roles::RoleAssignment;
use crate::throttle::Throttle;

/// `kind: Cloud`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudConfig {
    /// `podward.dev/v1alpha1`.
    pub api_version: String,
    /// `Cloud`.
    pub kind: String,
    /// Seconds that the cloud's clock is ahead of the machine's; negative where it is behind.
    #[serde(default)]
    pub clock_offset: i64,
    /// The token service.
    #[serde(default)]
    pub token_service: TokenService,
    /// Tenants.
    #[serde(default)]
    pub tenants: Vec<Tenant>,
    /// Vaults.
    #[serde(default)]
    pub vaults: Vec<Vault>,
}

/// The token service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenService {
    /// A number that stands for the signing key: with another one there is another key.
    #[serde(default)]
    pub key_generation: u64,
    /// Seconds after which the signing key rolls over by itself.
    #[serde(default)]
    pub key_lifetime: Option<u32>,
}

/// A Microsoft Entra tenant.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tenant {
    /// Its id, a GUID.
    pub id: String,
    /// A name to refer to it.
    #[serde(default)]
    pub name: String,
    /// Resources that tokens are issued for, besides Key Vault.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Applications.
    #[serde(default)]
    pub applications: Vec<Application>,
    /// Managed identities.
    #[serde(default)]
    pub managed_identities: Vec<Application>,
}

/// An application or a managed identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    /// A name to refer to it.
    pub name: String,
    /// Its client id, a GUID.
    pub client_id: String,
    /// ARM id, of a managed identity.
    #[serde(default)]
    pub resource_id: Option<String>,
    /// Whether it is the machine's own identity, of a managed identity.
    #[serde(default)]
    pub system_assigned: bool,
    /// Client secrets.
    #[serde(default)]
    pub client_secrets: Vec<ClientSecret>,
    /// Certificates whose keys sign its assertions.
    #[serde(default)]
    pub certificates: Vec<ClientCertificate>,
    /// What it may get tokens for; all the tenant's where absent.
    #[serde(default)]
    pub resources: Option<Vec<String>>,
    /// Federated credentials.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
}

/// A vault.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vault {
    /// Name, 3 to 24 letters, digits and hyphens.
    pub name: String,
    /// Name or id of its tenant.
    pub tenant: String,
    /// Days that deleted objects are kept: 7 to 90, which is what it is where absent.
    #[serde(default)]
    pub retention_days: Option<i64>,
    /// Whether nobody may purge what was deleted.
    #[serde(default)]
    pub purge_protection: bool,
    /// How much it answers; without limit where absent.
    #[serde(default)]
    pub throttle: Option<Throttle>,
    /// Who may do what, by access policies.
    #[serde(default)]
    pub access: Vec<Access>,
    /// Who has which role; then there are no access policies.
    #[serde(default)]
    pub roles: Option<Vec<RoleAssignment>>,
    /// Secrets it starts with.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Keys it starts with.
    #[serde(default)]
    pub keys: Vec<Key>,
    /// Certificates it starts with.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
}

/// What an identity may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Access {
    /// Name or client id.
    pub identity: String,
    /// Operations on secrets.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Operations on keys.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Operations on certificates.
    #[serde(default)]
    pub certificates: Vec<String>,
}

/// A contradiction in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ConfigError {
    /// Where, as `vaults[0].tenant`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl ConfigError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl CloudConfig {
    /// A vault by name.
    pub(crate) fn vault(&self, name: &str) -> Option<&Vault> {
        let mut vaults = self.vaults.iter();
        vaults.find(|vault| vault.name.eq_ignore_ascii_case(name))
    }

    /// A tenant by id or name.
    pub(crate) fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants
            .iter()
            .find(|t| t.id.eq_ignore_ascii_case(name) || (!t.name.is_empty() && t.name == name))
    }
}

impl Vault {
    /// Days that deleted objects are kept.
    pub(crate) fn retention(&self) -> i64 {
        self.retention_days.unwrap_or(90)
    }

    /// What becomes of a deleted object, in the service's words.
    pub(crate) fn recovery_level(&self) -> &'static str {
        match (self.retention() < 90, self.purge_protection) {
            (false, false) => "Recoverable+Purgeable",
            (false, true) => "Recoverable",
            (true, false) => "CustomizedRecoverable+Purgeable",
            (true, true) => "CustomizedRecoverable",
        }
    }
}

impl Tenant {
    /// All applications, managed identities too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Application> {
        self.applications.iter().chain(&self.managed_identities)
    }

    /// An application by client id or name.
    pub(crate) fn application(&self, name: &str) -> Option<&Application> {
        self.all()
            .find(|a| a.client_id.eq_ignore_ascii_case(name) || a.name == name)
    }

    /// Whether tokens are issued for the resource.
    pub(crate) fn knows(&self, resource: &str) -> bool {
        let is = |known| same_resource(resource, known);
        is(KEY_VAULT_RESOURCE)
            || is(MANAGER_RESOURCE)
            || self
                .resources
                .iter()
                .any(|known| same_resource(known, resource))
    }
}
