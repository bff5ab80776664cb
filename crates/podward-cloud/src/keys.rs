//! The CA, the server's certificate and the signers; in memory or in a folder, never readable by others.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use podward_api::{SecretString, pem};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::leaf::Leaf;
use crate::signing::Signing;
use crate::vault_ca::VaultCa;
use crate::{Clock, der};

/// Keys cannot be read, made or kept.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A key or certificate.
    #[error("{0}")]
    Crypto(String),
}

pub(crate) fn crypto(what: &str) -> impl Fn(&dyn std::fmt::Display) -> KeysError {
    move |error| KeysError::Crypto(format!("{what}: {error}"))
}

/// Reads a file, or makes it (mode 0600, in a folder of mode 0700) with what `make` gives.
pub(crate) fn kept(
    folder: Option<&Path>,
    name: &str,
    make: impl FnOnce() -> Result<Zeroizing<Vec<u8>>, KeysError>,
) -> Result<Zeroizing<Vec<u8>>, KeysError> {
    let Some(folder) = folder else { return make() };
    let path = folder.join(name);
    let at = |source| KeysError::File {
        path: path.clone(),
        source,
    };
    match fs::read(&path) {
        Ok(bytes) => return Ok(Zeroizing::new(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(at(error)),
    }
    let bytes = make()?;
    write(folder, name, &bytes)?;
    Ok(bytes)
}

/// Writes a file (mode 0600, in a folder of mode 0700).
pub(crate) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), KeysError> {
    let path = folder.join(name);
    let at = |source| KeysError::File {
        path: path.clone(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(at)?;
    // written aside and renamed, so that a crash leaves no half a key
    let aside = folder.join(format!(".{name}.new"));
    let mut file = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&aside)
        .map_err(at)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(at)?;
    fs::rename(&aside, &path).map_err(at)?;
    // what is encrypted with a key must not outlive it: its name is brought to the disk too
    let named = fs::File::open(folder).and_then(|folder| folder.sync_all());
    named.map_err(at)
}

/// The CA and the key that tokens are signed with.
pub struct Keys {
    folder: Option<PathBuf>,
    ca_key: Arc<KeyPair>,
    ca_pem: String,
    backup: Mutex<Option<Zeroizing<Vec<u8>>>>,
    vaults: Mutex<Option<Arc<VaultCa>>>,
    pub(crate) tokens: Signing,
}

/// Name of the CA that clients trust.
pub(crate) const CA_NAME: &str = "podward local CA";

/// A CA of this name, which signs certificates that sign no others.
pub(crate) fn ca_params(name: &str) -> Result<CertificateParams, KeysError> {
    let mut params = CertificateParams::new(Vec::new()).map_err(|e| crypto("CA")(&e))?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

impl Keys {
    /// Loads the keys of a folder, or makes them; without a folder they live in memory alone.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds no key.
    pub fn load(folder: Option<&Path>) -> Result<Self, KeysError> {
        let text = kept(folder, "ca.key", || {
            let key = KeyPair::generate().map_err(|e| crypto("CA key")(&e))?;
            let text = pem("PRIVATE KEY", &Zeroizing::new(key.serialize_der()));
            Ok(Zeroizing::new(text.as_bytes().to_vec()))
        })?;
        let ca_key = PrivatePkcs8KeyDer::from_pem_slice(&text).map_err(|e| crypto("CA key")(&e))?;
        let ca_key =
            KeyPair::try_from(ca_key.secret_pkcs8_der()).map_err(|e| crypto("CA key")(&e))?;
        let text = kept(folder, "ca.pem", || {
            let certificate = ca_params(CA_NAME)?
                .self_signed(&ca_key)
                .map_err(|e| crypto("CA")(&e))?;
            let text = pem("CERTIFICATE", certificate.der());
            Ok(Zeroizing::new(text.as_bytes().to_vec()))
        })?;
        let ca_pem = String::from_utf8_lossy(&text).into_owned();
        Ok(Self {
            folder: folder.map(Path::to_owned),
            ca_key: Arc::new(ca_key),
            ca_pem,
            backup: Mutex::default(),
            vaults: Mutex::default(),
            tokens: Signing::load(folder)?,
        })
    }

    /// The key that backups are encrypted with.
    pub(crate) fn backup(&self) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let mut known = self.backup.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = &*known {
            return Ok(key.clone());
        }
        let key = kept(self.folder(), "backup.key", || {
            let mut bytes = Zeroizing::new(vec![0; 32]);
            aws_lc_rs::rand::fill(&mut bytes).map_err(|e| crypto("backup key")(&e))?;
            Ok(bytes)
        })?;
        *known = Some(key.clone());
        Ok(key)
    }

    /// The CA of the vaults, made when it is first asked for.
    pub(crate) fn vault_ca(&self) -> Result<Arc<VaultCa>, KeysError> {
        let mut known = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ca) = &*known {
            return Ok(Arc::clone(ca));
        }
        let ca = Arc::new(VaultCa::load(self.folder())?);
        *known = Some(Arc::clone(&ca));
        Ok(ca)
    }

    /// Where keys are kept; in memory alone where there is none.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The CA's certificate.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        self.ca_pem.clone()
    }

    /// TLS for these names, with a certificate that is made now, and anew before it ends.
    ///
    /// # Errors
    /// When the certificate cannot be made.
    pub fn server_config(
        &self,
        host_names: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<rustls::ServerConfig>, KeysError> {
        let failed = crypto("server certificate");
        let ca = CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).map_err(|e| failed(&e))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let leaf = Leaf::new(
            host_names,
            Arc::clone(&self.ca_key),
            ca,
            Arc::clone(&provider),
            clock,
        )?;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(&e))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(leaf));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// An RSA key, kept in a file of the folder. Making one takes tenths of a second.
pub(crate) fn rsa_key(
    folder: Option<&Path>,
    file: &str,
    size: KeySize,
) -> Result<RsaKeyPair, KeysError> {
    let failed = crypto("RSA key");
    let der = kept(folder, file, || {
        let made = RsaKeyPair::generate(size).map_err(|e| failed(&e))?;
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&made);
        der.map(|der| Zeroizing::new(der.as_ref().to_vec()))
            .map_err(|e| failed(&e))
    })?;
    RsaKeyPair::from_pkcs8(&der).map_err(|e| failed(&e))
}

/// An RS256 key whose making does not hold up the start.
pub struct Signer {
    key: Arc<OnceLock<Result<RsaKeyPair, String>>>,
}

impl Signer {
    /// Loads a key of a folder, or begins to make one on another thread; its first use waits for it.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn load(folder: Option<&Path>, name: &str) -> Result<Self, KeysError> {
        let key = Arc::new(OnceLock::new());
        let (slot, folder, file) = (
            Arc::clone(&key),
            folder.map(Path::to_owned),
            format!("{name}.key"),
        );
        std::thread::Builder::new()
            .name("rsa".into())
            .spawn(move || {
                slot.get_or_init(|| {
                    rsa_key(folder.as_deref(), &file, KeySize::Rsa2048).map_err(|e| e.to_string())
                });
            })
            .map_err(|e| crypto("thread")(&e))?;
        Ok(Self { key })
    }

    fn key(&self) -> Result<&RsaKeyPair, KeysError> {
        self.key
            .wait()
            .as_ref()
            .map_err(|e| KeysError::Crypto(e.clone()))
    }

    /// Waits until it can sign.
    pub(crate) fn ready(&self) -> Result<(), KeysError> {
        self.key().map(|_| ())
    }

    /// Key id: base64url of the SHA-256 of the public key's DER, as kube-apiserver makes it.
    #[must_use]
    pub fn kid(&self) -> String {
        let der = self.key().ok().and_then(|key| {
            AsDer::<aws_lc_rs::encoding::PublicKeyX509Der<'_>>::as_der(key.public_key())
                .ok()
                .map(|d| d.as_ref().to_vec())
        });
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &der.unwrap_or_default());
        URL_SAFE_NO_PAD.encode(digest.as_ref())
    }

    /// The public key (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (n, e) = self
            .key()
            .ok()
            .and_then(|key| rsa_numbers(key.public_key().as_ref()))
            .unwrap_or_default();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid(),
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
        })
    }

    /// Signs claims as a compact JWS (RFC 7515).
    ///
    /// # Errors
    /// When the key could not be made.
    pub fn sign(&self, claims: &Value) -> Result<SecretString, KeysError> {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": self.kid()});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let key = self.key()?;
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &aws_lc_rs::rand::SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .map_err(|e| crypto("signature")(&e))?;
        Ok(SecretString::new(format!(
            "{signed}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )))
    }
}

/// Modulus and exponent of an RSAPublicKey (RFC 8017, A.1.1).
pub(crate) fn rsa_numbers(key: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (sequence, _) = der::read(key, der::SEQUENCE)?;
    let (n, rest) = der::read(sequence, der::INTEGER)?;
    let (e, _) = der::read(rest, der::INTEGER)?;
    let unsigned = |bytes: &[u8]| bytes.iter().copied().skip_while(|b| *b == 0).collect();
    Some((unsigned(n), unsigned(e)))
}
