//! Azure Resource Manager, as far as command line tools ask it before they speak to a vault: where the services of the
//! cloud are (API version 2022-09-01), the subscription of who signs in (2022-12-01), and which vaults there are
//! (2023-07-01). It changes nothing: cloud.yaml does.

use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::bearer::{ISSUERS, known, sent};
use crate::config::{CloudConfig, Tenant, Vault};
use crate::names::{
    MANAGER_RESOURCE, Place, RESOURCE_GROUP, SUBSCRIPTION, same_resource, segments,
};
use crate::{Cloud, answer};

/// The provider of vaults, as paths are compared.
const KEY_VAULT: &str = "microsoft.keyvault";
/// Type of a vault.
const VAULTS: &str = "Microsoft.KeyVault/vaults";

/// Answers one request.
pub(crate) fn serve(cloud: &Cloud, place: &Place, parts: &Parts) -> Response {
    let path = words(parts.uri.path());
    if (&parts.method, path.as_slice()) == (&Method::GET, &["metadata", "endpoints"]) {
        return answer(200, &endpoints(place));
    }
    let holding = cloud.holding();
    let tenant = match caller(cloud, &holding.config, parts) {
        Ok(tenant) => tenant,
        Err((code, message)) => {
            let challenge = format!(
                "Bearer authorization_uri=\"{}/\", error=\"invalid_token\", error_description=\"{message}\"",
                place.authority()
            );
            let refused = error(401, code, &message);
            return ([(header::WWW_AUTHENTICATE, challenge)], refused).into_response();
        }
    };
    if parts.method != Method::GET {
        let refused = error(
            405,
            "MethodNotAllowed",
            "podward's cloud is changed by its cloud.yaml",
        );
        return ([(header::ALLOW, "GET")], refused).into_response();
    }
    let query = parts.uri.query().unwrap_or_default();
    if !query.to_ascii_lowercase().contains("api-version=") {
        let text = "The api-version query parameter (?api-version=) is required for all requests.";
        return error(400, "MissingApiVersionParameter", text);
    }
    let vaults = || {
        let all = holding.config.vaults.iter();
        let own = all.filter(|vault| is_of(vault, tenant));
        own.map(|vault| told(vault, tenant, place))
    };
    let found = match path.as_slice() {
        ["tenants"] => Some(list([tenant_told(tenant)])),
        ["subscriptions"] => Some(list([subscription(tenant)])),
        ["subscriptions", SUBSCRIPTION, rest @ ..] => match rest {
            [] => Some(subscription(tenant)),
            ["resourcegroups"] => Some(list([group()])),
            ["resourcegroups", RESOURCE_GROUP] => Some(group()),
            [
                "resourcegroups",
                RESOURCE_GROUP,
                "providers",
                KEY_VAULT,
                "vaults",
                name,
            ] => vaults().find(|vault| {
                let own = vault.get("name").and_then(Value::as_str);
                own.is_some_and(|own| own.eq_ignore_ascii_case(name))
            }),
            // those of the subscription are those of its one group
            ["resourcegroups", RESOURCE_GROUP, all @ ..] | all => match all {
                ["resources"] | ["providers", KEY_VAULT, "vaults"] => Some(list(vaults())),
                _ => None,
            },
        },
        _ => None,
    };
    match found {
        Some(found) => answer(200, &found),
        None => error(
            404,
            "ResourceNotFound",
            "podward's cloud has one subscription, one resource group and its vaults alone",
        ),
    }
}

/// Where the services of this cloud are, by which tools can be set up for it: no caller is known yet.
fn endpoints(place: &Place) -> Value {
    let manager = place.base();
    json!({
        "name": "podward", "resourceManager": manager, "portal": manager,
        "authentication": {
            "loginEndpoint": place.authority(), "audiences": [manager], "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {"keyVaultDns": place.vaults()},
    })
}

/// The tenant of who calls; or code and text of the refusal.
fn caller<'a>(
    cloud: &Cloud,
    config: &'a CloudConfig,
    parts: &Parts,
) -> Result<&'a Tenant, (&'static str, String)> {
    const INVALID: &str = "InvalidAuthenticationToken";
    let Some(token) = sent(parts) else {
        let text = "Authentication failed. The 'Authorization' header is missing.";
        return Err(("AuthenticationFailed", text.into()));
    };
    let now = cloud.clock.now();
    let Some(token) = known(cloud, token, now) else {
        return Err((INVALID, "The access token is invalid.".into()));
    };
    let claims = &token.claims;
    if claims.exp < now || claims.nbf > now + 300 {
        let text = "The access token expiry UTC time has passed, or is still to come.";
        return Err(("ExpiredAuthenticationToken", text.into()));
    }
    let audiences = claims.audiences();
    if !audiences
        .iter()
        .any(|one| same_resource(one, MANAGER_RESOURCE))
    {
        let text = "The access token has been obtained for wrong audience or resource.";
        return Err(("InvalidAuthenticationTokenAudience", text.into()));
    }
    let issuer = claims.iss.strip_prefix(ISSUERS);
    let id = issuer.and_then(|rest| rest.strip_suffix('/'));
    let tenant = id.and_then(|id| config.tenant(id));
    tenant.ok_or_else(|| {
        let text = "The access token is from the wrong issuer.";
        ("InvalidAuthenticationTokenTenant", text.into())
    })
}

/// The parts of a path, of which only the name of a vault may be written in upper case.
fn words(path: &str) -> Vec<&str> {
    const FIXED: [&str; 8] = [
        "tenants",
        "subscriptions",
        "resourcegroups",
        "resources",
        "providers",
        KEY_VAULT,
        "vaults",
        RESOURCE_GROUP,
    ];
    let known = |part: &&str| {
        let found = FIXED.iter().find(|fixed| fixed.eq_ignore_ascii_case(part));
        found.copied()
    };
    segments(path)
        .into_iter()
        .map(|part| known(&part).unwrap_or(part))
        .collect()
}

fn is_of(vault: &Vault, tenant: &Tenant) -> bool {
    vault.tenant.eq_ignore_ascii_case(&tenant.id) || vault.tenant == tenant.name
}

fn list(all: impl IntoIterator<Item = Value>) -> Value {
    json!({"value": all.into_iter().collect::<Vec<_>>()})
}

fn tenant_told(tenant: &Tenant) -> Value {
    json!({
        "id": format!("/tenants/{}", tenant.id), "tenantId": tenant.id,
        "displayName": tenant.name, "tenantCategory": "Home",
    })
}

fn subscription(tenant: &Tenant) -> Value {
    json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}"), "subscriptionId": SUBSCRIPTION,
        "tenantId": tenant.id, "displayName": "podward", "state": "Enabled",
        "authorizationSource": "RoleBased", "managedByTenants": [],
    })
}

fn group() -> Value {
    json!({
        "id": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}"),
        "name": RESOURCE_GROUP, "type": "Microsoft.Resources/resourceGroups", "location": "local",
        "properties": {"provisioningState": "Succeeded"},
    })
}

fn told(vault: &Vault, tenant: &Tenant, place: &Place) -> Value {
    let name = &vault.name;
    let mut properties = json!({
        "sku": {"family": "A", "name": "standard"}, "tenantId": tenant.id,
        "vaultUri": place.vault(name), "accessPolicies": [],
        "enableRbacAuthorization": vault.roles.is_some(), "enableSoftDelete": true,
        "softDeleteRetentionInDays": vault.retention(), "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
    });
    if vault.purge_protection
        && let Some(properties) = properties.as_object_mut()
    {
        properties.insert("enablePurgeProtection".into(), json!(true));
    }
    json!({
        "id": format!(
            "/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers/{VAULTS}/{name}"
        ),
        "name": name, "type": VAULTS, "location": "local", "tags": {}, "properties": properties,
    })
}

fn error(status: u16, code: &str, message: &str) -> Response {
    answer(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
}
