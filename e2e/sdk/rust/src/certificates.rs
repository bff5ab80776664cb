//! Certificates.

use azure_core::base64;
use azure_security_keyvault_certificates::models::{
    CertificatePolicy, CreateCertificateParameters, IssuerParameters, SecretProperties,
    X509CertificateProperties,
};

use crate::Suite;
use crate::cloud::Done;

impl Suite {
    pub async fn certificate(&self, content_type: &str) -> Done {
        let name = self.name("web");
        let policy = CertificatePolicy {
            issuer_parameters: Some(IssuerParameters {
                name: Some("Self".into()),
                ..Default::default()
            }),
            secret_properties: Some(SecretProperties {
                content_type: Some(content_type.to_owned()),
            }),
            x509_certificate_properties: Some(X509CertificateProperties {
                subject: Some("CN=web.shop.example".into()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let asked = CreateCertificateParameters {
            certificate_policy: Some(policy),
            ..Default::default()
        };
        self.certificates
            .begin_create_certificate(&name, asked.try_into()?, None)?
            .await?;
        let made = self
            .certificates
            .get_certificate(&name, None)
            .await?
            .into_model()?;
        let cer = made.cer.unwrap_or_default();
        assert_eq!(cer.first(), Some(&0x30), "the certificate is no DER");
        let secret = self.secrets.get_secret(&name, None).await?.into_model()?;
        assert_eq!(secret.content_type.as_deref(), Some(content_type));
        let value = secret.value.unwrap_or_default();
        if content_type == "application/x-pem-file" {
            let (key, rest) = value
                .split_once("-----BEGIN CERTIFICATE-----")
                .ok_or("there is no certificate")?;
            assert!(key.contains("-----BEGIN PRIVATE KEY-----"));
            let body: String = rest
                .lines()
                .take_while(|line| !line.starts_with('-'))
                .collect();
            assert_eq!(base64::decode(body)?, cer);
        } else {
            base64::decode(&value)?;
        }
        self.certificates.delete_certificate(&name, None).await?;
        self.certificates
            .recover_deleted_certificate(&name, None)
            .await?;
        self.certificates.get_certificate(&name, None).await?;
        self.certificates.delete_certificate(&name, None).await?;
        self.certificates
            .purge_deleted_certificate(&name, None)
            .await?;
        Ok(())
    }
}
