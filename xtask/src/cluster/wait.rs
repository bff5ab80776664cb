//! Waiting with an end, and with what the log says at that end.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::layout::Layout;

/// How much of a log an error shows.
const LINES: usize = 20;

/// Waits until `check` holds. It is an error when the component ends first, or when it takes too long.
pub(super) fn until(
    layout: &Layout,
    component: &str,
    what: &str,
    limit: Duration,
    mut check: impl FnMut() -> bool,
) -> Result<(), String> {
    let began = Instant::now();
    let exit = layout.exit(component);
    loop {
        if check() {
            return Ok(());
        }
        let fault = if exit.exists() {
            let status = fs::read_to_string(&exit).unwrap_or_default();
            format!("{component} ended with {} before {what}", status.trim())
        } else if began.elapsed() > limit {
            format!(
                "{component}: {} s have passed before {what}",
                limit.as_secs()
            )
        } else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let log = layout.log(component);
        return Err(format!("{fault}\n{}:\n{}", log.display(), tail(&log)));
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let all = fs::read(log).unwrap_or_default();
    let all = String::from_utf8_lossy(&all);
    let lines: Vec<_> = all.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
