//! cloud.yaml, as documented in docs/cloud.md.

mod objects;

use podward_api::{Guid, KEY_VAULT_RESOURCE};
use serde::Deserialize;

pub use objects::{Attributes, Certificate, Key, Secret};

use crate::credentials::{ClientCertificate, ClientSecret, FederatedCredential};
use crate::names::same_resource;
use crate::roles::RoleAssignment;
use crate::throttle::Throttle;

/// How far the clock may be set off, seconds.
const MAX_OFFSET: u64 = 20 * 366 * 86_400;

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

/// What a vault's access policy can name (Key Vault access policies), by kind of object.
const SECRET_OPERATIONS: &[&str] = &[
    "all", "get", "list", "set", "delete", "recover", "backup", "restore", "purge",
];
const KEY_OPERATIONS: &[&str] = &[
    "all",
    "get",
    "list",
    "update",
    "create",
    "import",
    "delete",
    "recover",
    "backup",
    "restore",
    "decrypt",
    "encrypt",
    "unwrapKey",
    "wrapKey",
    "verify",
    "sign",
    "purge",
    "release",
    "rotate",
    "getrotationpolicy",
    "setrotationpolicy",
];
const CERTIFICATE_OPERATIONS: &[&str] = &[
    "all",
    "get",
    "list",
    "update",
    "create",
    "import",
    "delete",
    "recover",
    "backup",
    "restore",
    "managecontacts",
    "manageissuers",
    "getissuers",
    "listissuers",
    "setissuers",
    "deleteissuers",
    "purge",
];

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
    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// At the first contradiction.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fault = |path: String, message: &str| Err(ConfigError::new(path, message));
        // an empty configuration is no file at all
        if !self.kind.is_empty()
            && (self.kind != "Cloud" || self.api_version != "podward.dev/v1alpha1")
        {
            return fault(
                "apiVersion".into(),
                "must be podward.dev/v1alpha1, with kind Cloud",
            );
        }
        if self.clock_offset.unsigned_abs() > MAX_OFFSET {
            return fault("clockOffset".into(), "is more than twenty years");
        }
        if self.token_service.key_lifetime == Some(0) {
            return fault(
                "tokenService.keyLifetime".into(),
                "must be at least one second",
            );
        }
        let mut clients = std::collections::BTreeSet::new();
        let mut system_assigned = false;
        for (t, tenant) in self.tenants.iter().enumerate() {
            if tenant.id.parse::<Guid>().is_err() {
                return fault(format!("tenants[{t}].id"), "must be a GUID");
            }
            let before = self.tenants.get(..t).unwrap_or_default();
            if before
                .iter()
                .any(|one| one.id.eq_ignore_ascii_case(&tenant.id))
            {
                return fault(format!("tenants[{t}].id"), "another tenant has this id");
            }
            if !tenant.name.is_empty() && before.iter().any(|one| one.name == tenant.name) {
                return fault(format!("tenants[{t}].name"), "another tenant has this name");
            }
            let mut names = std::collections::BTreeSet::new();
            let groups = [
                ("applications", &tenant.applications),
                ("managedIdentities", &tenant.managed_identities),
            ];
            for (group, applications) in groups {
                for (a, application) in applications.iter().enumerate() {
                    let at = format!("tenants[{t}].{group}[{a}]");
                    if application.client_id.parse::<Guid>().is_err() {
                        return fault(format!("{at}.clientId"), "must be a GUID");
                    }
                    if !names.insert(application.name.as_str()) {
                        return fault(
                            format!("{at}.name"),
                            "another identity of the tenant has this name",
                        );
                    }
                    let mut secrets = application.client_secrets.iter();
                    if let Some(s) = secrets.position(|one| one.value.expose().is_empty()) {
                        return fault(format!("{at}.clientSecrets[{s}]"), "must not be empty");
                    }
                    if !clients.insert(application.client_id.to_ascii_lowercase()) {
                        return fault(
                            format!("{at}.clientId"),
                            "another application has this client id",
                        );
                    }
                    let managed = group == "managedIdentities";
                    if application.system_assigned
                        && (!managed || std::mem::replace(&mut system_assigned, true))
                    {
                        return fault(
                            format!("{at}.systemAssigned"),
                            "one managed identity at most is the machine's own",
                        );
                    }
                    if application.federated_credentials.len() > 20 {
                        return fault(
                            format!("{at}.federatedCredentials"),
                            "an identity has at most 20 of them",
                        );
                    }
                    for (r, resource) in application.resources.iter().flatten().enumerate() {
                        if !tenant.knows(resource) {
                            return fault(
                                format!("{at}.resources[{r}]"),
                                "the tenant's resources do not list it",
                            );
                        }
                    }
                }
            }
        }
        self.check_credentials()?;
        for (v, vault) in self.vaults.iter().enumerate() {
            if !is_vault_name(&vault.name) {
                return fault(
                    format!("vaults[{v}].name"),
                    "must be 3 to 24 letters, digits and hyphens: a letter first, no two hyphens in a row and none at the end, as shop-dev",
                );
            }
            if self
                .vaults
                .iter()
                .take(v)
                .any(|other| other.name.eq_ignore_ascii_case(&vault.name))
            {
                return fault(format!("vaults[{v}].name"), "another vault has this name");
            }
            if !(7..=90).contains(&vault.retention()) {
                return fault(format!("vaults[{v}].retentionDays"), "must be from 7 to 90");
            }
            let Some(tenant) = self.tenant(&vault.tenant) else {
                return fault(format!("vaults[{v}].tenant"), "there is no such tenant");
            };
            if vault.roles.is_some() && !vault.access.is_empty() {
                return fault(
                    format!("vaults[{v}].roles"),
                    "a vault has either access or roles",
                );
            }
            for (r, assigned) in vault.roles.iter().flatten().enumerate() {
                if tenant.application(&assigned.identity).is_none() {
                    return fault(
                        format!("vaults[{v}].roles[{r}].identity"),
                        "the vault's tenant has no such identity",
                    );
                }
            }
            for (a, access) in vault.access.iter().enumerate() {
                if tenant.application(&access.identity).is_none() {
                    return fault(
                        format!("vaults[{v}].access[{a}].identity"),
                        "the vault's tenant has no such identity",
                    );
                }
                let lists = [
                    ("secrets", &access.secrets, SECRET_OPERATIONS),
                    ("keys", &access.keys, KEY_OPERATIONS),
                    ("certificates", &access.certificates, CERTIFICATE_OPERATIONS),
                ];
                for (kind, list, known) in lists {
                    let stray = list.iter().position(|one| !known.contains(&one.as_str()));
                    if let Some(index) = stray {
                        return fault(
                            format!("vaults[{v}].access[{a}].{kind}[{index}]"),
                            &format!("no operation on {kind}: use {}", known.join(", ")),
                        );
                    }
                }
            }
        }
        Ok(())
    }

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

/// Whether the service takes it as the name of a vault.
fn is_vault_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && !name.contains("--")
        && !name.ends_with('-')
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
        same_resource(resource, KEY_VAULT_RESOURCE)
            || self
                .resources
                .iter()
                .any(|known| same_resource(known, resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_and_ids_are_those_of_the_services() {
        let (tenant, one, other) = (
            "7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11",
            "2c9d7b35-f840-4a16-b3ce-81f0d6e52a97",
            "3a9c7b35-f840-4a16-b3ce-81f0d6e52a97",
        );
        let wrong = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut config = json!({
                "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
                "tenants": [{"id": tenant, "name": "local", "applications": [
                    {"name": "a", "clientId": one, "clientSecrets": ["x"]},
                    {"name": "b", "clientId": other}]}],
                "vaults": [{"name": "shop-dev", "tenant": "local"}],
            });
            change(&mut config);
            let config: CloudConfig = serde_json::from_value(config).unwrap();
            config.check().err().map(|error| error.path)
        };
        assert_eq!(wrong(&|_| ()), None);
        for (at, value, path) in [
            ("/tenants/0/id", "T", "tenants[0].id"),
            (
                "/tenants/0/applications/0/clientId",
                "C",
                "tenants[0].applications[0].clientId",
            ),
            (
                "/tenants/0/applications/1/clientId",
                one,
                "tenants[0].applications[1].clientId",
            ),
            (
                "/tenants/0/applications/1/name",
                "a",
                "tenants[0].applications[1].name",
            ),
            (
                "/tenants/0/applications/0/clientSecrets/0",
                "",
                "tenants[0].applications[0].clientSecrets[0]",
            ),
            ("/vaults/0/name", "1shop", "vaults[0].name"),
            ("/vaults/0/name", "shop-", "vaults[0].name"),
            ("/vaults/0/name", "sh--op", "vaults[0].name"),
            ("/vaults/0/name", "ab", "vaults[0].name"),
        ] {
            let found = wrong(&|config| *config.pointer_mut(at).unwrap() = json!(value));
            assert_eq!(found.as_deref(), Some(path), "{at} {value}");
        }
        let twice = wrong(&|config| {
            let again = config["tenants"][0].clone();
            config["tenants"].as_array_mut().unwrap().push(again);
        });
        assert_eq!(twice.as_deref(), Some("tenants[1].id"));
    }
}
