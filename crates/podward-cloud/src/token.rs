//! Who gets a token for what. Pure: configuration, request and time in, grant or refusal out.

use podward_api::SecretString;

use crate::config::{Application, CloudConfig, Tenant};
use crate::names::same_resource;
use crate::proof::{IssuerKeys, Scene, prove};

/// A token request, of either version.
#[derive(Debug, Default)]
pub(crate) struct TokenRequest {
    pub(crate) grant_type: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) assertion_type: Option<String>,
    pub(crate) assertion: Option<SecretString>,
    pub(crate) scope: Option<String>,
    pub(crate) resource: Option<String>,
    /// Whether it came to the endpoint of version 2.
    pub(crate) v2: bool,
}

/// A token that may be issued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) resource: String,
    pub(crate) rule: String,
}

/// A refusal, as the token service words it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error: &'static str,
    pub(crate) code: u32,
    pub(crate) text: String,
}

pub(crate) fn refuse<T>(
    status: u16,
    error: &'static str,
    code: u32,
    text: impl Into<String>,
) -> Result<T, Refusal> {
    Err(Refusal {
        status,
        error,
        code,
        text: text.into(),
    })
}

/// A tenant, as named in a URL.
pub(crate) fn tenant<'a>(config: &'a CloudConfig, name: &str) -> Result<&'a Tenant, Refusal> {
    config
        .tenants
        .iter()
        .find(|t| t.id.eq_ignore_ascii_case(name))
        .ok_or_else(|| Refusal {
            status: 400,
            error: "invalid_request",
            code: 90002,
            text: format!(
                "Tenant '{}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
                plain(name)
            ),
        })
}

/// Decides on a request.
pub(crate) fn decide<'a>(
    config: &'a CloudConfig,
    tenant_name: &str,
    request: &TokenRequest,
    local_issuer: &str,
    keys: IssuerKeys<'_>,
    now: i64,
) -> Result<Grant<'a>, Refusal> {
    let tenant = tenant(config, tenant_name)?;
    let missing = |name: &str| {
        refuse(
            400,
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{name}'."),
        )
    };
    match request.grant_type.as_deref() {
        None | Some("") => return missing("grant_type"),
        Some("client_credentials") => {}
        Some(other) => {
            let text = format!(
                "The app requested an unsupported grant type '{}'.",
                plain(other)
            );
            return refuse(400, "unsupported_grant_type", 70003, text);
        }
    }
    let Some(client_id) = request.client_id.as_deref().filter(|id| !id.is_empty()) else {
        return missing("client_id");
    };
    let Some(application) = client(tenant, client_id) else {
        let text = format!(
            "Application with identifier '{}' was not found in the directory '{}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
            plain(client_id),
            tenant.name
        );
        return refuse(400, "unauthorized_client", 700_016, text);
    };
    let scene = Scene {
        tenant,
        application,
        local_issuer,
        keys,
        now,
    };
    let rule = prove(&scene, request)?;
    let resource = resource(tenant, application, request)?;
    Ok(Grant {
        tenant: &tenant.id,
        client_id: &application.client_id,
        resource,
        rule,
    })
}

/// An application of a tenant by its client id.
pub(crate) fn client<'a>(tenant: &'a Tenant, id: &str) -> Option<&'a Application> {
    tenant
        .all()
        .find(|one| one.client_id.eq_ignore_ascii_case(id))
}

/// Names in error texts: no quotes, no line breaks, not long. One client breaks on an escape in them.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '\''))
        .take(200)
        .collect()
}

/// The resource without `/.default`, as it will stand in the token's audience.
fn resource(
    tenant: &Tenant,
    application: &Application,
    request: &TokenRequest,
) -> Result<String, Refusal> {
    let missing = |name: &str| {
        let text = format!("The request body must contain the following parameter: '{name}'.");
        refuse(400, "invalid_request", 900_144, text)
    };
    if !request.v2 {
        return match request.resource.as_deref().map(str::trim) {
            None | Some("") => missing("resource"),
            Some(asked) => allowed_resource(tenant, application, asked),
        };
    }
    let scopes = request.scope.as_deref().unwrap_or_default();
    let mut scopes = scopes
        .split(' ')
        .filter(|s| !matches!(*s, "" | "openid" | "profile" | "offline_access"));
    let Some(scope) = scopes.next() else {
        return missing("scope");
    };
    let Some(asked) = scope.strip_suffix("/.default") else {
        let text = format!(
            "The provided value for scope {} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
            plain(scope)
        );
        return refuse(400, "invalid_scope", 1_002_012, text);
    };
    if let Some(other) = scopes.find(|other| *other != scope) {
        let text = format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {} {} is not valid.",
            plain(scope),
            plain(other)
        );
        return refuse(400, "invalid_scope", 70011, text);
    }
    allowed_resource(tenant, application, asked)
}

/// A resource that exists in the tenant and that the application may have tokens for.
pub(crate) fn allowed_resource(
    tenant: &Tenant,
    application: &Application,
    asked: &str,
) -> Result<String, Refusal> {
    if !tenant.knows(asked) {
        let text = format!(
            "The resource principal named {} was not found in the tenant named {}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
            plain(asked),
            tenant.name
        );
        return refuse(400, "invalid_resource", 500_011, text);
    }
    let allowed = application
        .resources
        .as_ref()
        .is_none_or(|all| all.iter().any(|one| same_resource(one, asked)));
    if !allowed {
        let text = format!(
            "Application '{}'({}) is not assigned to a role for the application '{}'.",
            application.client_id,
            application.name,
            plain(asked)
        );
        return refuse(400, "invalid_grant", 501_051, text);
    }
    Ok(asked.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Signer;
    use serde_json::json;

    fn config() -> CloudConfig {
        serde_json::from_value(json!({
            "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
            "tenants": [{"id": "T", "name": "contoso", "resources": ["https://storage.azure.com", "https://graph"],
                "applications": [{"name": "app", "clientId": "C", "clientSecrets": ["s3cret"],
                    "resources": ["https://vault.azure.net", "https://storage.azure.com/"],
                    "federatedCredentials": [{"name": "fic", "issuer": "podward", "subject": "system:serviceaccount:a:b",
                        "audiences": ["api://AzureADTokenExchange"]}]}]}],
        }))
        .unwrap()
    }

    fn ask(change: impl FnOnce(&mut TokenRequest)) -> Result<(String, String), (u16, u32)> {
        let mut request = TokenRequest {
            v2: true,
            grant_type: Some("client_credentials".into()),
            client_id: Some("c".into()),
            client_secret: Some(SecretString::new("s3cret".into())),
            scope: Some("https://vault.azure.net/.default".into()),
            ..TokenRequest::default()
        };
        change(&mut request);
        decide(
            &config(),
            "t",
            &request,
            "https://issuer",
            &|_| Err("none".into()),
            1000,
        )
        .map(|g| (g.resource, g.rule))
        .map_err(|r| (r.status, r.code))
    }

    #[test]
    fn a_secret_proves_and_its_absence_does_not() {
        assert_eq!(
            ask(|_| ()),
            Ok(("https://vault.azure.net".into(), "client-secret".into()))
        );
        assert_eq!(
            ask(|r| r.client_secret = Some(SecretString::new("x".into()))),
            Err((401, 7_000_215))
        );
        assert_eq!(ask(|r| r.client_secret = None), Err((401, 7_000_218)));
        assert_eq!(
            ask(|r| r.client_id = Some("other".into())),
            Err((400, 700_016))
        );
    }

    #[test]
    fn resources_are_bounded_by_tenant_and_application() {
        let scope = |text: &'static str| {
            ask(move |r| r.scope = Some(text.into())).map(|(resource, _)| resource)
        };
        assert_eq!(
            scope("https://storage.azure.com//.default"),
            Ok("https://storage.azure.com/".into())
        );
        assert_eq!(scope("https://graph/.default"), Err((400, 501_051)));
        assert_eq!(scope("https://nowhere/.default"), Err((400, 500_011)));
        assert_eq!(scope("https://vault.azure.net"), Err((400, 1_002_012)));
        assert_eq!(scope(""), Err((400, 900_144)));
        assert_eq!(
            scope("https://vault.azure.net/.default https://graph/.default"),
            Err((400, 70011))
        );
        let app = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093";
        assert_eq!(
            scope("cfa8b339-82a2-471a-a3c9-0fc0be7a4093/.default"),
            Ok(app.into())
        );
        let v1 = ask(|r| r.v2 = false);
        assert_eq!(v1, Err((400, 900_144)));
    }

    #[test]
    fn an_assertion_counts_only_if_everything_matches() {
        let (own, other) = (
            Signer::load(None, "a").unwrap(),
            Signer::load(None, "b").unwrap(),
        );
        let jwks = json!({"keys": [own.jwk()]});
        let try_it = |signer: &Signer, iss: &str, sub: &str, aud: &str, exp: i64| {
            let token = signer
                .sign(&json!({"iss": iss, "sub": sub, "aud": [aud], "exp": exp, "nbf": 0}))
                .unwrap();
            let request = TokenRequest {
                v2: true,
                grant_type: Some("client_credentials".into()),
                client_id: Some("C".into()),
                assertion: Some(token),
                assertion_type: Some(
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into(),
                ),
                scope: Some("https://vault.azure.net/.default".into()),
                ..TokenRequest::default()
            };
            decide(
                &config(),
                "T",
                &request,
                "https://issuer",
                &|_| Ok(jwks.clone()),
                10_000,
            )
            .map(|g| g.rule)
            .map_err(|r| r.code)
        };
        let (iss, sub, aud) = (
            "https://issuer",
            "system:serviceaccount:a:b",
            "api://AzureADTokenExchange",
        );
        assert_eq!(
            try_it(&own, iss, sub, aud, 20_000),
            Ok("federated-credential/fic".into())
        );
        assert_eq!(try_it(&other, iss, sub, aud, 20_000), Err(700_027));
        assert_eq!(try_it(&own, "https://x", sub, aud, 20_000), Err(700_211));
        assert_eq!(
            try_it(&own, iss, "system:serviceaccount:a:c", aud, 20_000),
            Err(700_213)
        );
        assert_eq!(
            try_it(&own, iss, "system:serviceaccount:A:b", aud, 20_000),
            Err(7_002_138)
        );
        assert_eq!(try_it(&own, iss, sub, "api://other", 20_000), Err(700_212));
        assert_eq!(try_it(&own, iss, sub, aud, 100), Err(700_024));
    }
}
