//! One look for all errors: what happened, where, and how to go on.

use std::fmt;

use podward_manifest::Position;

/// How a command ended that did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing found.
    Clean,
    /// Findings, refusals or missed expectations.
    Found,
    /// The status of a program that was run.
    Status(i32),
}

/// An error as the user sees it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    message: String,
    place: Option<String>,
    excerpt: Option<String>,
    help: Option<String>,
}

impl Report {
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            ..Self::default()
        }
    }

    /// Names the place: a file, with line and column where there are.
    pub(crate) fn at(mut self, path: &str, position: Option<Position>) -> Self {
        self.place = Some(position.map_or_else(
            || path.to_owned(),
            |p| format!("{path}:{}:{}", p.line, p.column),
        ));
        self
    }

    /// Message and place in one line.
    pub(crate) fn brief(&self) -> String {
        match &self.place {
            Some(place) => format!("{place}: {}", self.message),
            None => self.message.clone(),
        }
    }

    /// Shows the line.
    pub(crate) fn excerpt(mut self, excerpt: String) -> Self {
        self.excerpt = Some(excerpt);
        self
    }

    /// Says how to go on.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{excerpt}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}
