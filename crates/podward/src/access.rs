//! `podward access`.

use std::path::PathBuf;

use podward_access::{Event, Filter, Outcome, read};

use crate::io::{Io, Output, Tone};
use crate::report::{Exit, Report};
use crate::state::State;

/// Who got which token and secret, when, and why it was allowed.
///
/// Examples:
///   podward access log --pod web
///   podward access log -o json | jq 'select(.outcome == "refused")'
#[derive(clap::Subcommand)]
#[command(verbatim_doc_comment)]
pub(crate) enum Access {
    /// Prints the log, oldest first.
    Log(Log),
}

#[derive(clap::Args)]
pub(crate) struct Log {
    /// Only this pod; a Deployment's name takes all its pods
    #[arg(long)]
    pod: Option<String>,
    /// `text`, or `json` with one object a line
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// State folder of the `up` that is meant
    #[arg(long, env = "PODWARD_STATE")]
    state: Option<PathBuf>,
}

impl Access {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        let Self::Log(log) = self;
        let state = State::latest(log.state.as_deref())?;
        let events = read(&state.access(), &Filter { pod: log.pod }).map_err(|e| {
            Report::new(format!("cannot read the access log: {e}"))
                .at(&state.access().to_string_lossy(), None)
        })?;
        for event in &events {
            match log.output {
                Output::Json => io.print(serde_json::to_string(event).unwrap_or_default()),
                Output::Text => show(io, event),
            }
        }
        Ok(Exit::Clean)
    }
}

/// One event, as a line for people.
pub(crate) fn show(io: &Io, event: &Event) {
    let door = serde_json::to_value(event.door)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned))
        .unwrap_or_default();
    let outcome = match event.outcome {
        Outcome::Granted => io.tone(Tone::Good, "granted"),
        Outcome::Refused => io.tone(Tone::Bad, "refused"),
    };
    let who = match (event.pod.is_empty(), event.identity.is_empty()) {
        (false, _) => format!("{}/{}", event.namespace, event.pod),
        (true, false) => event.identity.clone(),
        (true, true) => "-".into(),
    };
    let what = event.object.as_ref().map_or_else(
        || event.asked.clone(),
        |object| {
            let version = object.version.get(..8).unwrap_or(&object.version);
            format!("{}/{} {} {version}", object.vault, object.name, object.kind)
        },
    );
    let time = event.time.get(11..23).unwrap_or(&event.time);
    let why = if event.outcome == Outcome::Granted {
        &event.rule
    } else {
        &event.reason
    };
    let times = event.count.map(|n| format!(" ×{n}")).unwrap_or_default();
    io.line(format_args!(
        "{} {outcome} {door:<13} {who}  {what}{times}  {}",
        io.tone(Tone::Faint, time),
        io.tone(Tone::Faint, why)
    ));
}
