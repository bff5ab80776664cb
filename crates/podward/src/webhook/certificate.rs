//! What the webhook serves with: a certificate of its own CA, or one from files, which others make.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use podward_kube::Kubernetes;
use podward_pki::Given;
use rustls::ServerConfig;
use zeroize::Zeroizing;

use super::Webhook;
use super::authority::Authorities;
use crate::io::Io;
use crate::report::Report;

/// How often files are looked at: a kubelet writes a Secret anew within a minute or two, and two small files cost little.
const ROUND: Duration = Duration::from_secs(5);
/// Largest file that is read, bytes.
const MAX_FILE: u64 = 1 << 20;

/// Where the certificate comes from.
pub(super) enum Certificate {
    /// podward itself.
    Own(Authorities),
    /// Two files.
    Files(Files),
}

/// A certificate and its key in files, and what is served.
pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
    at_first: Pair,
    given: Arc<Given>,
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
struct Pair {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Certificate {
    pub(super) fn of(webhook: &Webhook, kubernetes: &Kubernetes) -> Result<Self, Report> {
        match (&webhook.tls_cert, &webhook.tls_key) {
            (Some(certificate), Some(key)) => Files::open(certificate, key)
                .map(Self::Files)
                .map_err(|reason| {
                    Report::new(reason)
                        .help("--tls-cert and --tls-key take PEM files that belong together")
                }),
            _ => Ok(Self::Own(Authorities::new(webhook, kubernetes.clone()))),
        }
    }

    /// The TLS of this replica, once there is a certificate.
    pub(super) async fn begin(&self, io: &Io) -> Result<Arc<ServerConfig>, Report> {
        match self {
            Self::Own(authorities) => authorities.begin(io).await,
            Self::Files(files) => Arc::clone(&files.given)
                .server_config(&[&rustls::version::TLS13])
                .map_err(Report::new),
        }
    }

    /// Looks after it for as long as it is waited for.
    pub(super) async fn tend(&self, io: &Io) {
        match self {
            Self::Own(authorities) => authorities.tend(io).await,
            Self::Files(files) => files.tend(io).await,
        }
    }
}

impl Files {
    fn open(certificate: &Path, key: &Path) -> Result<Self, String> {
        let at_first = Pair::read(certificate, key)?;
        let given = Given::new(&at_first.certificate, &at_first.key);
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            at_first,
            given: Arc::new(given.map_err(|e| e.to_string())?),
        })
    }

    async fn tend(&self, io: &Io) {
        let mut seen = Ok(self.at_first.clone());
        loop {
            tokio::time::sleep(ROUND).await;
            let now = Pair::read(&self.certificate, &self.key);
            if now == seen {
                continue;
            }
            let taken = now.as_ref().map_err(Clone::clone).and_then(|pair| {
                let taken = self.given.replace(&pair.certificate, &pair.key);
                taken.map_err(|e| e.to_string())
            });
            // once for each change; the certificate that is there goes on
            match taken {
                Ok(()) => io.line("the certificate was read anew"),
                Err(reason) => io.note(format_args!(
                    "the certificate cannot be read anew, the one before goes on: {reason}"
                )),
            }
            seen = now;
        }
    }
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> Result<Self, String> {
        Ok(Self {
            certificate: bytes(certificate)?,
            key: Zeroizing::new(bytes(key)?),
        })
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let at = |e: std::io::Error| format!("{}: {e}", path.display());
    let size = std::fs::metadata(path).map_err(at)?.len();
    if size > MAX_FILE {
        return Err(format!(
            "{}: it is larger than {MAX_FILE} bytes",
            path.display()
        ));
    }
    std::fs::read(path).map_err(at)
}
