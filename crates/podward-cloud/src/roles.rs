//! Roles of Azure RBAC for what a vault holds: which actions each has.

use serde::Deserialize;

/// That an identity has a role.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleAssignment {
    /// Name or client id.
    pub identity: String,
    /// The role.
    pub role: Role,
    /// Of what: the whole vault where absent.
    #[serde(default)]
    pub scope: Option<Scope>,
}

/// A built-in role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Role(&'static Definition);

#[derive(Debug, PartialEq, Eq)]
struct Definition {
    /// Without `Key Vault` before it.
    name: &'static str,
    id: &'static str,
    /// Behind `Microsoft.KeyVault/vaults/`; a star at the end, or one as the first part, stands for anything.
    actions: &'static [&'static str],
}

const PREFIX: &str = "Key Vault ";

/// Names, ids and data actions are those of the service.
static ROLES: [Definition; 9] = [
    Definition {
        name: "Administrator",
        id: "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        actions: &["*"],
    },
    Definition {
        name: "Reader",
        id: "21090545-7ca7-4776-b22c-e363652d74d2",
        actions: &["*/read", "secrets/readMetadata/action"],
    },
    Definition {
        name: "Secrets Officer",
        id: "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        actions: &["secrets/*"],
    },
    Definition {
        name: "Secrets User",
        id: "4633458b-17de-408a-b874-0445c86b69e6",
        actions: &["secrets/getSecret/action", "secrets/readMetadata/action"],
    },
    Definition {
        name: "Crypto Officer",
        id: "14b46e9e-c2b7-41b4-b07b-48a6ebf60603",
        actions: &["keys/*", "keyrotationpolicies/*"],
    },
    Definition {
        name: "Crypto User",
        id: "12338af0-0e69-4776-bea7-57ae8d297424",
        actions: &[
            "keys/read",
            "keys/update/action",
            "keys/backup/action",
            "keys/encrypt/action",
            "keys/decrypt/action",
            "keys/wrap/action",
            "keys/unwrap/action",
            "keys/sign/action",
            "keys/verify/action",
        ],
    },
    Definition {
        name: "Crypto Service Encryption User",
        id: "e147488a-f6f5-4113-8e2d-b22465e65bf6",
        actions: &["keys/read", "keys/wrap/action", "keys/unwrap/action"],
    },
    Definition {
        name: "Certificates Officer",
        id: "a4417e6f-fecd-4de8-b567-7b0420556985",
        actions: &[
            "certificatecas/*",
            "certificates/*",
            "certificatecontacts/write",
        ],
    },
    Definition {
        name: "Certificate User",
        id: "db79e9a7-68ee-4b58-9aeb-b90e7c24fcba",
        actions: &[
            "certificates/read",
            "secrets/getSecret/action",
            "secrets/readMetadata/action",
            "keys/read",
        ],
    },
];

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let name = text.strip_prefix(PREFIX).unwrap_or(&text);
        let found = ROLES
            .iter()
            .find(|role| role.name == name || role.id.eq_ignore_ascii_case(name));
        found.map(Self).ok_or_else(|| {
            let names: Vec<_> = ROLES.iter().map(|role| role.name).collect();
            format!(
                "there is no role of this name or id for what a vault holds: use {PREFIX}{}",
                names.join(", ")
            )
        })
    }
}

impl Role {
    /// As the service calls it.
    #[must_use]
    pub fn name(self) -> String {
        format!("{PREFIX}{}", self.0.name)
    }

    /// Whether the role has an action, named without `Microsoft.KeyVault/vaults/`.
    pub(crate) fn has(self, action: &str) -> bool {
        self.0.actions.iter().any(|pattern| {
            if let Some(start) = pattern.strip_suffix('*') {
                return action.starts_with(start);
            }
            match pattern.strip_prefix('*') {
                Some(end) => action.ends_with(end),
                None => *pattern == action,
            }
        })
    }
}

/// One object of a vault, as `/secrets/db`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope {
    /// `secrets`, `keys` or `certificates`.
    kind: String,
    name: String,
}

impl TryFrom<String> for Scope {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["", kind @ ("secrets" | "keys" | "certificates"), name] if !name.is_empty() => {
                Ok(Self {
                    kind: (*kind).to_owned(),
                    name: (*name).to_owned(),
                })
            }
            _ => Err("a scope is /secrets/NAME, /keys/NAME or /certificates/NAME".into()),
        }
    }
}

impl Scope {
    /// Whether it is the object of this kind and name.
    pub(crate) fn covers(&self, kind: &str, name: &str) -> bool {
        self.kind == kind && self.name.eq_ignore_ascii_case(name)
    }
}

/// The action that an operation on objects of a kind is, without `Microsoft.KeyVault/vaults/`. `operation` is a word of
/// access policies, or one of those that have several actions behind one word.
pub(crate) fn action(kind: &str, operation: &str) -> String {
    match (kind, operation) {
        ("secrets", "get") => "secrets/getSecret/action".into(),
        ("secrets", "list" | "get deleted") => "secrets/readMetadata/action".into(),
        ("secrets", "set") => "secrets/setSecret/action".into(),
        (_, "get" | "list" | "get deleted") => format!("{kind}/read"),
        (_, "delete") => format!("{kind}/delete"),
        ("keys", "wrapKey") => "keys/wrap/action".into(),
        ("keys", "unwrapKey") => "keys/unwrap/action".into(),
        ("keys", "getrotationpolicy") => "keyrotationpolicies/read".into(),
        ("keys", "setrotationpolicy") => "keyrotationpolicies/write".into(),
        ("certificates", "getissuers" | "listissuers") => "certificatecas/read".into(),
        ("certificates", "setissuers" | "manageissuers") => "certificatecas/write".into(),
        ("certificates", "deleteissuers") => "certificatecas/delete".into(),
        ("certificates", "managecontacts") => "certificatecontacts/write".into(),
        _ => format!("{kind}/{operation}/action"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(text: &str) -> Result<Role, String> {
        Role::try_from(text.to_owned())
    }

    #[test]
    fn a_role_is_known_by_name_and_by_id() {
        for text in [
            "Key Vault Secrets User",
            "Secrets User",
            "4633458b-17de-408a-b874-0445c86b69e6",
            "4633458B-17DE-408A-B874-0445C86B69E6",
        ] {
            assert_eq!(role(text).unwrap().name(), "Key Vault Secrets User");
        }
        for text in ["Owner", "", "Key Vault", "secrets user"] {
            assert!(role(text).is_err(), "{text}");
        }
    }

    #[test]
    fn each_role_has_its_actions_and_no_more() {
        let has = |name: &str, kind: &str, operation: &str| {
            role(name).unwrap().has(&action(kind, operation))
        };
        assert!(has("Administrator", "secrets", "purge"));
        assert!(has("Reader", "keys", "get") && has("Reader", "secrets", "list"));
        assert!(!has("Reader", "secrets", "get") && !has("Reader", "keys", "sign"));
        assert!(has("Reader", "keys", "getrotationpolicy"));
        assert!(has("Secrets Officer", "secrets", "purge"));
        assert!(!has("Secrets Officer", "keys", "get"));
        assert!(has("Secrets User", "secrets", "get deleted"));
        assert!(!has("Secrets User", "secrets", "set"));
        assert!(has("Crypto Officer", "keys", "setrotationpolicy"));
        assert!(has("Crypto User", "keys", "unwrapKey"));
        assert!(!has("Crypto User", "keys", "create") && !has("Crypto User", "keys", "rotate"));
        let encryption = "Crypto Service Encryption User";
        assert!(has(encryption, "keys", "wrapKey") && !has(encryption, "keys", "sign"));
        let officer = "Certificates Officer";
        assert!(
            has(officer, "certificates", "purge") && has(officer, "certificates", "setissuers")
        );
        assert!(!has(officer, "secrets", "get"));
        let user = "Certificate User";
        assert!(has(user, "secrets", "get") && has(user, "certificates", "list"));
        assert!(!has(user, "certificates", "create"));
    }

    #[test]
    fn a_scope_is_one_object() {
        let scope = |text: &str| Scope::try_from(text.to_owned());
        let one = scope("/secrets/db").unwrap();
        assert!(one.covers("secrets", "DB"));
        assert!(!one.covers("secrets", "") && !one.covers("keys", "db"));
        for wrong in [
            "",
            "/",
            "/secrets",
            "/secrets/",
            "secrets/db",
            "/secrets/a/b",
            "/x/y",
        ] {
            assert!(scope(wrong).is_err(), "{wrong}");
        }
    }
}
