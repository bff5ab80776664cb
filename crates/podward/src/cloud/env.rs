//! `podward cloud env`.

use std::path::PathBuf;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::run::Addresses;
use crate::io::{Io, Output};
use crate::report::{Exit, Report};
use crate::state::State;

/// Prints the variables by which a shell's programs find the running cloud and trust it.
///
/// Among them is IDENTITY_HEADER, with which a token of the machine's identity is to be had: print them where
/// nobody else reads.
///
/// Examples:
///   eval "$(podward cloud env)"
///   podward cloud env --public-names
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Env {
    /// Data folder of the cloud that is meant
    #[arg(long, value_name = "DIR", env = "PODWARD_CLOUD_DATA")]
    data: Option<PathBuf>,
    /// The names of the public cloud, for machines whose resolver leads them here
    #[arg(long)]
    public_names: bool,
    /// `text`, lines for a shell, or `json`
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
}

impl Env {
    pub(super) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output);
        let addresses = running(self.data.as_deref())?;
        let mut fields = Map::new();
        for (name, value) in variables(&addresses, self.public_names) {
            io.line(format_args!("export {name}={}", quoted(&value)));
            fields.insert(name, Value::String(value.to_string()));
        }
        io.emit("env", Value::Object(fields));
        Ok(Exit::Clean)
    }
}

/// What the running cloud says of itself.
pub(super) fn running(data: Option<&std::path::Path>) -> Result<Addresses, Report> {
    let states = match data {
        Some(_) => vec![State::of_cloud(data, false)?],
        None => vec![State::of_cloud(None, false)?, State::of_cloud(None, true)?],
    };
    let found = states
        .iter()
        .filter(|state| state.is_taken())
        .find_map(|state| std::fs::read(state.addresses()).ok());
    let Some(text) = found.map(Zeroizing::new) else {
        return Err(Report::new("no `podward cloud` of this user is running")
            .help("start one in another terminal: podward cloud; name its folder by --data"));
    };
    serde_json::from_slice(&text).map_err(Report::new)
}

fn variables(addresses: &Addresses, public: bool) -> Vec<(String, Zeroizing<String>)> {
    let (authority, vaults) = if public {
        (&addresses.public.authority_host, &addresses.public.vaults)
    } else {
        (&addresses.authority_host, &addresses.vaults)
    };
    let bundle = addresses.ca_bundle.to_string_lossy().into_owned();
    let mut all = vec![
        ("AZURE_AUTHORITY_HOST".to_owned(), authority.clone()),
        ("AZURE_TENANT_ID".to_owned(), addresses.tenant.clone()),
        (
            "AZURE_POD_IDENTITY_AUTHORITY_HOST".to_owned(),
            addresses.metadata.clone(),
        ),
        (
            "IDENTITY_ENDPOINT".to_owned(),
            addresses.identity_endpoint.clone(),
        ),
        (
            "IDENTITY_HEADER".to_owned(),
            addresses.identity_header.to_string(),
        ),
        ("SSL_CERT_FILE".to_owned(), bundle.clone()),
        ("REQUESTS_CA_BUNDLE".to_owned(), bundle),
        (
            "NODE_EXTRA_CA_CERTS".to_owned(),
            addresses.ca_file.to_string_lossy().into_owned(),
        ),
    ];
    // one of another tenant would refuse the tokens that are got by these variables
    if let Some(first) = vaults.iter().find(|one| one.tenant == addresses.tenant) {
        all.push(("AZURE_KEYVAULT_URL".to_owned(), first.url.clone()));
    }
    for vault in vaults {
        let name = vault.name.to_ascii_uppercase().replace('-', "_");
        all.push((format!("PODWARD_VAULT_{name}"), vault.url.clone()));
    }
    all.into_iter()
        .map(|(name, value)| (name, Zeroizing::new(value)))
        .collect()
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::run::{Addresses, Public, VaultAddress};
    use super::{quoted, variables};

    #[test]
    fn the_vault_is_one_of_the_tenant() {
        let vault = |name: &str, tenant: &str| VaultAddress {
            name: name.into(),
            url: format!("https://{name}.vault.localhost"),
            tenant: tenant.into(),
        };
        let url = |tenant: &str| {
            let addresses = Addresses {
                authority_host: String::new(),
                vaults: vec![vault("a", "other"), vault("b", "own"), vault("c", "own")],
                metadata: String::new(),
                identity_endpoint: String::new(),
                identity_header: String::new().into(),
                ca_file: "ca.pem".into(),
                ca_bundle: "bundle.pem".into(),
                tenant: tenant.into(),
                address: ([127, 0, 0, 1], 443).into(),
                public: Public {
                    authority_host: String::new(),
                    vaults: Vec::new(),
                },
            };
            let all = variables(&addresses, false);
            let found = all
                .into_iter()
                .find(|(name, _)| name == "AZURE_KEYVAULT_URL");
            found.map(|(_, url)| url.to_string())
        };
        assert_eq!(url("own").as_deref(), Some("https://b.vault.localhost"));
        assert_eq!(url("other").as_deref(), Some("https://a.vault.localhost"));
        assert_eq!(url("third"), None);
    }

    #[test]
    fn a_word_stays_one() {
        assert_eq!(quoted("a b$(c)"), "'a b$(c)'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
