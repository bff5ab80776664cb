//! `aadpodidentity.k8s.io/v1`, as aad-pod-identity v1.8 reads it.

use serde::Deserialize;

/// Pod label whose value an [`AzureIdentityBindingSpec::selector`] must equal.
pub const BINDING_LABEL: &str = "aadpodidbinding";

/// `spec` of an AzureIdentity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AzureIdentitySpec {
    /// 0 user-assigned managed identity, 1 service principal with secret, 2 with certificate.
    #[serde(rename = "type")]
    pub kind: i64,
    /// ARM id of the managed identity.
    #[serde(rename = "resourceID")]
    pub resource_id: String,
    /// Client id of the identity.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// Tenant, for types 1 and 2.
    #[serde(rename = "tenantID")]
    pub tenant_id: String,
}

/// `spec` of an AzureIdentityBinding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureIdentityBindingSpec {
    /// Name of the AzureIdentity, in the binding's own namespace.
    pub azure_identity: String,
    /// Compared with the pod label [`BINDING_LABEL`].
    pub selector: String,
}
