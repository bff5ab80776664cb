//! `podward cloud`.

mod config;
mod env;
mod export;
mod follow;
mod run;
mod set;
mod token;
mod trust;

use crate::io::Io;
use crate::report::{Exit, Report};

/// Plays Key Vault, the token service and the metadata service of Azure on this machine.
///
/// What a client may is said by its token, which is checked as the service checks it. Without a cloud.yaml there is
/// one vault, `dev`, and a machine whose own identity may do all in it.
///
/// What the vaults hold is kept in the data folder, encrypted, and survives a crash. cloud.yaml is applied at each
/// start and when it changes: what it adds is made, what clients made stays.
///
/// Examples:
///   podward cloud
///   podward cloud --config shop/cloud.yaml --in-memory
///   eval "$(podward cloud env)"
///   podward cloud export > exported.yaml
#[derive(clap::Args)]
#[command(verbatim_doc_comment, args_conflicts_with_subcommands = true)]
pub(crate) struct Cloud {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Run,
}

#[derive(clap::Subcommand)]
enum Command {
    Env(env::Env),
    Export(export::Export),
    Token(token::Token),
    /// Changes what the cloud of a running `podward up` holds.
    #[command(subcommand)]
    Set(set::Set),
}

impl Cloud {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        match self.command {
            None => self.run.run(io),
            Some(Command::Env(env)) => env.run(io),
            Some(Command::Export(export)) => export.run(io),
            Some(Command::Token(token)) => token.run(io),
            Some(Command::Set(set::Set::Secret(set))) => set.run(io),
        }
    }
}
