//! How much of reviews is held at once. Who sends them need not be the API server: nobody must be able to have the
//! webhook hold more than it may.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::doors::PATIENCE;

/// Largest review, bytes: the API server takes objects of 3 MiB, and a change has the old one too.
pub(super) const MAX_REVIEW: usize = 8 << 20;
/// Reviews that are longer are judged off the loop, one at a time, bytes.
pub(super) const LONG: usize = 256 << 10;
/// Longest of the reviews that share the room of short ones, bytes.
const SHORT: usize = 64 << 10;
/// What these may take together, bytes: one for each connection.
const SHORT_ONES: usize = 256 * SHORT;
/// What all longer ones may take together, bytes.
const LONG_ONES: usize = 2 * MAX_REVIEW;

/// Room for the bodies of reviews. Long ones never take that of short ones.
pub(super) struct Room {
    short: Semaphore,
    long: Semaphore,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            short: Semaphore::new(SHORT_ONES),
            long: Semaphore::new(LONG_ONES),
        }
    }
}

impl Room {
    /// Waits for room for a body of so many bytes, or of the longest where nobody says; none where there is none in
    /// time.
    pub(super) async fn take(&self, size: Option<u64>) -> Option<SemaphorePermit<'_>> {
        let size = size.and_then(|size| usize::try_from(size).ok());
        let size = size.unwrap_or(MAX_REVIEW).clamp(1, MAX_REVIEW);
        let of = if size > SHORT {
            &self.long
        } else {
            &self.short
        };
        let room = of.acquire_many(u32::try_from(size).ok()?);
        tokio::time::timeout(PATIENCE, room).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_reviews_wait_for_one_another_and_not_short_ones_for_them() {
        let room = Room::default();
        let first = room.take(None).await;
        let second = room.take(Some(8 << 20)).await;
        assert!(first.is_some() && second.is_some());
        let soon = std::time::Duration::from_millis(20);
        let third = tokio::time::timeout(soon, room.take(Some(1 << 20)));
        assert!(third.await.is_err());
        assert!(room.take(Some(1000)).await.is_some());
        drop(first);
        assert!(room.take(Some(1 << 20)).await.is_some());
    }
}
