//! Reading the log.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use podward_api::access::Event;

use crate::segments::list;

/// Which events are wanted; an empty filter takes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Name of the pod, or the beginning of it before a `-`, so that a Deployment's name finds its pods.
    pub pod: Option<String>,
}

impl Filter {
    /// Whether the event is wanted.
    #[must_use]
    pub fn takes(&self, event: &Event) -> bool {
        self.pod.as_ref().is_none_or(|wanted| {
            event
                .pod
                .strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    }
}

/// The events of the log in `folder`, oldest first.
///
/// # Errors
/// When a segment cannot be read. A line that is no event (the last one of a writer that was killed) is left out.
pub fn read(folder: &Path, filter: &Filter) -> io::Result<Vec<Event>> {
    let mut events = Vec::new();
    for (_, path) in list(folder)? {
        for line in BufReader::new(std::fs::File::open(path)?).lines() {
            let line = line?;
            // where a segment was wiped there are zeros
            if let Ok(event) = serde_json::from_str(line.trim_matches('\0'))
                && filter.takes(&event)
            {
                events.push(event);
            }
        }
    }
    Ok(events)
}
