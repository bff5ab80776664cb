//! Ids: of requests, and of those who ask.

use std::cell::RefCell;

use axum::http::request::Parts;
use podward_api::Guid;

/// A random id.
pub(crate) fn new_id() -> Guid {
    // each request has one, and a call for random numbers costs more than the numbers
    thread_local!(static AHEAD: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) });
    let bytes = AHEAD.with_borrow_mut(|ahead| {
        if ahead.is_empty() {
            ahead.resize(64, [0; 16]);
            // without random numbers there is no token either: signing fails as well
            let _ = aws_lc_rs::rand::fill(ahead.as_flattened_mut());
        }
        ahead.pop().unwrap_or_default()
    });
    Guid::from_random(bytes)
}

/// The id that a client gave its request, by which it can be followed through several doors; else a new one.
pub(crate) fn request_id(parts: &Parts, header: &str) -> Guid {
    if let Some(RequestId(known)) = parts.extensions.get() {
        return *known;
    }
    parts
        .headers
        .get(header)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .unwrap_or_else(new_id)
}

/// The id of a request, once it is settled.
#[derive(Clone, Copy)]
pub(crate) struct RequestId(pub(crate) Guid);

/// A stable object id for a client: the service principal's.
pub(crate) fn object_id(tenant: &str, client_id: &str) -> String {
    let text = format!(
        "{}/{}",
        tenant.to_ascii_lowercase(),
        client_id.to_ascii_lowercase()
    );
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let hex: String = digest
        .as_ref()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_names_its_request_by_a_guid_alone() {
        let id = |sent: &str| {
            let request = axum::http::Request::get("/").header("client-request-id", sent);
            let (parts, ()) = request.body(()).unwrap().into_parts();
            request_id(&parts, "client-request-id").to_string()
        };
        let guid = "aa2d3947-6048-468e-ae6d-09973b0be004";
        assert_eq!(id(guid), guid);
        for other in ["", "mine", "aa2d3947-6048-468e-ae6d-09973b0be004 and more"] {
            let made = id(other);
            assert_ne!(made, other);
            assert_eq!(made.len(), guid.len());
        }
    }
}
