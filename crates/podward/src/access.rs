//! `podward access`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use podward_access::{Door, Event, Filter, Index, Outcome, QueryError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::io::{Io, Output, Tone, harmless};
use crate::report::{Exit, Report};
use crate::state::State;

/// How often `--follow` looks for new events.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Who got which token and secret, when, and why it was allowed.
#[derive(clap::Subcommand)]
pub(crate) enum Access {
    Log(Log),
}

/// Prints the log, oldest first. Filters are joined by "and".
///
/// Examples:
///   podward access log --pod web
///   podward access log --outcome refused --since 10m
///   podward access log -n shop --door vault --limit 20 --follow
///   podward access log -o json | jq 'select(.object.name == "db-password")'
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Log {
    /// Only this pod; a Deployment's name takes all its pods
    #[arg(long)]
    pod: Option<String>,
    /// Only pods of this namespace
    #[arg(short, long)]
    namespace: Option<String>,
    /// Only what this door answered
    #[arg(long, value_parser = doors())]
    door: Option<Door>,
    /// Only what was granted, or only what was refused
    #[arg(long, value_parser = outcomes())]
    outcome: Option<Outcome>,
    /// Only this identity: its client id or resource name, as the log has it
    #[arg(long)]
    identity: Option<String>,
    /// Only what came since then: 90s, 10m, 2h or 7d ago, or a time such as 2026-01-15T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Since>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Then waits for more, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// `text`, or `json` with one object a line
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// State folder of the `up` that is meant
    #[arg(long, env = "PODWARD_STATE")]
    state: Option<PathBuf>,
}

/// A time, or how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    At(OffsetDateTime),
    Ago(time::Duration),
}

fn doors() -> impl TypedValueParser<Value = Door> {
    PossibleValuesParser::new(Door::ALL.map(Door::as_str)).map(|name| {
        let door = Door::ALL.into_iter().find(|door| door.as_str() == name);
        door.unwrap_or_default()
    })
}

fn outcomes() -> impl TypedValueParser<Value = Outcome> {
    PossibleValuesParser::new(Outcome::ALL.map(Outcome::as_str)).map(|name| {
        let outcome = Outcome::ALL.into_iter().find(|one| one.as_str() == name);
        outcome.unwrap_or_default()
    })
}

fn since(text: &str) -> Result<Since, String> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Ok(Since::At(time));
    }
    let unknown =
        || "give how long ago, such as 10m, or a time such as 2026-01-15T09:30:00Z".to_owned();
    let (number, unit) = text
        .split_at_checked(text.trim_end_matches(char::is_alphabetic).len())
        .ok_or_else(unknown)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(unknown()),
    };
    let number: u32 = number.parse().map_err(|_not_one| unknown())?;
    Ok(Since::Ago(time::Duration::seconds(
        i64::from(number) * seconds,
    )))
}

impl Since {
    /// The time that is meant; the first of all where it is further ago than times go.
    fn before(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.saturating_sub(ago),
        }
    }
}

impl Access {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        let Self::Log(log) = self;
        log.run(io)
    }
}

impl Log {
    fn run(self, io: &Io) -> Result<Exit, Report> {
        let state = State::latest(self.state.as_deref())?;
        let failed = |e: QueryError| {
            Report::new(e).help("name the state folder of an `up` by --state FOLDER")
        };
        let mut filter = Filter {
            pod: self.pod,
            namespace: self.namespace,
            door: self.door,
            outcome: self.outcome,
            identity: self.identity,
            since: self
                .since
                .map(|since| since.before(OffsetDateTime::now_utc())),
            limit: self.limit,
        };
        let mut print = |event: &Event| {
            let written = match self.output {
                Output::Json => io.print(serde_json::to_string(event).unwrap_or_default()),
                Output::Text | Output::Other => io.print(text(io, event)),
            };
            if written {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let mut index = Index::open(&state.access()).map_err(failed)?;
        let mut flow = index.events(&filter, 0, &mut print).map_err(failed)?;
        // the newest of what was there, but all of what comes
        filter.limit = None;
        while let (true, ControlFlow::Continue(last)) = (self.follow, flow) {
            std::thread::sleep(LOOK_INTERVAL);
            index.update().map_err(failed)?;
            flow = index.events(&filter, last, &mut print).map_err(failed)?;
        }
        Ok(Exit::Clean)
    }
}

/// One event, as a line for people.
pub(crate) fn show(io: &Io, event: &Event) {
    io.line(text(io, event));
}

fn text(io: &Io, event: &Event) -> String {
    let door = event.door.as_str();
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
    format!(
        "{} {outcome} {door:<13} {}  {}{times}  {}",
        io.tone(Tone::Faint, time),
        harmless(&who),
        harmless(&what),
        io.tone(Tone::Faint, harmless(why))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_time_or_how_long_ago() {
        let now = OffsetDateTime::from_unix_timestamp(1_768_469_400).unwrap();
        for (text, seconds) in [
            ("90s", 90),
            ("10m", 600),
            ("2h", 7200),
            ("7d", 604_800),
            ("0s", 0),
        ] {
            let then = since(text).unwrap().before(now);
            assert_eq!((now - then).whole_seconds(), seconds, "{text}");
        }
        let at = since("2026-01-15T10:30:00.5+01:00").unwrap().before(now);
        assert_eq!((at - now).whole_milliseconds(), 500);
        let _ = since("4294967295d").unwrap().before(now);
        for text in [
            "",
            "m",
            "10",
            "-1m",
            "1.5h",
            "1w",
            "2026-01-15",
            "10 m",
            "4294967296s",
        ] {
            since(text).unwrap_err();
        }
    }
}
