//! The CA, the server's certificate and the signers; in memory or in a folder, never readable by others.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use podward_api::SecretString;
use podward_pki::{Authority, Leaf};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::signing::Signing;
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
    /// Everyone on the machine may use a key.
    #[error(
        "{0} may be read or written by every user of this machine: chmod 600 it, if none of them has"
    )]
    Loose(PathBuf),
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
    // the mode of the file that is read, and not of one that takes its place
    let read = fs::File::open(&path).and_then(|mut file| {
        let mut bytes = Zeroizing::new(Vec::new());
        file.read_to_end(&mut bytes)?;
        Ok((file.metadata()?.permissions().mode(), bytes))
    });
    match read {
        // a group may have it: where Kubernetes gives a volume to one, it does so with all files
        Ok((mode, _)) if mode & 0o007 != 0 && name.ends_with(".key") => {
            return Err(KeysError::Loose(path));
        }
        Ok((_, bytes)) => return Ok(bytes),
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
    ca: Arc<Authority>,
    backup: Mutex<Option<Zeroizing<Vec<u8>>>>,
    vaults: Mutex<Option<Arc<Authority>>>,
    pub(crate) tokens: Signing,
}

/// Name of the CA that clients trust.
const CA_NAME: &str = "podward local CA";
/// Name of the CA of the vaults.
const VAULT_CA_NAME: &str = "podward vault CA";

/// A CA whose key and certificate are kept in two files of a folder.
fn authority(folder: Option<&Path>, file: &str, name: &str) -> Result<Authority, KeysError> {
    let failed = crypto(name);
    let key = kept(folder, &format!("{file}.key"), || {
        podward_pki::new_key().map_err(|e| failed(&e))
    })?;
    let certificate = kept(folder, &format!("{file}.pem"), || {
        let text = podward_pki::self_signed(name, &key, None).map_err(|e| failed(&e))?;
        Ok(Zeroizing::new(text.into_bytes()))
    })?;
    Authority::of(name, &key, &certificate).map_err(|e| failed(&e))
}

impl Keys {
    /// Loads the keys of a folder, or makes them; without a folder they live in memory alone.
    ///
    /// # Errors
    /// When a file cannot be read or written, or holds no key.
    pub fn load(folder: Option<&Path>) -> Result<Self, KeysError> {
        Ok(Self {
            folder: folder.map(Path::to_owned),
            ca: Arc::new(authority(folder, "ca", CA_NAME)?),
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

    /// The CA of the vaults, made when it is first asked for: their issuers of the provider `podward-ca` sign by it. It
    /// is not the one that clients of the cloud trust: who may make certificates in a vault must not be able to play
    /// the cloud.
    pub(crate) fn vault_ca(&self) -> Result<Arc<Authority>, KeysError> {
        let mut known = self.vaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ca) = &*known {
            return Ok(Arc::clone(ca));
        }
        let ca = Arc::new(authority(self.folder(), "vault-ca", VAULT_CA_NAME)?);
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
        self.ca.pem().to_owned()
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
        let leaf = Leaf::new(
            "podward local cloud",
            host_names,
            Arc::clone(&self.ca),
            Arc::new(move || clock.now()),
        );
        let config = leaf.and_then(|leaf| Arc::new(leaf).server_config(rustls::DEFAULT_VERSIONS));
        config.map_err(|e| crypto("server certificate")(&e))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_everyone_may_read_is_no_key() {
        let folder = std::env::temp_dir().join(format!("podward-keys-{}", std::process::id()));
        let make = || Ok(Zeroizing::new(b"k".to_vec()));
        let read = |name| kept(Some(&folder), name, make);
        assert_eq!(*read("vaults.key").unwrap(), b"k");
        let path = folder.join("vaults.key");
        let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        assert!(read("vaults.key").is_ok());
        mode(0o604);
        let refused = read("vaults.key").unwrap_err().to_string();
        assert!(refused.contains("vaults.key may be read"), "{refused}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
