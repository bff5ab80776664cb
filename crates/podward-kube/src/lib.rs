//! Kubernetes' API: the watches that feed the cluster view, and the few objects that podward writes.

mod follow;
mod objects;

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

pub use follow::{Followed, Following};
pub use objects::{Noticed, Stored, WebhookKind};

/// How long a request may take; watches last longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API server cannot be asked, or refuses.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    /// There is no kubeconfig, or it cannot be used.
    #[error("there is no way to the API server: {0}")]
    Config(String),
    /// A request failed.
    #[error("{what}: {source}")]
    Request {
        /// What was asked.
        what: String,
        /// Why it failed.
        source: Box<kube::Error>,
    },
}

impl KubeError {
    pub(crate) fn of(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Request {
            what,
            source: Box::new(source),
        }
    }

    /// The status of HTTP that the API server answered, where it did.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Request { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Config(_) => None,
        }
    }
}

/// A way to the API server. Clones share their connections.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
}

impl Kubernetes {
    /// By a kubeconfig file, or as the pod that this process runs in.
    ///
    /// # Errors
    /// When there is neither, or what there is cannot be used.
    pub async fn connect(kubeconfig: Option<&Path>) -> Result<Self, KubeError> {
        let failed = |e: &dyn std::fmt::Display| KubeError::Config(e.to_string());
        let mut config = match kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|e| failed(&e))?;
                let options = KubeConfigOptions::default();
                let config = Config::from_custom_kubeconfig(file, &options).await;
                config.map_err(|e| failed(&e))?
            }
            None => Config::incluster().map_err(|e| failed(&e))?,
        };
        config.connect_timeout = Some(PATIENCE);
        let client = Client::try_from(config).map_err(|e| failed(&e))?;
        Ok(Self { client })
    }
}
