//! What is asked of the log.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use podward_api::access::{Door, Event, Outcome};
use rusqlite::types::Value;
use time::OffsetDateTime;

use crate::index::Index;

/// Which events are wanted; an empty filter takes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Name of the pod, or the beginning of it before a `-`, so that a Deployment's name finds its pods.
    pub pod: Option<String>,
    /// Namespace of the pod.
    pub namespace: Option<String>,
    /// The door that answered.
    pub door: Option<Door>,
    /// What came of it.
    pub outcome: Option<Outcome>,
    /// Client id or resource name of the identity, in upper or lower case.
    pub identity: Option<String>,
    /// Not before this time.
    pub since: Option<OffsetDateTime>,
    /// Only so many of them, the newest.
    pub limit: Option<u32>,
}

/// The log cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The log itself cannot be read.
    #[error("the access log {path} cannot be read: {source}")]
    Log {
        /// Folder of the log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index cannot be made.
    #[error("the access log's index cannot be made: {0}")]
    Index(#[from] rusqlite::Error),
}

impl Filter {
    /// The query for positions and events after a position, and its values.
    pub(crate) fn sql(&self, after: i64) -> (String, Vec<Value>) {
        let mut values = vec![Value::Integer(after)];
        let mut terms = vec!["id > ?1".to_owned()];
        let mut term = |text: &str, value: Value| {
            values.push(value);
            terms.push(text.replace("?", &format!("?{}", values.len())));
        };
        if let Some(pod) = &self.pod {
            // `.` is what follows `-`
            term(
                "(pod = ? OR (pod >= ? || '-' AND pod < ? || '.'))",
                Value::Text(pod.clone()),
            );
        }
        let equal = [
            ("namespace = ?", self.namespace.clone()),
            ("identity = ?", self.identity.clone()),
            ("door = ?", self.door.map(|d| d.as_str().to_owned())),
            ("outcome = ?", self.outcome.map(|o| o.as_str().to_owned())),
        ];
        for (text, value) in equal {
            if let Some(value) = value {
                term(text, Value::Text(value));
            }
        }
        if let Some(since) = self.since {
            // times beyond the year 2262 are after every event
            let since = i64::try_from(since.unix_timestamp_nanos()).unwrap_or(i64::MAX);
            term("time >= ?", Value::Integer(since));
        }
        let terms = terms.join(" AND ");
        let query = format!("SELECT id, event FROM events WHERE {terms} ORDER BY id");
        let Some(limit) = self.limit else {
            return (query, values);
        };
        (
            format!("SELECT * FROM ({query} DESC LIMIT {limit}) ORDER BY id"),
            values,
        )
    }
}

/// The events of the log in `folder`, oldest first. For few events; [`Index::events`] hands on any number.
///
/// # Errors
/// When the log cannot be read. A line that is no event (the last one of a writer that was killed) is left out.
pub fn read(folder: &Path, filter: &Filter) -> Result<Vec<Event>, QueryError> {
    let mut events = Vec::new();
    let _ = Index::open(folder)?.events(filter, 0, |event| {
        events.push(event.clone());
        ControlFlow::Continue(())
    })?;
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::tests::{folder, small};
    use podward_api::access::Recorder;

    #[test]
    fn filters_take_what_they_say() {
        let folder = folder("filters");
        let log = small(&folder);
        for (asked, namespace, pod, door, outcome) in [
            ("1", "shop", "web", Door::Imds, Outcome::Granted),
            ("2", "shop", "web-7f9c", Door::Csi, Outcome::Granted),
            ("3", "shop", "webber", Door::Csi, Outcome::Refused),
            ("4", "other", "web-1", Door::Vault, Outcome::Refused),
        ] {
            log.record(Event {
                time: format!("2026-01-15T09:30:00.00000000{asked}Z"),
                asked: asked.into(),
                namespace: namespace.into(),
                pod: pod.into(),
                identity: format!("AB-{asked}"),
                door,
                outcome,
                ..Event::default()
            })
            .unwrap();
        }
        let taken = |filter: Filter| {
            let events = read(&folder, &filter).unwrap();
            events.into_iter().map(|e| e.asked).collect::<String>()
        };
        let all = Filter::default;
        let pod = |name: &str| Some(name.to_owned());
        assert_eq!(taken(all()), "1234");
        assert_eq!(
            taken(Filter {
                pod: pod("web"),
                ..all()
            }),
            "124"
        );
        assert_eq!(
            taken(Filter {
                pod: pod("web-"),
                ..all()
            }),
            ""
        );
        assert_eq!(
            taken(Filter {
                pod: pod("%"),
                ..all()
            }),
            ""
        );
        let namespace = Some("shop".to_owned());
        let of_shop = Filter { namespace, ..all() };
        assert_eq!(taken(of_shop.clone()), "123");
        assert_eq!(
            taken(Filter {
                door: Some(Door::Csi),
                ..of_shop.clone()
            }),
            "23"
        );
        let outcome = Some(Outcome::Refused);
        assert_eq!(
            taken(Filter {
                outcome,
                ..of_shop.clone()
            }),
            "3"
        );
        let identity = Some("ab-4".to_owned());
        assert_eq!(taken(Filter { identity, ..all() }), "4");
        // to the nanosecond
        let since = OffsetDateTime::from_unix_timestamp_nanos(1_768_469_400_000_000_003).ok();
        assert_eq!(taken(Filter { since, ..all() }), "34");
        assert_eq!(
            taken(Filter {
                limit: Some(2),
                ..of_shop
            }),
            "23"
        );
        assert_eq!(
            taken(Filter {
                limit: Some(0),
                ..all()
            }),
            ""
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
