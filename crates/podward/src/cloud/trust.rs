//! `podward cloud --trust`.

use serde_json::json;

use crate::io::Io;
use crate::state::State;

/// Says how each language and system comes to trust the CA, and to find the names.
pub(super) fn tell(io: &Io, state: &State) {
    let ca = state.folder().join("ca.pem");
    let bundle = state.folder().join("ca-bundle.pem");
    let (ca, bundle) = (ca.display().to_string(), bundle.display().to_string());
    let steps = [
        (
            "Python (requests)",
            format!("export REQUESTS_CA_BUNDLE={bundle}"),
        ),
        (
            "Python (aiohttp), Go, Rust, curl",
            format!("export SSL_CERT_FILE={bundle}"),
        ),
        ("JavaScript", format!("export NODE_EXTRA_CA_CERTS={ca}")),
        ("az", format!("export REQUESTS_CA_BUNDLE={bundle}")),
        (
            "Java",
            format!(
                "keytool -importcert -noprompt -cacerts -storepass changeit -alias podward -file {ca}"
            ),
        ),
        (".NET on Linux", format!("export SSL_CERT_FILE={bundle}")),
        (
            "Debian, Ubuntu",
            format!(
                "sudo install -m 644 {ca} /usr/local/share/ca-certificates/podward.crt && sudo update-ca-certificates"
            ),
        ),
        (
            "Fedora, RHEL",
            format!(
                "sudo install -m 644 {ca} /etc/pki/ca-trust/source/anchors/podward.pem && sudo update-ca-trust"
            ),
        ),
        ("Arch", format!("sudo trust anchor {ca}")),
    ];
    io.section("Trust");
    io.line(
        "  `podward cloud env` prints these variables; `podward cloud` writes the files they name",
    );
    for (what, how) in &steps {
        io.line(format_args!("  {what}\n      {how}"));
    }
    io.section("Names");
    let names = [
        "systemd-resolved, browsers and curl lead every name below localhost to this machine by themselves",
        "elsewhere: add `127.0.0.1 login.localhost management.localhost NAME.vault.localhost` to /etc/hosts, with each vault's name",
        "programs that know only the public names: lead login.microsoftonline.com, management.azure.com and NAME.vault.azure.net here in the same way, take --port 443, and undo it afterwards",
    ];
    for line in names {
        io.line(format_args!("  {line}"));
    }
    let steps: Vec<_> = steps
        .iter()
        .map(|(what, how)| json!({"for": what, "do": how}))
        .collect();
    io.emit(
        "trust",
        json!({"caFile": ca, "caBundle": bundle, "steps": steps, "names": names}),
    );
}
