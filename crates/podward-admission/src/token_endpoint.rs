//! The custom token endpoint: a proxy that pods, where they ask for it by an annotation, get their tokens from in place
//! of the token service.

use podward_api::workload_identity::AUDIENCE;
use podward_manifest::is_subdomain;
use serde_json::{Value, json};

use crate::names::is_key;
use crate::selector::label_selector;

/// What the annotation's key begins with.
const ANNOTATION_PREFIX: &str = "azure.workload.identity/use-";
/// The proxy's CA below the volume's root.
const CA_PATH: &str = "ca-cert/ca.crt";
/// The same in a container.
const CA_MOUNTED: &str = "/var/run/secrets/azure/wi/ca-cert/ca.crt";
/// Key of a `ConfigMap` that holds the CA.
const CA_KEY: &str = "ca.crt";
const CA_FILE: &str = "AZURE_KUBERNETES_CA_FILE";
const CA_DATA: &str = "AZURE_KUBERNETES_CA_DATA";

/// A custom token endpoint as it is written down; what is empty is not set.
#[derive(Clone, Debug, Default)]
pub struct TokenEndpointSettings {
    /// The annotation `azure.workload.identity/use-<suffix>` asks for it.
    pub suffix: String,
    /// Audience of the pods' tokens.
    pub audience: String,
    /// URL of the proxy.
    pub proxy: String,
    /// Name that the proxy's certificate is asked for, and is good for.
    pub sni: String,
    /// The proxy's CA (PEM).
    pub ca_data: String,
    /// `ConfigMap` of the pod's namespace whose key `ca.crt` has the CA.
    pub ca_config_map: String,
    /// Signer of the `ClusterTrustBundle`s that have the CA.
    pub ca_signer: String,
    /// Which of the signer's bundles, as a label selector; all of them where it is empty.
    pub ca_selector: String,
}

/// A custom token endpoint that is complete and valid.
#[derive(Clone, Debug)]
pub struct TokenEndpoint {
    annotation: String,
    audience: String,
    proxy: String,
    sni: String,
    ca: Ca,
}

/// Where the proxy's CA comes from.
#[derive(Clone, Debug)]
enum Ca {
    /// It has one that pods know.
    Known,
    Data(String),
    /// A further source of the projected volume.
    Projected(Value),
}

/// The settings make no endpoint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenEndpointError {
    /// Half of what makes one.
    #[error("it takes both an annotation suffix and an audience")]
    Incomplete,
    /// No key of an annotation.
    #[error("{0:?} is no key of an annotation: the suffix is wrong")]
    Annotation(String),
    /// A token for the proxy would be good for the token service, too.
    #[error("the audience {0:?} is that of the token service: the endpoint needs another")]
    Audience(String),
    /// No URL that the SDKs take.
    #[error("the proxy {0:?} is no https:// URL without user, query and fragment")]
    Proxy(String),
    /// The SDKs refuse these variables where no proxy is named.
    #[error("a server name or a CA is set, and no proxy that they are of")]
    NoProxy,
    /// No name that TLS can ask for.
    #[error("the server name {0:?} is no DNS name")]
    Sni(String),
    /// The SDKs take one.
    #[error("the CA comes from one of data, a ConfigMap and a signer: more than one is set")]
    Cas,
    /// No PEM.
    #[error("the CA data is no certificate (PEM)")]
    CaData,
    /// No name of an object.
    #[error("{0:?} is no name of a ConfigMap")]
    ConfigMap(String),
    /// No signer.
    #[error("{0:?} is no name of a signer: it is written as example.com/name")]
    Signer(String),
    /// A selector of what is not asked for.
    #[error("a label selector is set, and no signer whose trust bundles it selects")]
    NoSigner,
    /// A requirement that is none.
    #[error("the label selector has the requirement {0:?}: it is written as a=b,c in (d,e)")]
    Selector(String),
}

impl TokenEndpoint {
    /// The endpoint that is set; none where nothing is. `audience` is that of tokens for the token service.
    ///
    /// # Errors
    /// The first fault.
    pub fn of(
        settings: TokenEndpointSettings,
        audience: &str,
    ) -> Result<Option<Self>, TokenEndpointError> {
        let ca = settings.ca()?;
        let TokenEndpointSettings {
            suffix,
            audience: own,
            proxy,
            sni,
            ..
        } = settings;
        // what the SDKs read with a proxy only
        let is_of_proxy = !sni.is_empty() || !matches!(ca, Ca::Known);
        if suffix.is_empty() || own.is_empty() {
            let is_unset = suffix.is_empty() && own.is_empty() && proxy.is_empty() && !is_of_proxy;
            return is_unset
                .then_some(None)
                .ok_or(TokenEndpointError::Incomplete);
        }
        let annotation = format!("{ANNOTATION_PREFIX}{suffix}");
        if !is_key(&annotation) {
            return Err(TokenEndpointError::Annotation(annotation));
        }
        if [AUDIENCE, audience]
            .iter()
            .any(|one| one.eq_ignore_ascii_case(&own))
        {
            return Err(TokenEndpointError::Audience(own));
        }
        if proxy.is_empty() && is_of_proxy {
            return Err(TokenEndpointError::NoProxy);
        }
        if !proxy.is_empty() && !is_proxy(&proxy) {
            return Err(TokenEndpointError::Proxy(proxy));
        }
        if !sni.is_empty() && !is_subdomain(&sni.to_ascii_lowercase()) {
            return Err(TokenEndpointError::Sni(sni));
        }
        Ok(Some(Self {
            annotation,
            audience: own,
            proxy,
            sni,
            ca,
        }))
    }

    /// Whether a pod asks for it.
    pub(crate) fn is_asked_by(&self, pod: &Value) -> bool {
        let annotations = pod.pointer("/metadata/annotations");
        let value = annotations.and_then(|all| all.get(&self.annotation)?.as_str());
        value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Audience of the pods' tokens.
    pub(crate) fn audience(&self) -> &str {
        &self.audience
    }

    /// The variables of a container, which has these already.
    pub(crate) fn variables(&self, env: Option<&Value>) -> Vec<(&'static str, &str)> {
        let mut variables = vec![
            ("AZURE_KUBERNETES_TOKEN_PROXY", &*self.proxy),
            ("AZURE_KUBERNETES_SNI_NAME", &*self.sni),
        ];
        // the SDKs refuse both at once, so a CA of the author's is the only one
        let mut names = env.and_then(Value::as_array).into_iter().flatten();
        let is_ca = |one: &Value| {
            let name = one.get("name").and_then(Value::as_str);
            name == Some(CA_FILE) || name == Some(CA_DATA)
        };
        if names.any(is_ca) {
            return variables;
        }
        match &self.ca {
            Ca::Known => {}
            Ca::Data(data) => variables.push((CA_DATA, data)),
            Ca::Projected(_) => variables.push((CA_FILE, CA_MOUNTED)),
        }
        variables
    }

    /// The source of the projected volume that has the CA.
    pub(crate) fn source(&self) -> Option<&Value> {
        match &self.ca {
            Ca::Projected(source) => Some(source),
            Ca::Known | Ca::Data(_) => None,
        }
    }
}

impl TokenEndpointSettings {
    fn ca(&self) -> Result<Ca, TokenEndpointError> {
        if self.ca_signer.is_empty() && !self.ca_selector.is_empty() {
            return Err(TokenEndpointError::NoSigner);
        }
        match (&*self.ca_data, &*self.ca_config_map, &*self.ca_signer) {
            ("", "", "") => Ok(Ca::Known),
            (data, "", "") if data.contains("-----BEGIN CERTIFICATE-----") => {
                Ok(Ca::Data(data.to_owned()))
            }
            (_, "", "") => Err(TokenEndpointError::CaData),
            ("", name, "") if is_subdomain(name) => Ok(Ca::Projected(json!({"configMap": {
                "name": name, "items": [{"key": CA_KEY, "path": CA_PATH}], "optional": false,
            }}))),
            ("", name, "") => Err(TokenEndpointError::ConfigMap(name.to_owned())),
            ("", "", signer) => {
                let is_signer = signer
                    .split_once('/')
                    .is_some_and(|(domain, path)| is_subdomain(domain) && is_subdomain(path));
                if !is_signer {
                    return Err(TokenEndpointError::Signer(signer.to_owned()));
                }
                let selector =
                    label_selector(&self.ca_selector).map_err(TokenEndpointError::Selector)?;
                Ok(Ca::Projected(json!({"clusterTrustBundle": {
                    "signerName": signer, "labelSelector": selector, "path": CA_PATH, "optional": false,
                }})))
            }
            _ => Err(TokenEndpointError::Cas),
        }
    }
}

fn is_proxy(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else {
        return false;
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"?#@\\\"<>".contains(&byte);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    !host.is_empty() && rest.bytes().all(is_plain)
}

#[cfg(test)]
mod tests;
