//! The access log: events, store, query.
