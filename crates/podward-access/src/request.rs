//! Ids of requests.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use podward_api::Guid;

/// A new id for one request, to be handed through all doors that it passes.
///
/// It is unique and not a secret, so the keys that the standard library has drawn at random are enough, and making
/// one neither fails nor calls the kernel.
#[must_use]
pub fn request_id() -> Guid {
    static KEYS: LazyLock<[RandomState; 2]> =
        LazyLock::new(|| [RandomState::new(), RandomState::new()]);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = KEYS
        .each_ref()
        .map(|keys| u128::from(keys.hash_one(number)));
    Guid::from_random((high << 64 | low).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let all: BTreeSet<_> = (0..10_000).map(|_| request_id()).collect();
        assert_eq!(all.len(), 10_000);
    }
}
