//! A certificate with its key and its chain: as files bring it, and as its secret tells it.

use std::sync::Arc;

use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use podward_api::{SecretString, pem};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::issuer::Signs;
use super::material::Material;
use super::pkcs12::{self, Unreadable};
use super::policy::{PEM, Policy};
use super::x509;
use crate::Cloud;

/// A certificate and what belongs to it.
pub(super) struct Bundle {
    pub(super) key: Arc<Material>,
    pub(super) leaf: Vec<u8>,
    pub(super) chain: Vec<Vec<u8>>,
    /// How many certificates of the chain stand before its own, where the order is the client's.
    pub(super) before: Option<usize>,
}

impl Bundle {
    /// Reads what a client imports: PEM, as it is or in base64, or PKCS#12 in base64. Also whether it was PEM.
    /// `ordered`: own certificate first, then each before the one that signed it.
    pub(super) fn import(
        value: &str,
        password: &str,
        ordered: bool,
    ) -> Result<(Self, bool), Fault> {
        let wrong = || Fault::bad("The value is neither PEM nor PKCS#12");
        if value.trim_start().starts_with("-----BEGIN") {
            return Ok((Self::of_pem(value, ordered)?, true));
        }
        let bare: Zeroizing<String> =
            Zeroizing::new(value.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let bytes = Zeroizing::new(STANDARD.decode(bare.as_bytes()).map_err(|_other| wrong())?);
        if let Ok(text) = std::str::from_utf8(&bytes)
            && text.contains("-----BEGIN ")
        {
            return Ok((Self::of_pem(text, ordered)?, true));
        }
        let contents = pkcs12::read(&bytes, password).map_err(|why| match why {
            Unreadable::Malformed => wrong(),
            Unreadable::Password => Fault::bad("The specified PKCS#12 password is not correct"),
            Unreadable::Cipher => Fault::bad(
                "The PKCS#12 file is encrypted with an algorithm that is not served: AES, 3DES and RC2 are",
            ),
        })?;
        let [key] = contents.keys.as_slice() else {
            return Err(Fault::bad("The PKCS#12 file must hold one private key"));
        };
        let key = Material::of_pkcs8(key)
            .ok_or_else(|| Fault::bad("The key is none that a vault takes"))?;
        Ok((Self::matched(key, contents.certificates, ordered)?, false))
    }

    fn of_pem(text: &str, ordered: bool) -> Result<Self, Fault> {
        let mut key = None;
        let mut certificates = Vec::new();
        for (label, der) in blocks(text) {
            match label.as_str() {
                "CERTIFICATE" => certificates.push(der.to_vec()),
                "PRIVATE KEY" => key = Material::of_pkcs8(&der),
                "RSA PRIVATE KEY" => {
                    key = RsaKeyPair::from_der(&der).ok().and_then(Material::of_rsa);
                }
                "EC PRIVATE KEY" => key = Material::of_sec1(&der),
                _ => {}
            }
        }
        let text = "The PEM must hold an unencrypted private key that a vault takes";
        let key = key.ok_or_else(|| Fault::bad(text))?;
        Self::matched(key, certificates, ordered)
    }

    /// The certificate of a key, and the others.
    fn matched(key: Material, certificates: Vec<Vec<u8>>, ordered: bool) -> Result<Self, Fault> {
        let mut leaf = None;
        let mut chain = Vec::new();
        for certificate in certificates {
            let read = x509::read(&certificate);
            let read = read.ok_or_else(|| Fault::bad("A certificate cannot be read"))?;
            if leaf.is_none() && read.public_key == key.public_key() {
                leaf = Some((certificate, chain.len()));
            } else {
                chain.push(certificate);
            }
        }
        let text = "No certificate belongs to the private key";
        let (leaf, before) = leaf.ok_or_else(|| Fault::bad(text))?;
        let bundle = Self {
            key: Arc::new(key),
            leaf,
            chain,
            before: Some(before),
        };
        Ok(if ordered { bundle.ordered() } else { bundle })
    }

    /// The same, own certificate first, then each before the one that signed it; what signed none comes last.
    pub(super) fn ordered(mut self) -> Self {
        let mut rest = std::mem::take(&mut self.chain);
        let names = |der: &[u8]| x509::read(der).map(|read| read.names.0.to_vec());
        let mut wanted = names(&self.leaf);
        while let Some(issuer) = wanted.take() {
            let signed_it = |one: &Vec<u8>| x509::read(one).is_some_and(|r| r.names.1 == issuer);
            if let Some(at) = rest.iter().position(signed_it) {
                let next = rest.remove(at);
                wanted = names(&next);
                self.chain.push(next);
            }
        }
        self.chain.append(&mut rest);
        self.before = None;
        self
    }

    /// Whether the order of the certificates is the client's.
    pub(super) const fn preserves_order(&self) -> bool {
        self.before.is_some()
    }

    /// A new certificate of a key, by who signs it; `None` where nobody here does.
    pub(super) fn made(
        cloud: &Cloud,
        policy: &Policy,
        signs: Signs,
        key: &Arc<Material>,
        now: i64,
    ) -> Result<Option<Self>, Fault> {
        let (leaf, chain) = match signs {
            Signs::Itself => (policy.self_signed(key, now)?, Vec::new()),
            Signs::Ca => {
                let ca = cloud.keys.vault_ca();
                let ca = ca.map_err(|e| Fault::unavailable(e.to_string()))?;
                (policy.signed(key, now, &ca)?, vec![ca.der().to_vec()])
            }
            Signs::Unknown | Signs::Elsewhere => return Ok(None),
        };
        Ok(Some(Self {
            key: Arc::clone(key),
            leaf,
            chain,
            before: None,
        }))
    }

    /// Value of the secret.
    pub(super) fn secret(&self, policy: &Policy) -> Result<SecretString, Fault> {
        let key = policy.exportable().then(|| self.key.pkcs8());
        let own = self.before.unwrap_or_default().min(self.chain.len());
        let mut certificates: Vec<&[u8]> = self.chain.iter().map(Vec::as_slice).collect();
        certificates.insert(own, &self.leaf);
        if policy.content_type() == PEM {
            return Ok(written(key, &certificates));
        }
        let mut salts = [[0; 8]; 3];
        aws_lc_rs::rand::fill(salts.as_flattened_mut())
            .map_err(|_unspecified| Fault::unavailable("the machine gives no random numbers"))?;
        let file = pkcs12::write(key, &certificates, own, salts);
        let file = file.ok_or_else(|| Fault::unavailable("no PKCS#12 file can be made"))?;
        Ok(SecretString::new(STANDARD.encode(file.as_slice())))
    }
}

/// Key and certificates as PEM.
fn written(key: Option<&[u8]>, certificates: &[&[u8]]) -> SecretString {
    let mut text = key.map(|key| pem("PRIVATE KEY", key)).unwrap_or_default();
    for certificate in certificates {
        let block = pem("CERTIFICATE", certificate);
        // room first, so that no copy of the key is left behind in memory
        let mut longer = Zeroizing::new(String::with_capacity(text.len() + block.len()));
        longer.push_str(&text);
        longer.push_str(&block);
        text = longer;
    }
    SecretString::new(text.to_string())
}

/// The value of a certificate's secret that is PKCS#12, as PEM; `None` where it is none.
pub(super) fn as_pem(value: &str) -> Option<SecretString> {
    let bytes = Zeroizing::new(STANDARD.decode(value).ok()?);
    let contents = pkcs12::read(&bytes, "").ok()?;
    let certificates: Vec<&[u8]> = contents.certificates.iter().map(Vec::as_slice).collect();
    let key = contents.keys.first().map(|key| key.as_slice());
    Some(written(key, &certificates))
}

/// The blocks of a PEM text (RFC 7468); what is no base64 is left out.
fn blocks(text: &str) -> Vec<(String, Zeroizing<Vec<u8>>)> {
    let mut all = Vec::new();
    let mut open: Option<(String, Zeroizing<String>)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(label) = line
            .strip_prefix("-----BEGIN ")
            .and_then(|l| l.strip_suffix("-----"))
        {
            open = Some((
                label.to_owned(),
                Zeroizing::new(String::with_capacity(text.len())),
            ));
        } else if line.starts_with("-----END ") {
            if let Some((label, body)) = open.take()
                && let Ok(der) = STANDARD.decode(body.as_bytes())
            {
                all.push((label, Zeroizing::new(der)));
            }
        } else if let Some((_, body)) = &mut open {
            body.push_str(line);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(key: &rcgen::KeyPair) -> Vec<u8> {
        let params = rcgen::CertificateParams::new(vec!["a.example".into()]).unwrap();
        params.self_signed(key).unwrap().der().to_vec()
    }

    fn key_text(key: &rcgen::KeyPair) -> String {
        pem("PRIVATE KEY", &key.serialize_der()).to_string()
    }

    fn leaf_text(key: &rcgen::KeyPair) -> String {
        pem("CERTIFICATE", &made(key)).to_string()
    }

    #[test]
    fn a_key_without_its_certificate_is_refused() {
        let (key, other) = (
            rcgen::KeyPair::generate().unwrap(),
            rcgen::KeyPair::generate().unwrap(),
        );
        let good = key_text(&key) + &leaf_text(&key);
        assert!(Bundle::import(&good, "", true).is_ok_and(|(_, is_pem)| is_pem));
        assert!(Bundle::import(&STANDARD.encode(&good), "", true).is_ok());
        for wrong in [
            key_text(&key) + &leaf_text(&other),
            leaf_text(&key),
            key_text(&key),
            "x".into(),
            STANDARD.encode("x"),
        ] {
            let fault = Bundle::import(&wrong, "", true).err();
            assert_eq!(fault.map(|fault| fault.status), Some(400), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_read_as_it_was_written() {
        let key = rcgen::KeyPair::generate().unwrap();
        let text = key_text(&key) + &leaf_text(&key);
        let (bundle, _) = Bundle::import(&text, "", true).unwrap();
        for is_pem in [true, false] {
            let policy = Policy::of_import(&bundle.leaf, &bundle.key, is_pem);
            let policy = policy.unwrap().checked().unwrap();
            let secret = bundle.secret(&policy).unwrap();
            let (again, was_pem) = Bundle::import(secret.expose(), "", true).unwrap();
            assert_eq!((again.leaf, was_pem), (bundle.leaf.clone(), is_pem));
            assert_eq!(again.key.pkcs8(), bundle.key.pkcs8());
            if !is_pem {
                let pem = as_pem(secret.expose()).unwrap();
                assert_eq!(pem.expose(), text);
            }
        }
    }

    #[test]
    fn a_chain_leads_from_the_own_certificate_to_the_root_unless_it_is_to_stay() {
        let named = |name: &str| {
            let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params
                .distinguished_name
                .push(rcgen::DnType::CommonName, name);
            (params, rcgen::KeyPair::generate().unwrap())
        };
        let [(root, root_key), (between, between_key), (leaf, key)] =
            ["root", "between", "leaf"].map(named);
        let root_der = root.self_signed(&root_key).unwrap().der().to_vec();
        let by = rcgen::Issuer::from_params(&root, &root_key);
        let between_der = between.signed_by(&between_key, &by).unwrap();
        let by = rcgen::Issuer::from_params(&between, &between_key);
        let leaf_der = leaf.signed_by(&key, &by).unwrap().der().to_vec();
        let between_der = between_der.der().to_vec();
        let block = |der: &[u8]| pem("CERTIFICATE", der).to_string();
        let all = [&root_der, &leaf_der, &between_der].map(|der| block(der));
        let text = key_text(&key) + &all.concat();
        let secret = |ordered: bool| {
            let (bundle, _) = Bundle::import(&text, "", ordered).unwrap();
            let policy = Policy::of_import(&bundle.leaf, &bundle.key, true).unwrap();
            let secret = bundle.secret(&policy.checked().unwrap()).unwrap();
            secret.expose().to_owned()
        };
        assert_eq!(secret(false), text);
        let sorted = [&leaf_der, &between_der, &root_der].map(|der| block(der));
        assert_eq!(secret(true), key_text(&key) + &sorted.concat());
    }
}
