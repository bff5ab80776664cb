//! Why a kubeconfig cannot be used, without anything of what it holds: the errors of kube show lines of the file, and
//! arguments, environment and output of the plugins that it names (client.authentication.k8s.io), and so credentials.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::process::Output;

use kube::client::{AuthError, RustlsTlsError};
use kube::config::{KubeconfigError, LoadDataError};
use serde_saphyr::Error as YamlError;

/// How much of what a plugin says on standard error is told, bytes.
const MAX_SAID: usize = 1024;

/// Why a token cannot be sent.
pub(crate) const NO_HEADER: &str =
    "the token of the kubeconfig's user is one that no header can hold";

/// Why a kubeconfig cannot be read, or leads nowhere.
pub(crate) fn of_file(fault: &KubeconfigError, path: &Path) -> String {
    let path = path.display();
    match fault {
        KubeconfigError::ReadConfig(fault, path) => format!("{}: {fault}", path.display()),
        KubeconfigError::Parse(fault) => {
            let line = fault.location().map(|at| format!(", line {}", at.line()));
            let line = line.unwrap_or_default();
            format!("{path}{line}: {}", of_yaml(fault))
        }
        fault => format!("{path}: {}", of_entry(fault)),
    }
}

/// What is wrong with the text. The messages of the reader hold keys, values and characters of it.
fn of_yaml(fault: &YamlError) -> String {
    match fault.without_snippet() {
        YamlError::SerdeMissingField { field, .. } => format!("the field `{field}` is missing"),
        YamlError::SerdeInvalidType { .. }
        | YamlError::SerdeInvalidValue { .. }
        | YamlError::Unexpected { .. }
        | YamlError::NullIntoString { .. } => "a value is of another type than its field".into(),
        YamlError::DuplicateMappingKey { .. } => "a key stands twice".into(),
        YamlError::UnknownAnchor { .. } => "an alias is of no anchor".into(),
        YamlError::ExternalMessage { .. }
        | YamlError::Eof { .. }
        | YamlError::InvalidUtf8Input
        | YamlError::ContainerEndMismatch { .. } => "the text is no YAML".into(),
        _ => "the text is no kubeconfig".into(),
    }
}

/// What is wrong with what it says.
pub(crate) fn of_entry(fault: &KubeconfigError) -> String {
    match fault {
        KubeconfigError::CurrentContextNotSet => "there is no current context".into(),
        KubeconfigError::KindMismatch => "it is of another kind than what stands before it".into(),
        KubeconfigError::ApiVersionMismatch => {
            "it is of another API version than what stands before it".into()
        }
        KubeconfigError::LoadContext(name) => format!("the context {name:?} says nothing"),
        KubeconfigError::LoadClusterOfContext(name) => {
            format!("the context is of the cluster {name:?}, which is not there")
        }
        KubeconfigError::FindPath => "there is no home folder to find it in".into(),
        KubeconfigError::MissingClusterUrl => "the cluster has no `server`".into(),
        // what is said of an address are fixed words
        KubeconfigError::ParseClusterUrl(fault) => format!("the cluster's `server`: {fault}"),
        KubeconfigError::ParseProxyUrl(fault) => format!("the cluster's `proxy-url`: {fault}"),
        KubeconfigError::LoadCertificateAuthority(fault) => of_data(fault, "certificate-authority"),
        KubeconfigError::LoadClientCertificate(fault) => of_data(fault, "client-certificate"),
        KubeconfigError::LoadClientKey(fault) => of_data(fault, "client-key"),
        KubeconfigError::ParseCertificates(_) => {
            "`certificate-authority` holds no certificates as PEM".into()
        }
        _ => "it cannot be used".into(),
    }
}

/// What is wrong with a field that has a file or, by its name with `-data`, base64. A path that is none may be the
/// credential itself, so it is not told.
fn of_data(fault: &LoadDataError, field: &str) -> String {
    match fault {
        LoadDataError::DecodeBase64(_) => format!("`{field}-data` is no base64"),
        LoadDataError::ReadFile(fault, _) => {
            format!("the file that `{field}` names cannot be read: {fault}")
        }
        LoadDataError::NoBase64DataOrFile => format!("`{field}` is missing beside the other"),
    }
}

/// Why there is no client for what a kubeconfig says. `plugin` is the command of its user.
pub(crate) fn of_client(fault: &kube::Error, plugin: Option<&str>) -> String {
    match fault {
        kube::Error::ProxyProtocolDisabled { proxy_url, .. }
        | kube::Error::ProxyProtocolUnsupported { proxy_url } => {
            // without the password that may stand in it
            let host = proxy_url.host().unwrap_or("?");
            format!("the kubeconfig leads by a proxy at {host}, and proxies are not supported")
        }
        kube::Error::HttpError(_) => {
            "the kubeconfig's user has an `as` that no header can hold".into()
        }
        fault => of_chain(fault, plugin).unwrap_or_else(|| "it cannot be used".into()),
    }
}

/// Why who asks cannot be shown, where that is why a request failed: a plugin is asked again when a token ends.
pub(crate) fn of_credential(fault: &(dyn Error + 'static)) -> Option<String> {
    of_chain(fault, None)
}

fn of_chain(fault: &(dyn Error + 'static), plugin: Option<&str>) -> Option<String> {
    let mut next = Some(fault);
    while let Some(fault) = next {
        if let Some(fault) = fault.downcast_ref() {
            return Some(of_auth(fault, plugin));
        }
        if let Some(fault) = fault.downcast_ref() {
            return Some(format!("the kubeconfig's user: {}", of_entry(fault)));
        }
        if let Some(fault) = fault.downcast_ref() {
            return Some(of_tls(fault).to_owned());
        }
        next = fault.source();
    }
    None
}

fn of_tls(fault: &RustlsTlsError) -> &'static str {
    match fault {
        RustlsTlsError::MissingPrivateKey => "the client's key is no private key as PEM",
        RustlsTlsError::MissingCertificate => "the client's certificate is none as PEM",
        RustlsTlsError::InvalidIdentityPem(_) => "the client's certificate or key is no PEM",
        RustlsTlsError::InvalidPrivateKey(_) | RustlsTlsError::UnknownPrivateKeyFormat => {
            "the client's key is of no known kind, or not that of its certificate"
        }
        RustlsTlsError::AddRootCertificate(_) => "`certificate-authority` is no certificate",
        RustlsTlsError::NoValidNativeRootCA(_) => "this machine trusts no authority",
        RustlsTlsError::InvalidServerName(_) => "`tls-server-name` is no name of a server",
    }
}

/// What is said of a plugin that has given neither token nor certificate.
pub(crate) fn of_nothing(plugin: Option<&str>) -> String {
    format!(
        "the plugin{} has given neither a token nor a certificate",
        named(plugin)
    )
}

fn named(plugin: Option<&str>) -> String {
    plugin.map_or_else(String::new, |plugin| format!(" {plugin:?}"))
}

fn of_auth(fault: &AuthError, plugin: Option<&str>) -> String {
    let name = named(plugin);
    match fault {
        AuthError::InvalidBasicAuth(_) => {
            "the kubeconfig's user has a name or password that no header can hold".into()
        }
        AuthError::InvalidBearerToken(_) => NO_HEADER.into(),
        AuthError::ReadTokenFile(fault, _) => {
            format!("the file that `tokenFile` names cannot be read: {fault}")
        }
        AuthError::MissingCommand => "the kubeconfig's user has an `exec` without `command`".into(),
        AuthError::AuthExecStart(fault) => format!("the plugin{name} cannot be run: {fault}"),
        AuthError::AuthExecRun { out, .. } => format!("the plugin{name} failed: {}", of_end(out)),
        AuthError::AuthExecParse(_) | AuthError::ParseTokenKey(_) => {
            format!("the plugin{name} has given what is no ExecCredential")
        }
        AuthError::ExecPluginFailed => {
            format!("the plugin{name} has given an ExecCredential without `status`")
        }
        AuthError::MalformedTokenExpirationDate(_) => {
            format!("the plugin{name} has given an `expirationTimestamp` that is no time")
        }
        AuthError::UnrefreshableTokenResponse => {
            format!("the plugin{name} has given a token at first, and now another credential")
        }
        _ => "the credential of the kubeconfig's user cannot be had".into(),
    }
}

/// How a plugin has ended, and what it says on standard error, where that is not the terminal's. What it has printed
/// may be a credential.
fn of_end(out: &Output) -> String {
    let mut told = out.status.to_string();
    let said = out.stderr.get(..MAX_SAID).unwrap_or(&out.stderr);
    let said = String::from_utf8_lossy(said);
    let said = said.trim();
    if !said.is_empty() {
        // writing to a String does not fail
        let _ = write!(told, ": {said}");
        if out.stderr.len() > MAX_SAID {
            told.push('…');
        }
    }
    told
}
