//! The access log: one event for every grant and refusal of every door, kept in bounded, reserved space.

mod commit;
mod log;
mod query;

pub use log::{AccessLog, LogError, Options};
pub use podward_api::access::{Door, Event, ObjectRef, Outcome, RecordError, Recorder, TokenRef};
pub use query::{Filter, read};
