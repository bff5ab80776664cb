//! `secrets-store.csi.x-k8s.io/v1`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Name of the CSI driver that podward replaces and answers to.
pub const DRIVER_NAME: &str = "secrets-store.csi.k8s.io";

/// `spec` of a SecretProviderClass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecretProviderClassSpec {
    /// Provider; podward serves `azure`.
    pub provider: String,
    /// The provider's parameters, all strings.
    pub parameters: BTreeMap<String, String>,
}
