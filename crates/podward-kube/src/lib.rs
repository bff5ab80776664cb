//! Kubernetes' API: the watches that feed the cluster view, the few objects that podward writes, and the workloads of
//! a cluster as they are.

mod files;
mod follow;
mod listed;
mod objects;
mod reason;
mod user;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use kube::{Client, Config};

use crate::files::Files;

pub use follow::{Followed, Following};
pub use listed::{LiveObject, ObjectKind, OwnedPod, PodPage, Wanted};
pub use objects::{Noticed, Stored, WebhookKind};
pub use user::{Reached, Way};

/// How long a request may take; watches last longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API server cannot be asked, or refuses.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    /// There is no kubeconfig, or it cannot be used.
    #[error("there is no way to the API server: {0}")]
    Config(String),
    /// What shows who asks cannot be had, so that nothing was asked.
    #[error("{what}: {reason}")]
    Credential {
        /// What was to be asked.
        what: String,
        /// Why it cannot be had, without anything of it.
        reason: String,
    },
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
        move |source| match reason::of_credential(&source) {
            Some(reason) => Self::Credential { what, reason },
            None => Self::Request {
                what,
                source: Box::new(source),
            },
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
            Self::Config(_) | Self::Credential { .. } => None,
        }
    }

    /// Why, in one sentence for who has asked: that of the API server, where it has answered.
    #[must_use]
    pub fn reason(&self) -> String {
        let Self::Request { what, source } = self else {
            return self.to_string();
        };
        if let kube::Error::Api(status) = &**source {
            let text = [&status.message, &status.reason];
            let text = text.into_iter().find(|text| !text.is_empty());
            return text.map_or_else(|| format!("{what}: status {}", status.code), String::clone);
        }
        // what went wrong at the bottom says most: a connection that is refused, a certificate
        let mut bottom: &dyn Error = &**source;
        while let Some(below) = bottom.source() {
            bottom = below;
        }
        format!("{what}: {bottom}")
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
        let mut config = match kubeconfig {
            Some(path) => {
                let files = Files::of(Some(path));
                user::chosen(files.read()?, &files, None).await?
            }
            None => Config::incluster().map_err(|fault| KubeError::Config(fault.to_string()))?,
        };
        config.connect_timeout = Some(PATIENCE);
        let client = user::client(config)?;
        Ok(Self { client })
    }
}
