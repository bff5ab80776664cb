//! The way of a person to an API server, as kubectl finds it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use kube::client::ConfigExt;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use crate::files::{Files, ReadError};
use crate::{KubeError, Kubernetes, PATIENCE, reason};

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
            server: address(&config),
            namespace: config.default_namespace.clone(),
        };
        let client = client(config)?;
        Ok((Self { client }, reached))
    }
}

/// The address of the API server, without the password that may stand in it.
fn address(config: &Config) -> String {
    let url = config.cluster_url.to_string();
    let authority = config.cluster_url.authority().map(AsRef::as_ref);
    match authority.and_then(|authority: &str| authority.rsplit_once('@')) {
        Some((user, host)) => url.replacen(&format!("{user}@{host}"), host, 1),
        None => url,
    }
}

async fn config(way: &Way) -> Result<Config, KubeError> {
    let files = Files::of(way.kubeconfig.as_deref());
    let file = match files.read() {
        Ok(file) => file,
        Err(ReadError::NoFile(fault)) if way.kubeconfig.is_none() && way.context.is_none() => {
            return Config::incluster().map_err(|_no_pod| ReadError::NoFile(fault).into());
        }
        Err(fault) => return Err(fault.into()),
    };
    chosen(file, &files, way.context.as_ref()).await
}

/// What a kubeconfig says of one of its contexts: of the one that is named, else of its current one.
pub(crate) async fn chosen(
    file: Kubeconfig,
    files: &Files,
    named: Option<&String>,
) -> Result<Config, KubeError> {
    let current = file
        .current_context
        .as_ref()
        .filter(|name| !name.is_empty());
    let Some(context) = named.or(current) else {
        let fault = "the kubeconfig has no current context, and none is named";
        return Err(KubeError::Config(fault.to_owned()));
    };
    let Some(found) = file.contexts.iter().find(|one| one.name == *context) else {
        let names: Vec<_> = file.contexts.iter().map(|one| &*one.name).collect();
        let known = match names.as_slice() {
            [] => "no context".to_owned(),
            names => names.join(", "),
        };
        return Err(KubeError::Config(format!(
            "the kubeconfig has no context {context:?}; it has {known}"
        )));
    };
    let user = found.context.as_ref().and_then(|it| it.user.as_ref());
    // kube would ask as system:anonymous, as it does where no user is named
    if let Some(user) = user.filter(|user| !user.is_empty())
        && !file.auth_infos.iter().any(|one| one.name == *user)
    {
        return Err(KubeError::Config(format!(
            "the context {context:?} is of the user {user:?}, who is not in {}",
            files.names()
        )));
    }
    let options = KubeConfigOptions {
        context: Some(context.clone()),
        ..KubeConfigOptions::default()
    };
    let is_proxied = file.clusters.iter().any(|one| {
        let proxy = one.cluster.as_ref().and_then(|it| it.proxy_url.as_ref());
        proxy.is_some_and(|url| !url.is_empty())
    });
    let config = Config::from_custom_kubeconfig(file, &options).await;
    let mut config = config.map_err(|fault| {
        KubeError::Config(format!("{}: {}", files.names(), reason::of_entry(&fault)))
    })?;
    if !is_proxied {
        // HTTPS_PROXY is there for the internet, and proxies are not supported
        config.proxy_url = None;
    }
    Ok(config)
}

/// A client for what a kubeconfig says.
pub(crate) fn client(config: Config) -> Result<Client, KubeError> {
    let exec = config.auth_info.exec.as_ref();
    let plugin = exec.and_then(|exec| exec.command.clone());
    // kube panics where a token, of the file or of a plugin, has a line's end
    let said = serde_json::to_value(&config.auth_info).unwrap_or_default();
    let token = said.get("token").and_then(Value::as_str);
    if token.is_some_and(|token| token.contains(char::is_control)) {
        return Err(KubeError::Config(reason::NO_HEADER.into()));
    }
    let client = catch_unwind(AssertUnwindSafe(|| {
        if plugin.is_some() && !shows_someone(&config)? {
            return Ok(None);
        }
        Client::try_from(config).map(Some)
    }));
    let fault = match client {
        Ok(Ok(Some(client))) => return Ok(client),
        Ok(Ok(None)) => reason::of_nothing(plugin.as_deref()),
        Ok(Err(fault)) => reason::of_client(&fault, plugin.as_deref()),
        Err(_panic) => reason::NO_HEADER.into(),
    };
    Err(KubeError::Config(fault))
}

/// Whether the plugin gives a token or a certificate. Without either, kube would ask as system:anonymous, and does not
/// tell: so the plugin runs once more than kube has it run.
fn shows_someone(config: &Config) -> kube::Result<bool> {
    if config.auth_layer()?.is_some() {
        return Ok(true);
    }
    let tls = config.rustls_client_config()?;
    Ok(tls.client_auth_cert_resolver.has_certs())
}
