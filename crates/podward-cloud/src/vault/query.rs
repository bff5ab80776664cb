//! What stands behind the `?` of an address, and the versions of the API.

use axum::http::request::Parts;

use super::fault::{Fault, shown};
use crate::form::form;

/// Versions of the REST API that are answered, in the order of their coming.
const VERSIONS: [&str; 10] = [
    "2016-10-01",
    "7.0",
    "7.1",
    "7.2",
    "7.3",
    "7.4",
    "7.5",
    "7.6",
    "2025-07-01",
    "2026-04-01",
];
/// Previews of versions that are days are of this year or later.
const FIRST_PREVIEW: &str = "2025-01-01";

/// What stands behind the `?` of an address.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    /// `api-version`.
    pub(super) version: String,
    /// Its place among the versions.
    rank: usize,
}

impl Query {
    /// Reads it; the version of the API must be one that is answered.
    pub(super) fn of(parts: &Parts) -> Result<Self, Fault> {
        let mut query = Self {
            pairs: form(parts.uri.query().unwrap_or_default().as_bytes()),
            version: String::new(),
            rank: 0,
        };
        let Some(version) = query.parameter("api-version") else {
            return Err(Fault::bad("api-version must be specified"));
        };
        let Some(rank) = rank(&version) else {
            let text = format!("api-version {} is not supported", shown(&version));
            return Err(Fault::bad(text));
        };
        (query.version, query.rank) = (version, rank);
        Ok(query)
    }

    /// A parameter by name, which counts without regard to case.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.pairs.iter();
        let found = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    /// Whether the client speaks this version of the API or a later one.
    pub(super) fn since(&self, version: &str) -> bool {
        let at = VERSIONS.iter().position(|known| *known == version);
        at.is_some_and(|at| at <= self.rank)
    }
}

/// The place of a version among those that are answered. A preview has that of the version it came before.
fn rank(version: &str) -> Option<usize> {
    let place = |version: &str| VERSIONS.iter().position(|known| *known == version);
    if let Some(rank) = place(version) {
        return Some(rank);
    }
    let (base, rest) = version.split_once("-preview")?;
    let digits = |text: &str| {
        (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !rest.is_empty() && !rest.strip_prefix('.').is_some_and(digits) {
        return None;
    }
    if base.starts_with("7.") {
        return place(base);
    }
    let is_day = crate::metadata::is_date(base) && base >= FIRST_PREVIEW;
    let comes_before = |known: &str| known.len() == base.len() && known >= base;
    is_day
        .then(|| VERSIONS.iter().position(|known| comes_before(known)))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_counts_as_what_it_came_before() {
        for (preview, version) in [
            ("7.6-preview.2", "7.6"),
            ("7.0-preview", "7.0"),
            ("2025-06-01-preview", "2025-07-01"),
            ("2026-01-01-preview", "2026-04-01"),
        ] {
            assert_eq!(rank(preview), rank(version), "{preview}");
            assert!(rank(preview).is_some(), "{preview}");
        }
        for other in [
            "",
            "7.7",
            "7.7-preview",
            "7.6-preview.x",
            "7.6-preview1",
            "2026-05-01-preview",
            "2019-01-01-preview",
            "2025-06-01",
            "-preview",
        ] {
            assert_eq!(rank(other), None, "{other}");
        }
    }
}
