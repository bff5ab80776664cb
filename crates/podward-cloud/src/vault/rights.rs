//! What a client may: by the vault's access policies, or by the roles it has.

use super::fault::Fault;
use super::objects::Kind;
use crate::config::{Access, CloudConfig, Vault};
use crate::ids::object_id;
use crate::names::{RESOURCE_GROUP, SUBSCRIPTION};
use crate::roles::{RoleAssignment, Scope, action};

/// What one client may in one vault.
pub(super) enum Rights<'a> {
    /// Words of access policies.
    Policies(Vec<&'a Access>),
    /// Roles, of the vault or of one object.
    Roles(Vec<&'a RoleAssignment>),
}

impl<'a> Rights<'a> {
    /// Those of a client.
    pub(super) fn of(config: &CloudConfig, vault: &'a Vault, client: &str) -> Self {
        let tenant = config.tenant(&vault.tenant);
        let means = |identity: &str| {
            let found = tenant.and_then(|tenant| tenant.application(identity));
            found.is_some_and(|one| one.client_id.eq_ignore_ascii_case(client))
        };
        match &vault.roles {
            Some(roles) => {
                let own = roles.iter().filter(|one| means(&one.identity));
                Self::Roles(own.collect())
            }
            None => {
                let own = vault.access.iter().filter(|one| means(&one.identity));
                Self::Policies(own.collect())
            }
        }
    }

    /// Whether they give an operation on an object; on all of the kind where the name is empty.
    pub(super) fn give(&self, kind: Kind, operation: &str, name: &str) -> bool {
        match self {
            Self::Policies(policies) => policies.iter().any(|one| gives(one, kind, operation)),
            Self::Roles(roles) => {
                let action = action(kind.many, operation);
                roles.iter().any(|one| assigns(one, kind, &action, name))
            }
        }
    }

    /// Why an operation is granted.
    pub(super) fn reason(&self, kind: Kind, operation: &str, name: &str) -> String {
        if let Self::Roles(roles) = self {
            let action = action(kind.many, operation);
            let mut given = roles.iter();
            if let Some(one) = given.find(|one| assigns(one, kind, &action, name)) {
                return format!("the role {} has {action}", one.role.name());
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
            let tenant = config.tenant(&vault.tenant);
            let tenant = tenant.map(|tenant| tenant.id.as_str()).unwrap_or_default();
            let message = format!(
                "The user, group or application 'appid={client};oid={};iss=https://sts.windows.net/{tenant}/' does not have {many} {operation} permission on key vault '{};location=local'. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125287",
                object_id(tenant, client),
                vault.name,
            );
            let reason = format!(
                "application {client} has no {many} {operation} permission on vault {}",
                vault.name
            );
            let fault = Fault::new(403, "Forbidden", message).inner("AccessDenied");
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
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were changed recently, please observe propagation time.\r\nCaller: appid={client};oid={};iss=https://sts.windows.net/{tenant}/\r\nAction: 'Microsoft.KeyVault/vaults/{action}'\r\nResource: '/subscriptions/{SUBSCRIPTION}/resourcegroups/{RESOURCE_GROUP}/providers/microsoft.keyvault/vaults/{vault}{object}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: {vault};location=local\r\n",
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

/// The word that access policies have for an operation.
fn word(operation: &str) -> &str {
    match operation {
        "get deleted" => "get",
        other => other,
    }
}

/// Whether a role of a client has an action on an object.
fn assigns(one: &RoleAssignment, kind: Kind, action: &str, name: &str) -> bool {
    let covers = |scope: &Scope| scope.covers(kind.many, name);
    one.role.has(action) && one.scope.as_ref().is_none_or(covers)
}

/// Whether an access policy has a word for an operation.
fn gives(access: &Access, kind: Kind, operation: &str) -> bool {
    let allowed = match kind.one {
        "secret" => &access.secrets,
        "key" => &access.keys,
        _ => &access.certificates,
    };
    let operation = word(operation);
    let covers = |one: &String| {
        one == operation
            || one == "all" && operation != "purge"
            || one == "manageissuers" && operation.ends_with("issuers")
    };
    allowed.iter().any(covers)
}
