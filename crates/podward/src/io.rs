//! The only place that prints.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::{Value, json};

use crate::report::Report;

/// What output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// To be read.
    Text,
    /// One JSON object a line.
    Json,
    /// Another form, that a command prints itself.
    #[value(skip)]
    Other,
}

/// Standard output and error; lines of several writers do not mix.
#[derive(Clone)]
pub(crate) struct Io {
    color: bool,
    output: Output,
    turn: Arc<Mutex<()>>,
    /// Why output was lost, if some was.
    lost: Arc<OnceLock<std::io::Error>>,
}

/// How a word is shown where colours are.
#[derive(Clone, Copy)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warn,
    Faint,
    Strong,
}

impl Io {
    pub(crate) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            color: wanted && std::io::stdout().is_terminal(),
            output: Output::Text,
            turn: Arc::default(),
            lost: Arc::default(),
        }
    }

    /// Chooses what output is for; colours are for reading alone.
    pub(crate) fn set_output(&mut self, output: Output) {
        self.output = output;
        self.color &= output == Output::Text;
    }

    /// Whether output is for programs.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// A word in its tone.
    pub(crate) fn tone(&self, tone: Tone, text: impl Display) -> String {
        if !self.color {
            return text.to_string();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31;1",
            Tone::Warn => "33",
            Tone::Faint => "2",
            Tone::Strong => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// One line for people; nothing where output is JSON.
    pub(crate) fn line(&self, text: impl Display) {
        if self.output == Output::Text {
            self.print(text);
        }
    }

    /// One event for programs; nothing where output is text. `fields` is an object.
    pub(crate) fn emit(&self, event: &str, fields: Value) {
        if self.output == Output::Json
            && let Value::Object(mut fields) = fields
        {
            fields.insert("event".into(), json!(event));
            self.print(Value::Object(fields));
        }
    }

    /// One line whatever output is for, and whether it could be written. A reader that has gone is no error.
    pub(crate) fn print(&self, text: impl Display) -> bool {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match writeln!(std::io::stdout(), "{text}") {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != ErrorKind::BrokenPipe {
                    let _ = self.lost.set(error);
                }
                false
            }
        }
    }

    /// Why output was lost, if some was: a disk that is full, say.
    pub(crate) fn lost(&self) -> Option<Report> {
        let error = self.lost.get()?;
        Some(Report::new(format!(
            "the output could not be written: {error}"
        )))
    }

    /// A headline.
    pub(crate) fn section(&self, title: &str) {
        self.line(format_args!("\n{}", self.tone(Tone::Strong, title)));
    }

    /// A word to who sits at the terminal, on standard error.
    pub(crate) fn note(&self, text: impl Display) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// An error, on standard error.
    pub(crate) fn report(&self, report: &Report) {
        self.note(report);
    }
}

/// Text of others, such as a pod's or a file's, that must not move the cursor of who reads it.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let moves = |c: char| c.is_control() && c != '\t';
    if text.contains(moves) {
        return Cow::Owned(text.replace(moves, "\u{fffd}"));
    }
    Cow::Borrowed(text)
}
