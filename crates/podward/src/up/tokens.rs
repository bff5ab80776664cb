//! The local issuer of service account tokens: what TokenRequest gives in a cluster.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use podward_api::SecretString;
use podward_cloud::{ISSUER, LocalIssuer, Signer};
use podward_cluster::Pod;
use podward_identity::ServiceAccountTokens;
use serde_json::json;

use super::node::unique_id;

/// Signs tokens of this machine's service accounts.
pub(super) struct Issuer {
    pub(super) signer: Arc<Signer>,
    pub(super) node: String,
}

impl Issuer {
    /// What the local token service trusts.
    pub(super) fn published(&self) -> LocalIssuer {
        LocalIssuer::of(Arc::clone(&self.signer))
    }
}

impl ServiceAccountTokens for Issuer {
    fn issue(&self, pod: &Pod, audience: &str, lifetime: Duration) -> Result<SecretString, String> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        let claims = json!({
            "aud": [audience],
            "exp": now + lifetime.as_secs(),
            "iat": now,
            "nbf": now,
            "iss": ISSUER,
            "jti": unique_id().map_err(|e| e.to_string())?,
            "sub": pod.subject(),
            "kubernetes.io": {
                "namespace": pod.namespace,
                "node": {"name": self.node},
                "pod": {"name": pod.name, "uid": pod.uid},
                "serviceaccount": {"name": pod.service_account},
            },
        });
        self.signer.sign(&claims).map_err(|e| e.to_string())
    }
}
