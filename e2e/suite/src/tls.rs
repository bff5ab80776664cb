//! The certificates that the webhook shows.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::cluster::Fault;

/// Whether who answers there shows a certificate for the webhook's Service that this CA has signed.
///
/// # Errors
///
/// If openssl cannot be run.
pub fn signed_by(address: &str, authority: &Path) -> Result<bool, Fault> {
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-verify_return_error", "-connect", address]);
    openssl.args(["-verify_hostname", "podward-webhook.podward-system.svc"]);
    openssl.arg("-CAfile").arg(authority);
    Ok(openssl.stdin(Stdio::null()).output()?.status.success())
}
