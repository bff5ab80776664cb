//! The way of a person to an API server, as kubectl finds it.

use std::io::ErrorKind;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::{KubeError, Kubernetes, PATIENCE};

/// Where a way has led.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The address of the API server.
    pub server: String,
    /// The namespace that is meant where none is named.
    pub namespace: String,
}

/// Which API server, and as whom.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// In place of `KUBECONFIG` and `~/.kube/config`.
    pub kubeconfig: Option<PathBuf>,
    /// In place of the kubeconfig's current one.
    pub context: Option<String>,
}

impl Kubernetes {
    /// By a kubeconfig; as the pod that this process runs in, where there is none.
    ///
    /// # Errors
    /// When there is neither, there is no such context, or what there is cannot be used.
    pub async fn by(way: &Way) -> Result<(Self, Reached), KubeError> {
        let mut config = config(way).await?;
        // whoever waits asks for one page after the other, and watches nothing
        config.connect_timeout = Some(PATIENCE);
        config.read_timeout = Some(PATIENCE);
        config.write_timeout = Some(PATIENCE);
        config.reset_reader_on_write = true;
        let reached = Reached {
            server: config.cluster_url.to_string(),
            namespace: config.default_namespace.clone(),
        };
        let client = Client::try_from(config).map_err(|fault| match fault {
            kube::Error::ProxyProtocolDisabled { proxy_url, .. } => KubeError::Config(format!(
                "the kubeconfig leads by the proxy {proxy_url}, and proxies are not supported"
            )),
            fault => KubeError::Config(fault.to_string()),
        })?;
        Ok((Self { client }, reached))
    }
}

async fn config(way: &Way) -> Result<Config, KubeError> {
    let read = match &way.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let file = match read {
        Ok(file) => file,
        Err(fault) if way.kubeconfig.is_none() && is_absence(&fault) && way.context.is_none() => {
            return Config::incluster()
                .map_err(|_no_pod| KubeError::Config(format!("there is no kubeconfig: {fault}")));
        }
        Err(fault) => return Err(KubeError::Config(fault.to_string())),
    };
    let current = file
        .current_context
        .as_ref()
        .filter(|name| !name.is_empty());
    let Some(context) = way.context.as_ref().or(current) else {
        let fault = "the kubeconfig has no current context, and none is named";
        return Err(KubeError::Config(fault.to_owned()));
    };
    if !file.contexts.iter().any(|one| one.name == *context) {
        let names: Vec<_> = file.contexts.iter().map(|one| &*one.name).collect();
        let known = match names.as_slice() {
            [] => "no context".to_owned(),
            names => names.join(", "),
        };
        return Err(KubeError::Config(format!(
            "the kubeconfig has no context {context:?}; it has {known}"
        )));
    }
    let options = KubeConfigOptions {
        context: way.context.clone(),
        ..KubeConfigOptions::default()
    };
    let is_proxied = file.clusters.iter().any(|one| {
        let proxy = one.cluster.as_ref().and_then(|it| it.proxy_url.as_ref());
        proxy.is_some_and(|url| !url.is_empty())
    });
    let config = Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|fault| KubeError::Config(fault.to_string()))?;
    if !is_proxied {
        // HTTPS_PROXY is there for the internet, and proxies are not supported
        config.proxy_url = None;
    }
    Ok(config)
}

fn is_absence(fault: &KubeconfigError) -> bool {
    match fault {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}
