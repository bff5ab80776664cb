//! Errors as a vault words them.

use axum::http::{HeaderValue, header};
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
    /// Seconds after which it may be tried again.
    pub(super) retry_after: Option<i64>,
    /// The methods that are served where another was asked for.
    pub(super) allow: Option<&'static str>,
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
            retry_after: None,
            allow: None,
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

    /// A method that is not served, where these are (RFC 9110, 15.5.6).
    pub(super) fn method(asked: &str, allow: &'static str) -> Self {
        let text = format!("The method {} is not served here", shown(asked));
        Self {
            allow: Some(allow),
            ..Self::new(405, "MethodNotAllowed", text)
        }
    }

    /// Too much was asked for: it may be tried again after so many seconds.
    pub(super) fn throttled(seconds: i64) -> Self {
        let text = "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached";
        Self {
            retry_after: Some(seconds),
            ..Self::new(429, "Throttled", text)
        }
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
        let mut response = answer(self.status, &json!({"error": error}));
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(allow) = self.allow {
            let headers = response.headers_mut();
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// A client's word in a message: printable, and not long.
pub(super) fn shown(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_graphic)
        .take(127)
        .collect()
}
