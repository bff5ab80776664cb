//! What pods that ask for an identity are given.

use clap::ArgAction;
use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use podward_admission::{Environment, TokenEndpoint, TokenEndpointError, TokenEndpointSettings};
use podward_api::SecretString;
use podward_api::workload_identity::{AUDIENCE, AUTHORITY_HOST, authority_host};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::report::Report;

/// Flags about identities.
#[derive(clap::Args)]
pub(super) struct Identity {
    /// Complete pods as azure-workload-identity's webhook does, those that are labelled azure.workload.identity/use:
    /// "true"; false leaves that to another webhook, and podward.dev/identity counts all the same
    #[arg(
        long,
        value_name = "BOOL",
        default_value = "true",
        action = ArgAction::Set,
        value_parser = BoolishValueParser::new(),
        env = "PODWARD_WORKLOAD_IDENTITY"
    )]
    workload_identity: bool,
    /// Microsoft Entra tenant of identities whose service account names none
    #[arg(long, value_name = "GUID", default_value = "", env = "PODWARD_TENANT")]
    tenant: String,
    /// Token service that pods are given: its URL, or the cloud (AzurePublicCloud, AzureUSGovernmentCloud,
    /// AzureChinaCloud)
    #[arg(long, value_name = "URL|CLOUD", default_value = AUTHORITY_HOST, value_parser = authority, env = "PODWARD_AUTHORITY_HOST")]
    authority_host: String,
    /// Audience of the tokens that pods are given for the token service
    #[arg(long, default_value = AUDIENCE, value_parser = NonEmptyStringValueParser::new(), env = "PODWARD_AUDIENCE")]
    audience: String,
    /// Identity endpoint that pods are given which ask for one; none is served where it is absent
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        env = "PODWARD_IDENTITY_ENDPOINT"
    )]
    identity_endpoint: String,
    /// Pods with the annotation azure.workload.identity/use-SUFFIX: "true" get their tokens from a proxy, with another
    /// audience
    #[arg(
        long,
        value_name = "SUFFIX",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_SUFFIX"
    )]
    token_endpoint_suffix: String,
    /// Audience of their tokens
    #[arg(
        long,
        value_name = "AUDIENCE",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_AUDIENCE"
    )]
    token_endpoint_audience: String,
    /// The proxy, by https (AZURE_KUBERNETES_TOKEN_PROXY)
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_PROXY"
    )]
    token_endpoint_proxy: String,
    /// Name that the proxy's certificate is good for, where that is not the URL's (AZURE_KUBERNETES_SNI_NAME)
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_SNI"
    )]
    token_endpoint_sni: String,
    /// The proxy's CA (AZURE_KUBERNETES_CA_DATA); one of the three ways to name it
    #[arg(
        long,
        value_name = "PEM",
        default_value = "",
        allow_hyphen_values = true,
        env = "PODWARD_TOKEN_ENDPOINT_CA_DATA"
    )]
    token_endpoint_ca_data: String,
    /// ConfigMap of the pod's namespace that has the CA as ca.crt (AZURE_KUBERNETES_CA_FILE)
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_CA_CONFIG_MAP"
    )]
    token_endpoint_ca_config_map: String,
    /// Signer of the ClusterTrustBundles that have the CA (AZURE_KUBERNETES_CA_FILE)
    #[arg(
        long,
        value_name = "SIGNER",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_CA_SIGNER"
    )]
    token_endpoint_ca_signer: String,
    /// Which of the signer's bundles, as a=b,c in (d,e); all where it is absent
    #[arg(
        long,
        value_name = "SELECTOR",
        default_value = "",
        env = "PODWARD_TOKEN_ENDPOINT_CA_SELECTOR"
    )]
    token_endpoint_ca_selector: String,
}

impl Identity {
    /// What every pod is given, but for its header.
    pub(super) fn given(&self) -> Result<Environment, Report> {
        let token_endpoint = self.token_endpoint().map_err(|fault| {
            Report::new(format!("the custom token endpoint: {fault}"))
                .help("podward webhook --help tells of --token-endpoint-suffix and those with it")
        })?;
        Ok(Environment {
            workload_identity: self.workload_identity,
            tenant: self.tenant.clone(),
            authority_host: self.authority_host.clone(),
            audience: self.audience.clone(),
            token_endpoint,
            endpoint: self.identity_endpoint.clone(),
            header: SecretString::new(String::new()),
        })
    }

    fn token_endpoint(&self) -> Result<Option<TokenEndpoint>, TokenEndpointError> {
        let data = &self.token_endpoint_ca_data;
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(data.as_bytes()).collect();
        if !data.is_empty() && !certificates.is_ok_and(|all| !all.is_empty()) {
            return Err(TokenEndpointError::CaData);
        }
        let settings = TokenEndpointSettings {
            suffix: self.token_endpoint_suffix.clone(),
            audience: self.token_endpoint_audience.clone(),
            proxy: self.token_endpoint_proxy.clone(),
            sni: self.token_endpoint_sni.clone(),
            ca_data: data.clone(),
            ca_config_map: self.token_endpoint_ca_config_map.clone(),
            ca_signer: self.token_endpoint_ca_signer.clone(),
            ca_selector: self.token_endpoint_ca_selector.clone(),
        };
        TokenEndpoint::of(settings, &self.audience)
    }
}

fn authority(text: &str) -> Result<String, String> {
    match authority_host(text) {
        Some(url) => Ok(url.into()),
        None if text.starts_with("https://") => Ok(text.into()),
        None => Err(
            "it is no https:// URL, and none of AzurePublicCloud, AzureUSGovernmentCloud and AzureChinaCloud"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        identity: Identity,
    }

    fn given(flags: &[&str]) -> Result<Environment, String> {
        let all = ["webhook"].iter().chain(flags);
        let read = Flags::try_parse_from(all).map_err(|e| e.to_string())?;
        read.identity.given().map_err(|e| e.to_string())
    }

    #[test]
    fn a_cloud_stands_for_its_token_service() {
        for (text, want) in [
            (
                "azureusgovernmentcloud",
                "https://login.microsoftonline.us/",
            ),
            ("AzureChinaCloud", "https://login.chinacloudapi.cn/"),
            ("https://login.example/", "https://login.example/"),
        ] {
            let given = given(&["--authority-host", text]).unwrap();
            assert_eq!(given.authority_host, want);
        }
        let given = given(&[]).unwrap();
        assert_eq!(given.authority_host, AUTHORITY_HOST);
        assert_eq!(given.audience, AUDIENCE);
        assert!(given.token_endpoint.is_none());
        for text in ["http://a", "AzureGermanCloud", ""] {
            assert!(self::given(&["--authority-host", text]).is_err(), "{text}");
        }
        assert!(self::given(&["--audience="]).is_err());
    }

    #[test]
    fn the_work_of_azure_workload_identity_is_done_unless_it_is_switched_off() {
        for (flags, want) in [
            (&[] as &[&str], true),
            (&["--workload-identity=true"], true),
            (&["--workload-identity=false"], false),
            (&["--workload-identity", "off"], false),
        ] {
            assert_eq!(given(flags).unwrap().workload_identity, want, "{flags:?}");
        }
        assert!(given(&["--workload-identity=maybe"]).is_err());
    }

    #[test]
    fn a_token_endpoint_is_complete_or_refused() {
        let whole = [
            "--token-endpoint-suffix=proxy",
            "--token-endpoint-audience=api://proxy",
            "--token-endpoint-proxy=https://10.0.0.1",
        ];
        assert!(given(&whole).unwrap().token_endpoint.is_some());
        let fault = given(&whole[..1]).unwrap_err();
        let want = "the custom token endpoint: it takes both an annotation suffix and an audience";
        assert!(fault.contains(want), "{fault}");
        let own = [&whole[..], &["--audience=API://proxy"]].concat();
        assert!(
            given(&own)
                .unwrap_err()
                .contains("that of the token service")
        );
        let begun = "--token-endpoint-ca-data=-----BEGIN CERTIFICATE-----\nMII";
        let cut = [&whole[..], &[begun]].concat();
        assert!(given(&cut).unwrap_err().contains("no certificate"));
    }
}
