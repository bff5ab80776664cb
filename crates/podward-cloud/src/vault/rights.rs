//! What a client may: by the vault's access policies, or by the roles it has.

use super::fault::Fault;
use super::objects::Kind;
use crate::config::{CloudConfig, Vault};
use crate::roles::{Role, Scope, action};
use crate::token_door::object_id;

/// What one client may in one vault.
pub(super) enum Rights {
    /// Words of access policies.
    Policies(Policies),
    /// Roles, of the vault or of one object.
    Roles(Vec<(Role, Option<Scope>)>),
}

/// Operations by kind of object.
#[derive(Default)]
pub(super) struct Policies {
    secrets: Vec<String>,
    keys: Vec<String>,
    certificates: Vec<String>,
}

impl Rights {
    /// Those of a client.
    pub(super) fn of(config: &CloudConfig, vault: &Vault, client: &str) -> Self {
        let tenant = config.tenant(&vault.tenant);
        let means = |identity: &str| {
            let found = tenant.and_then(|tenant| tenant.application(identity));
            found.is_some_and(|one| one.client_id.eq_ignore_ascii_case(client))
        };
        if let Some(roles) = &vault.roles {
            let own = roles.iter().filter(|one| means(&one.identity));
            return Self::Roles(own.map(|one| (one.role, one.scope.clone())).collect());
        }
        let mut policies = Policies::default();
        for access in vault.access.iter().filter(|one| means(&one.identity)) {
            policies.secrets.extend(access.secrets.iter().cloned());
            policies.keys.extend(access.keys.iter().cloned());
            let certificates = access.certificates.iter();
            policies.certificates.extend(certificates.cloned());
        }
        Self::Policies(policies)
    }

    /// Whether they give an operation on an object; on all of the kind where the name is empty.
    pub(super) fn give(&self, kind: Kind, operation: &str, name: &str) -> bool {
        match self {
            Self::Policies(policies) => policies.give(kind, operation),
            Self::Roles(roles) => {
                let action = action(kind.many, operation);
                roles.iter().any(|(role, scope)| {
                    let covers = |scope: &Scope| scope.covers(kind.many, name);
                    role.has(&action) && scope.as_ref().is_none_or(covers)
                })
            }
        }
    }

    /// Why an operation is granted.
    pub(super) fn reason(&self, kind: Kind, operation: &str, name: &str) -> String {
        if let Self::Roles(roles) = self {
            let action = action(kind.many, operation);
            let given = roles.iter().find(|(role, scope)| {
                let covers = |scope: &Scope| scope.covers(kind.many, name);
                role.has(&action) && scope.as_ref().is_none_or(covers)
            });
            if let Some((role, _)) = given {
                return format!("the role {} has {action}", role.name());
            }
        }
        format!("the vault's access list gives {}", word(operation))
    }

    /// The refusal of an operation, as the service words it; and for the access log.
    pub(super) fn refusal(
        &self,
        (kind, operation, name): (Kind, &str, &str),
        config: &CloudConfig,
        vault: &Vault,
        client: &str,
    ) -> (Fault, String) {
        let many = kind.many;
        let Self::Roles(_) = self else {
            let operation = word(operation);
            let message = format!(
                "Caller is not authorized to perform action on resource. The policy of vault '{}' gives application '{client}' no {many} {operation} permission. Action: 'Microsoft.KeyVault/vaults/{many}/{operation}/action'",
                vault.name,
            );
            let reason = format!(
                "application {client} has no {many} {operation} permission on vault {}",
                vault.name
            );
            let fault = Fault::new(403, "Forbidden", message).inner("ForbiddenByPolicy");
            return (fault, reason);
        };
        let action = action(many, operation);
        let tenant = config.tenant(&vault.tenant);
        let tenant = tenant.map(|tenant| tenant.id.as_str()).unwrap_or_default();
        let object = if name.is_empty() {
            String::new()
        } else {
            format!("/{many}/{name}")
        };
        let vault = vault.name.to_ascii_lowercase();
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid={client};oid={};iss=https://sts.windows.net/{tenant}/\r\nAction: 'Microsoft.KeyVault/vaults/{action}'\r\nResource: '/subscriptions/{SUBSCRIPTION}/resourcegroups/podward/providers/microsoft.keyvault/vaults/{vault}{object}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {vault};location=local\r\n",
            object_id(tenant, client),
        );
        let reason = format!(
            "application {client} has no role with {action} on vault {vault}{}",
            if object.is_empty() {
                String::new()
            } else {
                format!(" or on {object}")
            }
        );
        let fault = Fault::new(403, "Forbidden", message).inner("ForbiddenByRbac");
        (fault, reason)
    }
}

/// There is none: it stands where the service names one.
const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// The word that access policies have for an operation.
fn word(operation: &str) -> &str {
    match operation {
        "get deleted" => "get",
        other => other,
    }
}

impl Policies {
    fn give(&self, kind: Kind, operation: &str) -> bool {
        let allowed = match kind.one {
            "secret" => &self.secrets,
            "key" => &self.keys,
            _ => &self.certificates,
        };
        let operation = word(operation);
        let covers = |one: &String| {
            one == operation
                || one == "all" && operation != "purge"
                || one == "manageissuers" && operation.ends_with("issuers")
        };
        allowed.iter().any(covers)
    }
}
