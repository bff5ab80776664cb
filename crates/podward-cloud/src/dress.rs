//! The headers that every answer has.

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

use crate::ids::{RequestId, request_id};
use crate::names::{Place, Service};

/// Most headers that are added.
const MOST: usize = 6;
/// The id of a request.
const ID: HeaderName = HeaderName::from_static("x-ms-request-id");
/// The id that a client gave its request, of a vault and of the token service.
const VAULT_CLIENT_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const CLIENT_ID: HeaderName = HeaderName::from_static("client-request-id");
const REGION: HeaderName = HeaderName::from_static("x-ms-keyvault-region");
const VERSION: HeaderName = HeaderName::from_static("x-ms-keyvault-service-version");

/// What a request's answer is told with.
pub(crate) struct Dress {
    id: HeaderValue,
    /// What is sent back as it came.
    echo: Option<(HeaderName, HeaderValue)>,
    service: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Authority,
    Vault,
    Other,
}

impl Dress {
    /// Settles the id of a request: that of the client, if it is a GUID, or a new one.
    pub(crate) fn of(parts: &mut Parts, place: Option<&Place>) -> Self {
        let service = match place.map(|place| &place.service) {
            Some(Service::Authority) => Kind::Authority,
            Some(Service::Vault(_)) => Kind::Vault,
            Some(Service::Manager) | None => Kind::Other,
        };
        let named = if service == Kind::Authority {
            CLIENT_ID
        } else {
            VAULT_CLIENT_ID
        };
        let id = request_id(parts, named.as_str());
        parts.extensions.insert(RequestId(id));
        let wanted = parts.headers.get("return-client-request-id");
        let wanted = wanted.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        let echo = match service {
            Kind::Authority if !wanted => None,
            Kind::Other => None,
            _ => parts.headers.get(&named).cloned(),
        };
        Self {
            id: HeaderValue::try_from(id.to_string())
                .unwrap_or_else(|_never| HeaderValue::from_static("")),
            echo: echo.map(|value| (named, value)),
            service,
        }
    }

    /// Adds the headers to an answer.
    pub(crate) fn put_on(self, mut response: Response) -> Response {
        let value = HeaderValue::from_static;
        let headers = response.headers_mut();
        headers.reserve(MOST);
        headers.insert(ID, self.id);
        headers.extend(self.echo);
        if self.service == Kind::Other {
            return response;
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, value("nosniff"));
        let year = value("max-age=31536000;includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
        if self.service == Kind::Vault {
            headers.insert(REGION, value("local"));
            headers.insert(
                VERSION,
                value(concat!("podward-", env!("CARGO_PKG_VERSION"))),
            );
        } else {
            headers.insert(header::PRAGMA, value("no-cache"));
            headers.insert(header::EXPIRES, value("-1"));
        }
        response
    }
}
