//! `podward completions` and `podward man`: what shells and readers learn of the command line.

use std::io::Write;
use std::path::PathBuf;

use clap_complete::Shell;

use crate::report::{Exit, Report};

/// Prints a script that completes podward's commands in a shell.
///
/// Examples:
///   podward completions bash > /etc/bash_completion.d/podward
///   podward completions zsh > ~/.zfunc/_podward
///   podward completions fish > ~/.config/fish/completions/podward.fish
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Completions {
    /// Shell
    shell: Shell,
}

/// Writes the manual pages, one for each command.
///
/// Examples:
///   podward man /usr/local/share/man/man1
///   podward man . && man ./podward-up.1
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Man {
    /// Folder for the pages; made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Completions {
    pub(crate) fn run(self, mut command: clap::Command) -> Result<Exit, Report> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "podward", &mut script);
        match std::io::stdout().write_all(&script) {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(Report::new(e)),
            _ => Ok(Exit::Clean),
        }
    }
}

impl Man {
    pub(crate) fn run(self, command: clap::Command) -> Result<Exit, Report> {
        let at = self.folder.to_string_lossy().into_owned();
        std::fs::create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(command, &self.folder))
            .map(|()| Exit::Clean)
            .map_err(|e| Report::new(e).at(&at, None))
    }
}
