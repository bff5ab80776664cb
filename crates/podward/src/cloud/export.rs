//! `podward cloud export`.

use std::path::PathBuf;

use podward_cloud::Data;

use crate::io::Io;
use crate::report::{Exit, Report};
use crate::state::State;
use crate::yaml;

/// Prints what a data folder holds, as a cloud.yaml.
///
/// Tenants, identities and vaults are those of the configuration that was applied last; objects are those that the
/// vaults hold now, the latest version of each. Keys and certificates are made anew wherever it is applied. In place
/// of values of secrets it says `generate: true`. The cloud may run meanwhile.
///
/// Examples:
///   podward cloud export > exported.yaml
///   podward cloud export --data shop/data --with-values > seed.yaml
///   podward cloud export > exported.yaml && podward cloud --config exported.yaml --in-memory
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Export {
    /// Data folder that is meant
    #[arg(long, value_name = "DIR", env = "PODWARD_CLOUD_DATA")]
    data: Option<PathBuf>,
    /// Print the values of secrets and the passwords of applications too
    #[arg(long)]
    with_values: bool,
}

impl Export {
    pub(super) fn run(&self, io: &Io) -> Result<Exit, Report> {
        let state = State::of_cloud(self.data.as_deref(), false)?;
        let failed = |e: podward_cloud::DataError| Report::new(&e).help(e.help());
        let exported = match Data::exists(state.folder()) {
            true => Data::open(state.folder(), &state.keys())
                .and_then(|data| data.export(self.with_values))
                .map_err(failed)?,
            false => None,
        };
        let Some(exported) = exported else {
            return Err(Report::new("no vault is kept in this folder")
                .at(&state.folder().to_string_lossy(), None)
                .help(
                    "start `podward cloud` first, without --in-memory; name its folder by --data",
                ));
        };
        if self.with_values {
            io.note("warning: what is printed holds the values of secrets and the passwords of applications, readable by all who get to see it");
        }
        if exported.without_passwords {
            io.note("the passwords of applications (clientSecrets) are left out; --with-values prints them");
        }
        for vault in &exported.unnamed {
            io.note(format_args!(
                "vault {vault} is kept, but the configuration does not name it: it is left out"
            ));
        }
        let text = yaml::text(&exported.config);
        io.print(text.trim_end());
        Ok(Exit::Clean)
    }
}
