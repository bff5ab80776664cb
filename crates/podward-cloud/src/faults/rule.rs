//! One rule: which requests it is for, and what becomes of them.

use axum::http::{Method, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Spoil;
use crate::ids::new_id;
use crate::names::{Place, Service};
use crate::token::Refusal;
use crate::token_door::told;
use crate::{Clock as _, SystemClock, answer};

/// Longest text of a rule, bytes.
const MAX_TEXT: usize = 1024;
/// Longest delay, milliseconds.
const MAX_DELAY: u64 = 60_000;

/// One rule: which requests it is for, and what becomes of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rule {
    #[serde(rename = "match", default)]
    matches: Match,
    /// Milliseconds before anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delay: Option<u64>,
    /// Status of the answer that is given in place of the right one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    /// Code of its error.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Text of its error.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Seconds of its `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    /// Whether the connection is closed without an answer.
    #[serde(default)]
    drop: bool,
    /// Bytes of the right answer's body, after which the connection is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<usize>,
    /// How many requests it is for; all where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<u32>,
}

/// Which requests; what is absent does not count.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Match {
    /// How the host begins, without regard to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    /// How the path begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Method.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
}

impl Rule {
    pub(super) fn check(&self) -> Result<(), String> {
        let outcomes = [self.status.is_some(), self.drop, self.truncate.is_some()];
        let outcomes = outcomes.into_iter().filter(|one| *one).count();
        let texts = [&self.code, &self.message, &self.matches.host];
        let more = [&self.matches.path, &self.matches.method];
        let wrong = if outcomes > 1 {
            "give one of status, drop and truncate"
        } else if outcomes == 0 && self.delay.is_none() {
            "give status, drop, truncate or delay"
        } else if self.status.is_some_and(|one| !(400..600).contains(&one)) {
            "status must be from 400 to 599"
        } else if self.status.is_none()
            && (self.code.is_some() || self.message.is_some() || self.retry_after.is_some())
        {
            "code, message and retryAfter belong to a status"
        } else if self.delay.is_some_and(|one| one > MAX_DELAY) {
            "delay is at most 60000 milliseconds"
        } else if self.times == Some(0) {
            "times must be at least 1"
        } else if texts
            .into_iter()
            .chain(more)
            .flatten()
            .any(|text| text.len() > MAX_TEXT)
        {
            "a text is longer than 1024 bytes"
        } else {
            return Ok(());
        };
        Err(wrong.into())
    }

    pub(super) fn is_for(&self, host: &str, path: &str, method: &Method) -> bool {
        let begins = |wanted: &String| {
            let start = host.get(..wanted.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(wanted))
        };
        let Match {
            host,
            path: p,
            method: m,
        } = &self.matches;
        host.as_ref().is_none_or(begins)
            && p.as_ref().is_none_or(|p| path.starts_with(p.as_str()))
            && m.as_ref().is_none_or(|m| m == method.as_str())
    }

    pub(super) fn outcome(&self, host: &str, path: &str) -> Outcome {
        if let Some(status) = self.status {
            return Outcome::Answer(Box::new(self.error(status, host, path)));
        }
        match (self.drop, self.truncate) {
            (true, _) => Outcome::Spoil(Spoil::HangUp),
            (false, Some(bytes)) => Outcome::Spoil(Spoil::Cut(bytes)),
            (false, None) => Outcome::Right,
        }
    }

    /// An error, in the form of the service that was asked.
    fn error(&self, status: u16, host: &str, path: &str) -> Response {
        let place = Place::of(host).map(|place| place.service);
        let body = match place {
            Some(Service::Vault(_)) => self.of_vault(status, path),
            Some(Service::Authority) => self.of_token_service(status),
            Some(Service::Manager) => {
                json!({"error": {"code": self.code(status), "message": self.message()}})
            }
            None => {
                let (code, message) = (self.code(status), self.message());
                json!({"error": code, "error_description": message, "statusCode": status, "message": message})
            }
        };
        let mut response = answer(status, &body);
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn message(&self) -> &str {
        let message = self.message.as_deref();
        message.unwrap_or("this fault was asked for at /_podward/faults")
    }

    fn code(&self, status: u16) -> &str {
        self.code.as_deref().unwrap_or(match status {
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            429 => "Throttled",
            500.. => "ServiceUnavailable",
            _ => "BadParameter",
        })
    }

    fn of_vault(&self, status: u16, path: &str) -> Value {
        let kinds = [
            ("/secrets", "SecretNotFound"),
            ("/keys", "KeyNotFound"),
            ("/certificates", "CertificateNotFound"),
        ];
        let found = kinds.into_iter().find(|(kind, _)| path.starts_with(kind));
        let code = match (status, &self.code, found) {
            (404, None, Some((_, code))) => code,
            _ => self.code(status),
        };
        json!({"error": {"code": code, "message": self.message()}})
    }

    fn of_token_service(&self, status: u16) -> Value {
        let (error, usual) = match status {
            401 => ("invalid_client", 7_000_215),
            // the tenant is throttled; a passing error
            429 => ("temporarily_unavailable", 90055),
            500.. => ("temporarily_unavailable", 90033),
            _ => ("invalid_request", 900_000),
        };
        let named = self.code.as_deref().map(|code| {
            let code = code.strip_prefix("AADSTS").unwrap_or(code);
            code.parse().ok()
        });
        let refusal = Refusal {
            status,
            error,
            code: named.flatten().unwrap_or(usual),
            text: self.message().to_owned(),
        };
        let mut told = told(&refusal, new_id(), SystemClock.now());
        // a code that is no number is the word of the error
        if let (Some(None), Some(word), Some(told)) = (named, &self.code, told.as_object_mut()) {
            told.insert("error".into(), json!(word));
        }
        told
    }
}

/// What becomes of a request.
pub(super) enum Outcome {
    /// It is answered as if there were no rule.
    Right,
    Answer(Box<Response>),
    Spoil(Spoil),
}
