//! The labels, annotations and environment of azure-workload-identity v1.6.

/// Pod label that asks for the environment and the projected token.
pub const USE_LABEL: &str = "azure.workload.identity/use";
/// Service account annotation: the client id.
pub const CLIENT_ID_ANNOTATION: &str = "azure.workload.identity/client-id";
/// Service account annotation: the tenant.
pub const TENANT_ID_ANNOTATION: &str = "azure.workload.identity/tenant-id";
/// Pod and service account annotation: token lifetime in seconds, 3600 to 86400.
pub const TOKEN_EXPIRATION_ANNOTATION: &str =
    "azure.workload.identity/service-account-token-expiration";
/// Where the volume with the token is mounted.
pub const MOUNT_PATH: &str = "/var/run/secrets/azure/wi";
/// The token below the volume's root.
pub const TOKEN_PATH: &str = "token/azure-identity-token";
/// Audience of the projected token.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";
/// Authority of the public cloud.
pub const AUTHORITY_HOST: &str = "https://login.microsoftonline.com/";

/// Authority of a cloud, by its name in any case.
#[must_use]
pub fn authority_host(cloud: &str) -> Option<&'static str> {
    let clouds = [
        ("AzurePublicCloud", AUTHORITY_HOST),
        (
            "AzureUSGovernmentCloud",
            "https://login.microsoftonline.us/",
        ),
        ("AzureChinaCloud", "https://login.chinacloudapi.cn/"),
    ];
    let found = clouds
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(cloud));
    found.map(|(_, url)| *url)
}
