//! Assertions that clients sign with the keys of certificates.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use podward_api::{SecretString, pem};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Value, json};
use time::macros::datetime;

use super::thumbprints;
use crate::config::CloudConfig;
use crate::token::{TokenRequest, decide};

const NOW: i64 = 1_800_000_000;
const TENANT: &str = "7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11";
const CLIENT: &str = "2c9d7b35-f840-4a16-b3ce-81f0d6e52a97";
const AUDIENCE: &str =
    "https://login.localhost:8443/7f0f6f0a-5d1c-4c0e-9f0d-2b6a2f0f3c11/oauth2/v2.0/token";

/// A key and a certificate of it.
struct Client {
    key: RsaKeyPair,
    der: Vec<u8>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = datetime!(2020-01-01 0:00 UTC);
    params.not_after = datetime!(2060-01-01 0:00 UTC);
    params
}

impl Client {
    fn new(params: &CertificateParams, ca: Option<&Issuer<'_, KeyPair>>) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&key).unwrap();
        let pkcs8 = PrivatePkcs8KeyDer::from(pkcs8.as_ref());
        let signer = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_RSA_SHA256).unwrap();
        let made = match ca {
            Some(ca) => params.signed_by(&signer, ca),
            None => params.self_signed(&signer),
        };
        let der = made.unwrap().der().to_vec();
        Self { key, der }
    }

    fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der).as_str().to_owned()
    }

    fn thumbprint(&self, which: usize) -> Vec<u8> {
        thumbprints(&self.der)[which].clone()
    }

    fn assertion(&self, header: Value, change: &[(&str, Value)]) -> String {
        let by: &'static dyn RsaEncoding = match header["alg"].as_str() {
            Some("PS256") => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        let mut claims =
            json!({"iss": CLIENT, "sub": CLIENT, "aud": AUDIENCE, "exp": NOW + 600, "nbf": NOW});
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.key
            .sign(by, &random, signed.as_bytes(), &mut signature)
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A header as MSAL writes it.
    fn header(&self, algorithm: &str, which: usize, chain: &[&[u8]]) -> Value {
        let name = ["x5t", "x5t#S256"][which];
        let mut header = json!({"alg": algorithm, "typ": "JWT"});
        header[name] = URL_SAFE_NO_PAD.encode(self.thumbprint(which)).into();
        if !chain.is_empty() {
            header["x5c"] = chain.iter().map(|der| STANDARD.encode(der)).collect();
        }
        header
    }
}

fn config(certificates: &Value) -> CloudConfig {
    let config: CloudConfig = serde_json::from_value(json!({
        "apiVersion": "podward.dev/v1alpha1", "kind": "Cloud",
        "tenants": [{"id": TENANT, "name": "contoso", "applications": [{
            "name": "app", "clientId": CLIENT, "certificates": certificates,
            "clientSecrets": ["now", {"value": "then", "expires": "2020-01-01T00:00:00Z"},
                {"value": "later", "expires": "2060-01-01T00:00:00+01:00"}],
        }]}],
    }))
    .unwrap();
    config.check().unwrap();
    config
}

fn ask(config: &CloudConfig, change: impl FnOnce(&mut TokenRequest)) -> Result<String, u32> {
    let mut request = TokenRequest {
        grant_type: Some("client_credentials".into()),
        client_id: Some(CLIENT.into()),
        assertion_type: Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into()),
        scope: Some("https://vault.azure.net/.default".into()),
        v2: true,
        ..TokenRequest::default()
    };
    change(&mut request);
    let keys = |_: &crate::FederatedCredential| Err("none".into());
    decide(config, TENANT, &request, "https://issuer", &keys, NOW)
        .map(|grant| grant.rule)
        .map_err(|refusal| refusal.code)
}

fn assert_by(config: &CloudConfig, assertion: String) -> Result<String, u32> {
    ask(config, |request| {
        request.assertion = Some(SecretString::new(assertion));
    })
    .map(|rule| rule.split('/').next().unwrap().to_owned())
}

#[test]
fn a_certificate_is_named_by_either_thumbprint_and_signs_in_either_way() {
    let client = Client::new(&params("app"), None);
    let hex: String = client
        .thumbprint(0)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let granted = Ok("client-certificate".to_owned());
    let by_pem = config(&json!([{"pem": client.pem()}]));
    let by_thumbprint = config(&json!([{"thumbprint": hex}]));
    for algorithm in ["RS256", "PS256"] {
        for which in [0, 1] {
            let bare = client.header(algorithm, which, &[]);
            let sent = client.header(algorithm, which, &[&client.der]);
            let mut padded = bare.clone();
            padded[["x5t", "x5t#S256"][which]] = STANDARD.encode(client.thumbprint(which)).into();
            let try_it =
                |config, header: &Value| assert_by(config, client.assertion(header.clone(), &[]));
            assert_eq!(try_it(&by_pem, &bare), granted);
            assert_eq!(try_it(&by_pem, &sent), granted);
            assert_eq!(try_it(&by_pem, &padded), granted);
            assert_eq!(try_it(&by_thumbprint, &sent), granted);
            // without the certificate there is no key to verify with
            assert_eq!(try_it(&by_thumbprint, &bare), Err(700_027));
        }
    }
}

#[test]
fn each_fault_of_an_assertion_has_its_code() {
    let client = Client::new(&params("app"), None);
    let other = Client::new(&params("other"), None);
    let config = config(&json!([{"pem": client.pem()}]));
    let header = client.header("PS256", 1, &[]);
    let with = |change: &[(&str, Value)]| {
        assert_by(&config, client.assertion(header.clone(), change)).unwrap_err()
    };
    assert_eq!(with(&[("iss", json!("D"))]), 700_021);
    assert_eq!(with(&[("sub", json!("D"))]), 700_021);
    assert_eq!(
        with(&[("aud", json!("https://login.localhost/U/"))]),
        700_023
    );
    assert_eq!(with(&[("aud", json!("https://evil.example/T/"))]), 700_023);
    assert_eq!(with(&[("exp", json!(NOW - 301))]), 700_024);
    assert_eq!(with(&[("nbf", json!(NOW + 301))]), 700_024);
    assert_eq!(with(&[("exp", json!(i64::MIN))]), 700_024);
    let by = |signer: &Client, header: Value| {
        assert_by(&config, signer.assertion(header, &[])).unwrap_err()
    };
    assert_eq!(by(&client, json!({"alg": "PS256"})), 50027);
    assert_eq!(by(&other, other.header("PS256", 1, &[])), 700_027);
    assert_eq!(by(&other, header.clone()), 700_027);
    // the name of one certificate and the key of another
    let mut mixed = header.clone();
    mixed["x5c"] = json!([STANDARD.encode(&other.der)]);
    assert_eq!(by(&other, mixed), 700_027);
    for algorithm in ["none", "HS256", "RS384"] {
        let mut header = header.clone();
        header["alg"] = json!(algorithm);
        assert_eq!(by(&client, header), 700_027, "{algorithm}");
    }
}

#[test]
fn a_certificate_that_has_ended_proves_nothing() {
    let mut old = params("app");
    old.not_after = datetime!(2021-01-01 0:00 UTC);
    let client = Client::new(&old, None);
    let config = config(&json!([{"pem": client.pem()}]));
    let assertion = client.assertion(client.header("RS256", 0, &[]), &[]);
    assert_eq!(assert_by(&config, assertion), Err(700_027));
}

#[test]
fn a_name_counts_if_its_ca_signed_it() {
    let mut ca = params("ca");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let [own, stranger] = [(); 2].map(|()| {
        let key = KeyPair::generate().unwrap();
        let made = ca.self_signed(&key).unwrap();
        (pem("CERTIFICATE", made.der()), Issuer::new(ca.clone(), key))
    });
    let config = config(&json!([{"subjectName": "app", "issuer": own.0.as_str()}]));
    let try_it = |name: &str, ca| {
        let client = Client::new(&params(name), ca);
        let header = client.header("RS256", 0, &[&client.der]);
        assert_by(&config, client.assertion(header, &[]))
    };
    assert_eq!(try_it("app", Some(&own.1)), Ok("client-certificate".into()));
    assert_eq!(try_it("App", Some(&own.1)), Err(700_027));
    assert_eq!(try_it("app", Some(&stranger.1)), Err(700_027));
    assert_eq!(try_it("app", None), Err(700_027));
}

#[test]
fn secrets_end() {
    let config = config(&json!([]));
    let with = |secret: &str| {
        let secret = SecretString::new(secret.to_owned());
        ask(&config, |request| request.client_secret = Some(secret))
    };
    assert_eq!(with("now"), Ok("client-secret".into()));
    assert_eq!(with("later"), Ok("client-secret".into()));
    assert_eq!(with("then"), Err(7_000_222));
    assert_eq!(with("never"), Err(7_000_215));
}
