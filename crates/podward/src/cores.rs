//! Work on many things on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads can work at once.
pub(crate) fn count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What a work makes of each thing, in their order.
pub(crate) fn map<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mut made = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(index) else {
                return made;
            };
            made.push((index, work(thing)));
        }
    };
    let mut made = std::thread::scope(|scope| {
        let others = (1..count().min(things.len())).map(|_| scope.spawn(some));
        let others: Vec<_> = others.collect();
        let mut made = some();
        for other in others {
            match other.join() {
                Ok(more) => made.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        made
    });
    made.sort_by_key(|(index, _)| *index);
    made.into_iter().map(|(_, made)| made).collect()
}
