//! `podward cloud set`.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use serde_json::json;
use zeroize::Zeroizing;

use crate::control::{Answer, Request, ask};
use crate::io::{Io, Output};
use crate::report::{Exit, Report};
use crate::state::State;

/// Largest value of a secret, bytes (Azure Key Vault).
const MAX_VALUE: usize = 25 << 10;

#[derive(clap::Subcommand)]
pub(crate) enum Set {
    Secret(SetSecret),
}

/// Makes a new version of a secret; it arrives in mounted files at the next rotation.
///
/// The value is read from standard input, never from an argument, where other users of the machine would see
/// it. One line break at its end is not part of it.
///
/// Examples:
///   printf %s "$VALUE" | podward cloud set secret shop/db-password
///   podward cloud set secret shop/db-password < value.txt
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct SetSecret {
    /// Vault and name of the secret
    #[arg(value_name = "VAULT/NAME")]
    secret: String,
    /// `text`, or `json`
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
    /// State folder of the `up` that is meant
    #[arg(long, env = "PODWARD_STATE")]
    state: Option<PathBuf>,
}

impl SetSecret {
    pub(super) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output);
        let Some((vault, name)) = self.secret.split_once('/') else {
            return Err(Report::new(format!("{:?} names no vault", self.secret))
                .help("write it as VAULT/NAME, such as shop/db-password"));
        };
        let state = State::running(self.state.as_deref())?;
        let answer = ask(
            &state.control(),
            &Request::SetSecret {
                vault: vault.to_owned(),
                name: name.to_owned(),
                value: read_value(io)?,
            },
        )?;
        let Answer::Version(version) = answer else {
            return Err(Report::new("`podward up` answered something else"));
        };
        io.line(format_args!("{vault}/{name} has the new version {version}"));
        io.emit(
            "set",
            json!({"vault": vault, "name": name, "version": version}),
        );
        Ok(Exit::Clean)
    }
}

fn read_value(io: &Io) -> Result<Zeroizing<String>, Report> {
    let input = std::io::stdin();
    if input.is_terminal() {
        io.note("the value, then Enter and Ctrl-D:");
    }
    // room for all that is read, so that no copy is left behind in memory
    let mut value = Zeroizing::new(String::with_capacity(MAX_VALUE + 2));
    let limit = u64::try_from(MAX_VALUE + 2).unwrap_or(u64::MAX);
    input
        .take(limit)
        .read_to_string(&mut value)
        .map_err(|e| Report::new(format!("cannot read the value: {e}")))?;
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    if value.len() > MAX_VALUE {
        return Err(Report::new("the value is larger than 25 KiB")
            .help("a vault takes no larger one either"));
    }
    if value.is_empty() {
        return Err(Report::new("there is no value on standard input")
            .help("pipe it in: printf %s \"$VALUE\" | podward cloud set secret VAULT/NAME"));
    }
    Ok(value)
}
