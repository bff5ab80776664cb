//! podward as a plugin of kubectl, which runs what is called `kubectl-podward` in the PATH for `kubectl podward`.

use std::ffi::OsStr;
use std::path::Path;

use clap::Command;

/// The name of the program.
const FILE: &str = "kubectl-podward";
/// What its user types.
const TYPED: &str = "kubectl podward";

/// Whether this process was started as the plugin.
pub(crate) fn is_meant() -> bool {
    let own = std::env::args_os().next();
    own.as_deref().map(Path::new).and_then(Path::file_name) == Some(OsStr::new(FILE))
}

/// The command line with the name that its user types, in its examples too.
pub(crate) fn named(command: Command) -> Command {
    with_examples(command).bin_name(TYPED)
}

fn with_examples(mut command: Command) -> Command {
    let typed = |text: &str| {
        text.replace("  podward ", &format!("  {TYPED} "))
            .replace("| podward ", &format!("| {TYPED} "))
    };
    if let Some(about) = command
        .get_long_about()
        .map(|text| typed(&text.to_string()))
    {
        command = command.long_about(about);
    }
    if let Some(help) = command
        .get_after_help()
        .map(|text| typed(&text.to_string()))
    {
        command = command.after_help(help);
    }
    command.mut_subcommands(with_examples)
}
