//! The access log: one event for every grant and refusal of every door, kept in bounded, reserved space.

mod bound;
mod commit;
mod index;
mod ingest;
mod line;
mod log;
mod query;
mod repeats;
mod request;
mod reserve;
mod segments;

pub use bound::{Bound, BoundError};
pub use index::Index;
pub use line::told;
pub use log::{AccessLog, LogError};
pub use podward_api::access::{Door, Event, ObjectRef, Outcome, RecordError, Recorder, TokenRef};
pub use query::{Filter, QueryError, read};
pub use request::request_id;
