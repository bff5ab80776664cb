//! What the types of a configuration cannot say.

use podward_api::Guid;

use super::{CloudConfig, ConfigError};

/// How far the clock may be set off, seconds.
const MAX_OFFSET: u64 = 20 * 366 * 86_400;

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
