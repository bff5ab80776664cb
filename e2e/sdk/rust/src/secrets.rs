//! Secrets.

use std::collections::{HashMap, HashSet};

use azure_security_keyvault_secrets::ResourceExt;
use azure_security_keyvault_secrets::models::{
    Secret, SecretAttributes, SecretClientGetSecretOptions,
    SecretClientUpdateSecretPropertiesOptions, SetSecretParameters,
    UpdateSecretPropertiesParameters,
};
use futures::TryStreamExt;

use crate::Suite;
use crate::cloud::{Done, refused};

impl Suite {
    async fn set(&self, name: &str, value: &str) -> azure_core::Result<Secret> {
        let parameters = SetSecretParameters {
            value: Some(value.to_owned()),
            content_type: Some("text/plain".into()),
            tags: Some(HashMap::from([("a".into(), "b".into())])),
            ..Default::default()
        };
        self.secrets
            .set_secret(name, parameters.try_into()?, None)
            .await?
            .into_model()
    }

    async fn read(&self, name: &str, version: Option<String>) -> azure_core::Result<Secret> {
        let options = SecretClientGetSecretOptions {
            secret_version: version,
            ..Default::default()
        };
        self.secrets
            .get_secret(name, Some(options))
            .await?
            .into_model()
    }

    async fn purge(&self, name: &str) -> Done {
        self.secrets.delete_secret(name, None).await?;
        self.secrets.purge_deleted_secret(name, None).await?;
        Ok(())
    }

    pub async fn secret(&self) -> Done {
        let name = self.name("one");
        let first = self.set(&name, "first").await?.resource_id()?.version;
        let second = self.set(&name, "zweite ✓").await?.resource_id()?.version;
        let latest = self.read(&name, None).await?;
        assert_eq!(latest.value.as_deref(), Some("zweite ✓"));
        assert_eq!(latest.content_type.as_deref(), Some("text/plain"));
        assert_eq!(
            latest.tags.unwrap_or_default(),
            HashMap::from([("a".into(), "b".into())])
        );
        assert_eq!(
            self.read(&name, first.clone()).await?.value.as_deref(),
            Some("first")
        );
        let off = UpdateSecretPropertiesParameters {
            secret_attributes: Some(SecretAttributes {
                enabled: Some(false),
                ..Default::default()
            }),
            ..Default::default()
        };
        let of = SecretClientUpdateSecretPropertiesOptions {
            secret_version: first.clone(),
            ..Default::default()
        };
        self.secrets
            .update_secret_properties(&name, off.try_into()?, Some(of))
            .await?;
        refused(self.read(&name, first.clone()).await, 403, "Forbidden")?;
        let mut seen = HashSet::new();
        let mut versions = self.secrets.list_secret_properties_versions(&name, None)?;
        while let Some(one) = versions.try_next().await? {
            seen.insert(one.resource_id()?.version);
        }
        assert_eq!(seen, HashSet::from([first, second]));
        self.purge(&name).await
    }

    pub async fn list(&self) -> Done {
        let mut wanted = HashSet::new();
        for n in 0..27 {
            let name = self.name(&format!("list-{n}"));
            self.set(&name, "x").await?;
            wanted.insert(name);
        }
        let mut pages = self.secrets.list_secret_properties(None)?.into_pages();
        let mut sizes = Vec::new();
        while let Some(page) = pages.try_next().await? {
            let page = page.into_model()?.value;
            sizes.push(page.len());
            for one in page {
                let name = one.resource_id()?.name;
                if wanted.remove(&name) {
                    self.purge(&name).await?;
                }
            }
        }
        assert!(
            sizes.len() >= 2 && wanted.is_empty(),
            "pages of {sizes:?}, without {wanted:?}"
        );
        Ok(())
    }

    pub async fn recover(&self) -> Done {
        let name = self.name("gone");
        self.set(&name, "back again").await?;
        let backup = self
            .secrets
            .backup_secret(&name, None)
            .await?
            .into_model()?;
        let deleted = self
            .secrets
            .delete_secret(&name, None)
            .await?
            .into_model()?;
        assert!(deleted.scheduled_purge_date > deleted.deleted_date);
        refused(self.read(&name, None).await, 404, "SecretNotFound")?;
        refused(self.set(&name, "x").await, 409, "Conflict")?;
        self.secrets.recover_deleted_secret(&name, None).await?;
        assert_eq!(
            self.read(&name, None).await?.value.as_deref(),
            Some("back again")
        );
        self.purge(&name).await?;
        refused(
            self.secrets.get_deleted_secret(&name, None).await,
            404,
            "SecretNotFound",
        )?;
        let parameters = azure_security_keyvault_secrets::models::RestoreSecretParameters {
            secret_backup: backup.value,
        };
        self.secrets
            .restore_secret(parameters.try_into()?, None)
            .await?;
        assert_eq!(
            self.read(&name, None).await?.value.as_deref(),
            Some("back again")
        );
        self.purge(&name).await
    }
}
