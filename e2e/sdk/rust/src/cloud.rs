//! What every case needs: the options of the suite, a client that trusts the cloud, credentials.

use std::collections::HashMap;
use std::error::Error;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, RetryOptions, Transport, Url};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

pub type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The options of the suite, and a client for them.
pub struct Options {
    values: HashMap<String, String>,
    /// What names of this run begin with.
    pub prefix: String,
    transport: Transport,
}

impl Options {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Done<Self> {
        let (mut values, mut leads) = (HashMap::new(), Vec::new());
        let mut arguments = arguments.skip(1);
        while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
            match (name.as_str(), value.split_once('=')) {
                ("--resolve", Some((host, ip))) => {
                    leads.push((host.to_owned(), ip.parse::<IpAddr>()?))
                }
                _ => _ = values.insert(name, value),
            }
        }
        let need = |name: &str| {
            values
                .get(name)
                .cloned()
                .ok_or(format!("{name} is missing"))
        };
        let ca = reqwest::Certificate::from_pem(&std::fs::read(need("--ca-file")?)?)?;
        let mut client = reqwest::Client::builder().tls_certs_only([ca]);
        for url in [need("--vault-url")?, need("--authority-host")?] {
            let host = Url::parse(&url)?.host_str().unwrap_or_default().to_owned();
            let meant = |name: &str| {
                name.strip_prefix('*')
                    .map_or(name == host, |end| host.ends_with(end))
            };
            if let Some((_, ip)) = leads.iter().find(|(name, _)| meant(name)) {
                client = client.resolve(&host, SocketAddr::new(*ip, 0));
            }
        }
        Ok(Self {
            prefix: format!("rust-{:x}", std::time::UNIX_EPOCH.elapsed()?.as_nanos()),
            transport: Transport::new(Arc::new(client.build()?)),
            values,
        })
    }

    pub fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Options for any client. A refusal is an answer, and not tried again.
    pub fn client(&self) -> ClientOptions {
        let mut cloud = CustomConfiguration::default();
        cloud.authority_host = self.get("--authority-host").to_owned();
        ClientOptions {
            transport: Some(self.transport.clone()),
            retry: RetryOptions::none(),
            cloud: Some(Arc::new(cloud.into())),
            ..ClientOptions::default()
        }
    }

    /// A client with its password.
    pub fn by_secret(&self, client: &str, secret: &str) -> Done<Arc<dyn TokenCredential>> {
        let options = ClientSecretCredentialOptions {
            client_options: self.client(),
        };
        let tenant = self.get("--tenant");
        Ok(ClientSecretCredential::new(
            tenant,
            client.to_owned(),
            secret.to_owned().into(),
            Some(options),
        )?)
    }

    /// A client with a statement of the cluster's issuer.
    pub fn by_statement(&self, file: &str) -> Done<Arc<dyn TokenCredential>> {
        Ok(WorkloadIdentityCredential::new(Some(
            WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions {
                    client_options: self.client(),
                },
                client_id: Some(self.get("--client-id").to_owned()),
                tenant_id: Some(self.get("--tenant").to_owned()),
                token_file_path: Some(file.into()),
            },
        ))?)
    }
}

/// Fails unless a call was refused with this status.
pub fn refused<T>(answer: azure_core::Result<T>, status: u16, code: &str) -> Done {
    use azure_core::error::ErrorKind;
    match answer.map_err(|error| error.kind().clone()) {
        Err(ErrorKind::HttpResponse {
            status: got,
            error_code,
            ..
        }) if u16::from(got) == status && error_code.as_deref() == Some(code) => Ok(()),
        Err(other) => Err(format!("want {status} {code}, got {other:?}").into()),
        Ok(_) => Err(format!("want {status} {code}, and it was granted").into()),
    }
}

/// Fails unless a call failed for a reason that has the text.
pub fn says<T>(answer: azure_core::Result<T>, text: &str) -> Done {
    let mut told = String::new();
    let mut error: Option<&dyn Error> = answer.as_ref().err().map(|error| error as &dyn Error);
    while let Some(one) = error {
        told += &format!("{one}; ");
        error = one.source();
    }
    if told.contains(text) {
        Ok(())
    } else {
        Err(format!("no {text} in: {told}").into())
    }
}
