//! Reviews that go on while something happens.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::cluster::Fault;
use crate::namespace::Namespace;

/// Pods that are made by one call.
const AT_ONCE: usize = 40;

/// Ends the reviews, even where an assertion fails while they go on.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes harmless pods in dry runs, one call after the other, for as long as `act` takes: how many they were.
///
/// # Errors
///
/// If one of them was not accepted, or `act` fails.
pub fn under_load(
    namespace: &Namespace<'_>,
    act: impl FnOnce() -> Result<(), Fault>,
) -> Result<usize, Fault> {
    let objects: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("p{number}")},
                "spec": {"containers": [{"name": "c", "image": "i"}]}});
            pod.to_string()
        })
        .collect();
    let objects = objects.join("\n---\n");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let trying = scope.spawn(|| -> Result<usize, Fault> {
            let mut tried = 0;
            while !done.load(Ordering::Relaxed) {
                let (made, said) = namespace.dry_run(&objects)?;
                if made.len() != AT_ONCE {
                    return Err(format!("after {tried}: {said:?}").into());
                }
                tried += AT_ONCE;
            }
            Ok(tried)
        });
        let over = Over(&done);
        let acted = act();
        drop(over);
        let tried = trying.join().map_err(|_panicked| "it panicked")?;
        match (tried, acted) {
            (Err(lost), Err(fault)) => Err(format!("{lost}, and {fault}").into()),
            (tried, acted) => acted.and(tried),
        }
    })
}
