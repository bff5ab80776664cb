//! The Azure SDK for Rust, unmodified, against the local cloud.

mod certificates;
mod cloud;
mod keys;
mod secrets;

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_security_keyvault_certificates::{CertificateClient, CertificateClientOptions};
use azure_security_keyvault_keys::{KeyClient, KeyClientOptions};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use cloud::{Done, Options, refused, says};

/// The clients of one credential.
struct Suite {
    options: Arc<Options>,
    secrets: SecretClient,
    keys: KeyClient,
    certificates: CertificateClient,
}

impl Suite {
    fn of(options: &Arc<Options>, credential: Arc<dyn TokenCredential>) -> Done<Self> {
        let (vault, client_options) = (options.get("--vault-url"), options.client());
        let secrets = SecretClientOptions {
            client_options: client_options.clone(),
            ..Default::default()
        };
        let keys = KeyClientOptions {
            client_options: client_options.clone(),
            ..Default::default()
        };
        let certificates = CertificateClientOptions {
            client_options,
            ..Default::default()
        };
        Ok(Self {
            secrets: SecretClient::new(vault, credential.clone(), Some(secrets))?,
            keys: KeyClient::new(vault, credential.clone(), Some(keys))?,
            certificates: CertificateClient::new(vault, credential, Some(certificates))?,
            options: Arc::clone(options),
        })
    }

    fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.options.prefix)
    }
}

/// A client without rights is refused.
async fn without_rights(options: &Arc<Options>) -> Done {
    let (client, secret) = (
        options.get("--noperm-client-id"),
        options.get("--noperm-client-secret"),
    );
    let nobody = Suite::of(options, options.by_secret(client, secret)?)?;
    refused(
        nobody.secrets.get_secret("any", None).await,
        403,
        "Forbidden",
    )?;
    refused(nobody.keys.get_key("any", None).await, 403, "Forbidden")?;
    refused(
        nobody.certificates.get_certificate("any", None).await,
        403,
        "Forbidden",
    )
}

/// A wrong password and a statement of another subject are refused.
async fn unproven(options: &Arc<Options>) -> Done {
    let wrong = Suite::of(
        options,
        options.by_secret(options.get("--client-id"), "wrong")?,
    )?;
    says(wrong.secrets.get_secret("any", None).await, "AADSTS7000215")?;
    let stranger = Suite::of(
        options,
        options.by_statement(options.get("--wrong-sub-token-file"))?,
    )?;
    says(
        stranger.secrets.get_secret("any", None).await,
        "AADSTS700213",
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Done {
    // an error means that another one was installed
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Arc::new(Options::parse(std::env::args())?);
    let suite = Suite::of(
        &options,
        options.by_statement(options.get("--federated-token-file"))?,
    )?;
    let password = options.by_secret(options.get("--client-id"), options.get("--client-secret"))?;
    let by_password = Suite::of(&options, password)?;
    let results = [
        ("secret: set, get, update, versions", suite.secret().await),
        ("secrets: list over two pages", suite.list().await),
        (
            "secret: delete, recover, purge, backup, restore",
            suite.recover().await,
        ),
        (
            "key: RSA signs, verifies, decrypts, unwraps",
            suite.rsa().await,
        ),
        (
            "key: EC signs and verifies, delete, recover",
            suite.ec().await,
        ),
        (
            "certificate: create and download, PEM",
            suite.certificate("application/x-pem-file").await,
        ),
        (
            "certificate: create and download, PKCS#12",
            suite.certificate("application/x-pkcs12").await,
        ),
        (
            "refused: a client without rights",
            without_rights(&options).await,
        ),
        (
            "refused: a wrong password, and a statement of another subject",
            unproven(&options).await,
        ),
        ("secret: with a password", by_password.secret().await),
    ];
    let mut failed = 0;
    for (name, result) in &results {
        match result {
            Ok(()) => println!("PASS {name}"),
            Err(error) => {
                failed += 1;
                println!("FAIL {name} {error:?}");
            }
        }
    }
    println!("{} passed, {failed} failed", results.len() - failed);
    if failed == 0 {
        Ok(())
    } else {
        Err("not all passed".into())
    }
}
