//! A local Key Vault and token service that the real clients accept.
