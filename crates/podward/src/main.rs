//! podward: least privilege, identity and secrets for Kubernetes pods.

mod access;
mod check;
mod cloud;
mod config;
mod control;
mod cores;
mod cut;
mod exec;
mod explain;
mod files;
mod finding;
mod fix;
mod image;
mod io;
mod issuers;
mod manifests;
mod manual;
mod patient;
mod plugin;
mod random;
mod report;
mod servers;
mod standard;
mod state;
mod stop;
mod up;
mod webhook;
mod yaml;

use std::process::ExitCode;

use clap::builder::{BoolishValueParser, OsStr, Resettable};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use io::Io;
use report::{Exit, Report};

/// Gives every pod the least it needs and nothing to steal.
///
/// Most options may be given by environment variables, too, which the help of each command names: an empty one counts
/// as not set, and options without a value take 1, true and yes, or 0, false and no.
///
/// Exit codes: 0 nothing found or all as expected, 1 findings, refusals or missed expectations, 2 the command
/// could not do its work.
#[derive(Parser)]
#[command(name = "podward", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Check),
    Fix(fix::Fix),
    Explain(explain::Explain),
    Up(up::Up),
    Exec(exec::Exec),
    #[command(subcommand)]
    Access(access::Access),
    Cloud(cloud::Cloud),
    Webhook(Box<webhook::Webhook>),
    Manifests(manifests::Manifests),
    Completions(manual::Completions),
    Man(manual::Man),
}

fn main() -> ExitCode {
    // the first processes of a container are this program again, before it has any other thread
    match std::env::args_os().nth(1) {
        Some(first) if first == podward_sys::INIT_ARGUMENT => return code(podward_sys::run_init()),
        Some(first) if first == exec::ENTER_ARGUMENT => return code(exec::run_enter()),
        _ => {}
    }
    let mut io = Io::new();
    let outcome: Result<Exit, Report> = match parsed().command {
        Command::Check(check) => check.run(&mut io),
        Command::Fix(fix) => fix.run(&mut io),
        Command::Explain(explain) => explain.run(&mut io),
        Command::Up(up) => up.run(&mut io),
        Command::Exec(exec) => exec.run(&mut io),
        Command::Access(access) => access.run(&mut io),
        Command::Cloud(cloud) => cloud.run(&mut io),
        Command::Webhook(webhook) => webhook.run(&mut io),
        Command::Manifests(manifests) => manifests.run(&mut io),
        Command::Completions(completions) => completions.run(Cli::command()),
        Command::Man(man) => man.run(Cli::command()),
    };
    match io.lost().map_or(outcome, Err) {
        Ok(Exit::Status(status)) => code(status),
        Ok(Exit::Found) => ExitCode::from(1),
        Ok(Exit::Clean) => ExitCode::SUCCESS,
        Err(report) => {
            io.report(&report);
            ExitCode::from(2)
        }
    }
}

/// The command line and the environment, of which a variable that is empty, or says no to an option that takes no
/// value, counts as one that is not set.
fn parsed() -> Cli {
    let mut outdone = Vec::new();
    loop {
        let command = with_environment(Cli::command(), &outdone);
        let command = if plugin::is_meant() {
            plugin::named(command)
        } else {
            command
        };
        let parsed = command
            .try_get_matches()
            .and_then(|matches| Cli::from_arg_matches(&matches));
        match parsed {
            Ok(cli) => return cli,
            Err(error) => match outdone_by_what_is_typed(&error) {
                Some(option) if !outdone.contains(&option) => outdone.push(option),
                _ => error.exit(),
            },
        }
    }
}

/// The option of a variable that contradicts one that is typed, and counts for nothing beside it.
fn outdone_by_what_is_typed(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::ArgumentConflict {
        return None;
    }
    let named = error
        .context()
        .flat_map(|(kind, value)| match (kind, value) {
            (ContextKind::InvalidArg | ContextKind::PriorArg, ContextValue::String(one)) => {
                std::slice::from_ref(one)
            }
            (ContextKind::PriorArg, ContextValue::Strings(all)) => all,
            _ => &[],
        });
    let is_typed = |option: &str| {
        std::env::args().any(|one| one.split('=').next() == Some(option))
            || !option.starts_with("--")
    };
    let named = named.filter_map(|shown| shown.split([' ', '=']).next());
    let (typed, untyped): (Vec<_>, Vec<_>) = named.partition(|option| is_typed(option));
    let first = untyped.first().filter(|_| !typed.is_empty())?;
    first.strip_prefix("--").map(str::to_owned)
}

fn with_environment(command: clap::Command, outdone: &[String]) -> clap::Command {
    const NO: [&str; 5] = ["0", "false", "no", "off", "n"];
    let command = command.mut_args(|arg| {
        let Some(value) = arg.get_env().and_then(std::env::var_os) else {
            return arg;
        };
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        let says_no = NO.iter().any(|no| value.eq_ignore_ascii_case(no));
        let is_outdone = arg
            .get_long()
            .is_some_and(|own| outdone.iter().any(|one| one == own));
        if value.is_empty() || (is_switch && says_no) || is_outdone {
            arg.env(Resettable::<OsStr>::Reset)
        } else if is_switch {
            arg.value_parser(BoolishValueParser::new())
        } else {
            arg
        }
    });
    command.mut_subcommands(|command| with_environment(command, outdone))
}

fn code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}
