//! The only place that prints.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use crate::report::Report;

/// Standard output and error; lines of several writers do not mix.
#[derive(Clone)]
pub(crate) struct Io {
    color: bool,
    turn: Arc<Mutex<()>>,
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
            turn: Arc::default(),
        }
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

    /// One line of output. A reader that has gone is no error.
    pub(crate) fn line(&self, text: impl Display) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A headline.
    pub(crate) fn section(&self, title: &str) {
        self.line(format_args!("\n{}", self.tone(Tone::Strong, title)));
    }

    /// An error, on standard error.
    pub(crate) fn report(&self, report: &Report) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(std::io::stderr(), "{report}");
    }
}
