//! Key Vault client, SecretProviderClass parameters and object formats.
