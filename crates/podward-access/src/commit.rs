//! Grants in flight share a write: whoever finds none in progress writes for all who wait.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// How often a waiting thread looks whether the write before its own has ended, until it sleeps: some microseconds, as
/// long as a write takes. A sleep costs more, and its end waits for a processor.
const LOOKS: usize = 200;

/// Where batches go. A batch is whole lines.
pub(crate) trait Store: Send {
    /// Writes a batch; `Ok` means that all of it was taken by the kernel.
    ///
    /// # Errors
    /// When it was not, or only a part of it.
    fn write(&mut self, batch: &[u8]) -> io::Result<()>;
}

/// How the write of a batch ended, for all whose lines were in it.
type Outcome = Arc<OnceLock<Result<(), Arc<str>>>>;

/// Lines that wait for a write, and the store they go to.
pub(crate) struct Commit<S> {
    waiting: Mutex<Waiting>,
    turn: Condvar,
    /// Whether somebody writes now; changed by who holds `waiting`.
    writing: AtomicBool,
    store: Mutex<S>,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    outcome: Outcome,
    /// Who wants to be woken when a write has ended.
    sleepers: usize,
    /// The buffer of the write before, to be filled again.
    spare: Vec<u8>,
}

impl<S: Store> Commit<S> {
    /// Batches of at most `limit` bytes: what waits has that bound, and so has every write.
    pub(crate) fn new(store: S, limit: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            turn: Condvar::new(),
            writing: AtomicBool::new(false),
            store: Mutex::new(store),
            limit,
        }
    }

    /// The store, between writes.
    pub(crate) fn store(&self) -> MutexGuard<'_, S> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line and returns once the write that holds it has returned.
    ///
    /// # Errors
    /// When that write failed, or the line is longer than a batch may be.
    pub(crate) fn append(&self, line: &[u8]) -> Result<(), Arc<str>> {
        if line.len() > self.limit {
            return Err(format!("an event of {} bytes is too long", line.len()).into());
        }
        let mut waiting = self.lock();
        while waiting.lines.len() + line.len() > self.limit {
            waiting = self.wait_or_lead(waiting);
        }
        waiting.lines.extend_from_slice(line);
        let outcome = Arc::clone(&waiting.outcome);
        loop {
            if let Some(outcome) = outcome.get() {
                return outcome.clone();
            }
            waiting = self.wait_or_lead(waiting);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_or_lead<'a>(&'a self, waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        if !self.writing.load(Ordering::Acquire) {
            return self.lead(waiting);
        }
        drop(waiting);
        for _ in 0..LOOKS {
            if !self.writing.load(Ordering::Acquire) {
                return self.lock();
            }
            std::hint::spin_loop();
        }
        let mut waiting = self.lock();
        if self.writing.load(Ordering::Acquire) {
            waiting.sleepers += 1;
            waiting = self
                .turn
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.sleepers -= 1;
        }
        waiting
    }

    /// Writes all that waits, while others gather the next batch.
    fn lead<'a>(&'a self, mut waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        let spare = std::mem::take(&mut waiting.spare);
        let mut batch = std::mem::replace(&mut waiting.lines, spare);
        let outcome = std::mem::take(&mut waiting.outcome);
        self.writing.store(true, Ordering::Release);
        drop(waiting);
        let written = self.store().write(&batch);
        // nobody else knows this outcome's end, so it is set once
        let _ = outcome.set(written.map_err(|error| error.to_string().into()));
        batch.clear();
        let mut waiting = self.lock();
        self.writing.store(false, Ordering::Release);
        waiting.spare = batch;
        if waiting.sleepers > 0 {
            self.turn.notify_all();
        }
        waiting
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Keeps what it is given, slowly, and fails while it is told to.
    #[derive(Default)]
    struct Slow {
        writes: usize,
        lines: Vec<String>,
        fails: bool,
    }

    impl Store for Slow {
        fn write(&mut self, batch: &[u8]) -> io::Result<()> {
            std::thread::sleep(Duration::from_millis(2));
            self.writes += 1;
            if self.fails {
                return Err(io::Error::other("no space"));
            }
            let text = std::str::from_utf8(batch).unwrap();
            self.lines.extend(text.lines().map(str::to_owned));
            Ok(())
        }
    }

    fn threads(commit: &Commit<Slow>, each: usize) -> Vec<Result<(), Arc<str>>> {
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..16)
                .map(|thread| {
                    scope.spawn(move || {
                        (0..each)
                            .map(|n| commit.append(format!("{thread} {n}\n").as_bytes()))
                            .collect::<Vec<_>>()
                    })
                })
                .collect();
            all.into_iter().flat_map(|t| t.join().unwrap()).collect()
        })
    }

    #[test]
    fn many_threads_share_few_writes_and_lose_nothing() {
        let commit = Commit::new(Slow::default(), 1 << 16);
        let outcomes = threads(&commit, 50);
        assert!(outcomes.iter().all(Result::is_ok));
        let mut store = commit.store();
        assert!(store.writes <= 400, "{} writes", store.writes);
        store.lines.sort();
        store.lines.dedup();
        assert_eq!(store.lines.len(), 800);
    }

    #[test]
    fn a_failed_write_refuses_all_who_shared_it_and_a_later_one_works() {
        let commit = Commit::new(Slow::default(), 1 << 16);
        commit.store().fails = true;
        let outcomes = threads(&commit, 3);
        assert_eq!(outcomes.len(), 48);
        for outcome in outcomes {
            assert_eq!(outcome.unwrap_err().as_ref(), "no space");
        }
        assert!(commit.store().writes < 48);
        commit.store().fails = false;
        commit.append(b"after\n").unwrap();
        assert_eq!(commit.store().lines, ["after"]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let commit = Commit::new(Slow::default(), 16);
        assert!(commit.append(&[b'x'; 17]).is_err());
        assert!(threads(&commit, 5).iter().all(Result::is_ok));
        assert_eq!(commit.store().lines.len(), 80);
    }
}
