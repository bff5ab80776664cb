//! How time grows with the text.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The two sizes that are compared, bytes.
const SMALL: usize = 32 << 10;
const LARGE: usize = 256 << 10;
/// How much longer the large one may take. In proportion it is 8, by the square 64.
const MOST: u32 = 24;
/// Less than this is not measured well.
const LEAST: Duration = Duration::from_millis(3);
/// How often it is measured before it is told: others use the caches too.
const TRIES: usize = 4;

/// Time of the processor that this thread has taken: others use the machine too.
fn taken() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Repeats a piece, and says where time grows faster than the text.
pub(crate) fn check(piece: &str, run: fn(&str)) -> Result<(), String> {
    if piece.is_empty() {
        return Ok(());
    }
    let time = |size: usize| {
        let text = piece.repeat(size / piece.len() + 1);
        let begun = taken();
        run(&text);
        taken().saturating_sub(begun)
    };
    let mut seen = (Duration::ZERO, Duration::ZERO);
    for _ in 0..TRIES {
        seen = (time(SMALL), time(LARGE));
        if seen.1 < seen.0.max(LEAST) * MOST {
            return Ok(());
        }
    }
    Err(format!(
        "time grows faster than the text: {:?} for {SMALL} bytes and {:?} for {LARGE}, of {piece:?} again and again",
        seen.0, seen.1
    ))
}
