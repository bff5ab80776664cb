//! Keys.

use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{
    CreateKeyParameters, CurveName, EncryptionAlgorithm, Key, KeyOperationParameters, KeyType,
    SignParameters, SignatureAlgorithm, VerifyParameters,
};

use crate::Suite;
use crate::cloud::{Done, refused};

impl Suite {
    async fn create(
        &self,
        name: &str,
        kty: KeyType,
        curve: Option<CurveName>,
    ) -> azure_core::Result<Key> {
        let key_size = curve.is_none().then_some(2048);
        let parameters = CreateKeyParameters {
            kty: Some(kty),
            curve,
            key_size,
            ..Default::default()
        };
        self.keys
            .create_key(name, parameters.try_into()?, None)
            .await?
            .into_model()
    }

    async fn purge_key(&self, name: &str) -> Done {
        self.keys.delete_key(name, None).await?;
        self.keys.purge_deleted_key(name, None).await?;
        Ok(())
    }

    /// Signs a digest, and has the vault verify it and refuse it for another.
    async fn signs(
        &self,
        (name, version): (&str, &str),
        algorithm: SignatureAlgorithm,
        digest: &[u8],
    ) -> Done {
        let asked = SignParameters {
            algorithm: Some(algorithm.clone()),
            value: Some(digest.to_vec()),
        };
        let signature = self
            .keys
            .sign(name, asked.try_into()?, None)
            .await?
            .into_model()?
            .result;
        let mut other = digest.to_vec();
        other.reverse();
        for (digest, want) in [(digest.to_vec(), true), (other, false)] {
            let asked = VerifyParameters {
                algorithm: Some(algorithm.clone()),
                digest: Some(digest),
                signature: signature.clone(),
            };
            let verified = self
                .keys
                .verify(name, version, asked.try_into()?, None)
                .await?
                .into_model()?;
            assert_eq!(verified.value, Some(want), "{algorithm:?}");
        }
        Ok(())
    }

    pub async fn rsa(&self) -> Done {
        let name = self.name("rsa");
        let made = self.create(&name, KeyType::Rsa, None).await?;
        assert_eq!(
            made.key
                .as_ref()
                .and_then(|key| key.n.as_ref())
                .map(Vec::len),
            Some(256)
        );
        let version = made.resource_id()?.version.unwrap_or_default();
        let digest: Vec<u8> = (0..32).collect();
        for algorithm in [SignatureAlgorithm::Rs256, SignatureAlgorithm::Ps256] {
            self.signs((&name, &version), algorithm, &digest).await?;
        }
        for algorithm in [
            EncryptionAlgorithm::RsaOaep,
            EncryptionAlgorithm::RsaOaep256,
        ] {
            let with = |value| KeyOperationParameters {
                algorithm: Some(algorithm.clone()),
                value: Some(value),
                ..Default::default()
            };
            let sealed = self
                .keys
                .encrypt(&name, with(digest.clone()).try_into()?, None)
                .await?
                .into_model()?;
            let sealed = with(sealed.result.unwrap_or_default()).try_into()?;
            let opened = self
                .keys
                .decrypt(&name, &version, sealed, None)
                .await?
                .into_model()?;
            assert_eq!(opened.result.as_ref(), Some(&digest));
            let wrapped = self
                .keys
                .wrap_key(&name, with(digest.clone()).try_into()?, None)
                .await?
                .into_model()?;
            let wrapped = with(wrapped.result.unwrap_or_default()).try_into()?;
            let unwrapped = self
                .keys
                .unwrap_key(&name, &version, wrapped, None)
                .await?
                .into_model()?;
            assert_eq!(unwrapped.result.as_ref(), Some(&digest));
        }
        let rotated = self.keys.rotate_key(&name, None).await?.into_model()?;
        assert_ne!(rotated.resource_id()?.version, Some(version));
        self.purge_key(&name).await
    }

    pub async fn ec(&self) -> Done {
        for (curve, algorithm, length) in [
            (CurveName::P256, SignatureAlgorithm::Es256, 32),
            (CurveName::P256K, SignatureAlgorithm::Es256K, 32),
            (CurveName::P384, SignatureAlgorithm::Es384, 48),
            (CurveName::P521, SignatureAlgorithm::Es512, 64),
        ] {
            let name = self.name(&format!("ec-{length}"));
            let made = self.create(&name, KeyType::Ec, Some(curve)).await?;
            let version = made.resource_id()?.version.unwrap_or_default();
            let digest: Vec<u8> = (0..length).collect();
            self.signs((&name, &version), algorithm, &digest).await?;
            self.keys.delete_key(&name, None).await?;
            refused(self.keys.get_key(&name, None).await, 404, "KeyNotFound")?;
            self.keys.recover_deleted_key(&name, None).await?;
            self.keys.get_key(&name, None).await?;
            self.purge_key(&name).await?;
        }
        Ok(())
    }
}
