//! Equal grants out of a cache, counted over an interval.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use podward_api::access::Event;

/// How long grants are gathered, from the first of them.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);
/// Kinds of grants that are counted at once: far above what a node's pods ask for in ten seconds. Those beyond
/// get an event each, so nothing is lost.
const MAX_KINDS: usize = 4096;

/// What is counted, by the hash of what makes grants equal.
#[derive(Default)]
pub(crate) struct Repeats {
    kinds: Mutex<BTreeMap<u64, Repeat>>,
    hasher: RandomState,
}

struct Repeat {
    event: Event,
    since: Instant,
    count: u64,
}

/// What is to be done with a grant.
pub(crate) enum Answer {
    /// Nothing: it was counted.
    Counted,
    /// It is the first of its kind: it gets an event of its own, after what was counted before it.
    First(Option<Box<Event>>),
}

/// What makes grants equal.
fn kind(event: &Event) -> impl Hash + PartialEq + '_ {
    let token = event.token.as_ref();
    let object = event.object.as_ref();
    (
        (&event.pod_uid, &event.identity, &event.asked, &event.rule),
        event.door as u8,
        token.map(|t| (&t.jti, &t.hash)),
        object.map(|o| (&o.vault, &o.kind, &o.name, &o.version)),
    )
}

impl Repeats {
    fn key(&self, event: &Event) -> u64 {
        self.hasher.hash_one(kind(event))
    }

    /// Counts a grant whose first of its kind was recorded within the interval.
    pub(crate) fn count(&self, event: &mut Event, now: Instant) -> Answer {
        let key = self.key(event);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(repeat) = kinds.get_mut(&key) else {
            return Answer::First(None);
        };
        if kind(&repeat.event) != kind(event) {
            return Answer::First(None);
        }
        if now.saturating_duration_since(repeat.since) < INTERVAL {
            repeat.count += 1;
            std::mem::swap(&mut repeat.event.request_id, &mut event.request_id);
            return Answer::Counted;
        }
        let before = kinds.remove(&key).and_then(Repeat::counted);
        Answer::First(before.map(Box::new))
    }

    /// Begins an interval with a grant that was recorded.
    pub(crate) fn begin(&self, event: Event, now: Instant) {
        let key = self.key(&event);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() < MAX_KINDS {
            kinds.entry(key).or_insert(Repeat {
                event,
                since: now,
                count: 0,
            });
        }
    }

    /// Takes what was counted in intervals that have ended, or in all.
    pub(crate) fn take(&self, now: Instant, all: bool) -> Vec<Event> {
        let ended =
            |repeat: &Repeat| all || now.saturating_duration_since(repeat.since) >= INTERVAL;
        self.kinds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extract_if(.., |_, repeat| ended(repeat))
            .filter_map(|(_, repeat)| repeat.counted())
            .collect()
    }

    /// Takes back what could not be written, for the next time.
    pub(crate) fn put_back(&self, event: Event, now: Instant) {
        let count = event.count.unwrap_or(1);
        let key = self.key(&event);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let repeat = kinds.entry(key).or_insert(Repeat {
            event,
            since: now.checked_sub(INTERVAL).unwrap_or(now),
            count: 0,
        });
        repeat.count += count;
    }
}

impl Repeat {
    /// One event for all that were counted.
    fn counted(self) -> Option<Event> {
        (self.count > 0).then(|| Event {
            time: String::new(),
            count: (self.count > 1).then_some(self.count),
            ..self.event
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(asked: &str) -> Event {
        Event {
            pod_uid: "uid".into(),
            asked: asked.into(),
            ..Event::default()
        }
    }

    fn counted(repeats: &Repeats, asked: &str, now: Instant) -> bool {
        matches!(repeats.count(&mut event(asked), now), Answer::Counted)
    }

    #[test]
    fn equal_grants_within_the_interval_are_one_event() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        assert!(!counted(&repeats, "a", start));
        repeats.begin(event("a"), start);
        let late = start + INTERVAL - Duration::from_millis(1);
        for _ in 0..3 {
            assert!(counted(&repeats, "a", late));
        }
        assert!(!counted(&repeats, "b", late));
        assert!(repeats.take(late, false).is_empty());
        let events = repeats.take(start + INTERVAL, false);
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].count, Some(3));
        assert!(!counted(&repeats, "a", start + INTERVAL));
    }

    #[test]
    fn what_was_counted_comes_before_the_next_first() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        repeats.begin(event("a"), start);
        assert!(counted(&repeats, "a", start));
        let Answer::First(Some(before)) = repeats.count(&mut event("a"), start + INTERVAL) else {
            panic!("it was counted");
        };
        assert_eq!(before.count, None);
        repeats.put_back(*before, start + INTERVAL);
        assert_eq!(repeats.take(start + INTERVAL, false).len(), 1);
        assert!(repeats.take(start + INTERVAL, true).is_empty());
    }

    #[test]
    fn the_table_is_bounded() {
        let (repeats, start) = (Repeats::default(), Instant::now());
        for n in 0..=MAX_KINDS {
            repeats.begin(event(&n.to_string()), start);
        }
        assert!(counted(&repeats, "0", start));
        assert!(!counted(&repeats, &MAX_KINDS.to_string(), start));
    }
}
