//! One look for all errors: what happened, where, and how to go on.

use std::fmt;

use podward_manifest::Position;

use crate::io::harmless;

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
    position: Option<Position>,
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
        self.place = Some(path.to_owned());
        self.position = position;
        self
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The file, if it is about one.
    pub(crate) fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }

    /// Where in the file, if that is known.
    pub(crate) fn position(&self) -> Option<Position> {
        self.position
    }

    /// The file with line and column.
    fn whole_place(&self) -> Option<String> {
        let place = self.place.as_deref()?;
        Some(match self.position {
            Some(position) => format!("{place}:{position}"),
            None => place.to_owned(),
        })
    }

    /// Whether it is about a line that it shows.
    pub(crate) fn is_of_text(&self) -> bool {
        self.excerpt.is_some()
    }

    /// Message and place in one line.
    pub(crate) fn brief(&self) -> String {
        match self.whole_place() {
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

/// Text that may be a file's, harmless line by line.
pub(crate) fn lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", lines(&self.message))?;
        if let Some(place) = self.whole_place() {
            write!(f, "\n  --> {}", harmless(&place))?;
        }
        if let Some(excerpt) = &self.excerpt {
            write!(f, "\n{}", lines(excerpt))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {}", harmless(help))?;
        }
        Ok(())
    }
}
