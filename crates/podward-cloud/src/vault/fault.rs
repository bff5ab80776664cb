//! Errors as a vault words them.

use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::answer;

/// An error as the vault words it.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) inner: Option<&'static str>,
    /// Whether its event was recorded where it came up.
    pub(super) recorded: bool,
}

impl Fault {
    /// An error of this status and code.
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            inner: None,
            recorded: false,
        }
    }

    /// A fault of the request.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", message)
    }

    /// With the code that says it more precisely.
    pub(super) fn inner(mut self, code: &'static str) -> Self {
        self.inner = Some(code);
        self
    }

    /// What this machine cannot do just now.
    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let (Some(inner), Some(error)) = (self.inner, error.as_object_mut()) {
            error.insert("innererror".into(), json!({"code": inner}));
        }
        answer(self.status, &json!({"error": error}))
    }
}

/// A client's word in a message: printable, and not long.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_graphic)
        .take(127)
        .collect()
}
