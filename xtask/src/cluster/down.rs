//! Taking a cluster down, whatever state it is in.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::cgroups;
use super::layout::{Layout, at, text};
use super::namespaces::{holders, process_namespace, processes};
use crate::shell::{output, program};

/// How long the kernel may take for what is left when all has been killed.
const LIMIT: Duration = Duration::from_secs(30);

/// Removes all that a cluster of this checkout has made, but the logs. True if there was one.
pub(super) fn clean(layout: &Layout) -> Result<bool, String> {
    let holders = holders(layout);
    let run = layout.run();
    let was_there = !holders.is_empty() || run.join("number").exists();
    for holder in holders {
        end(holder)?;
    }
    if was_there {
        cgroups::remove(layout)?;
        link(layout)?;
    }
    if run.exists() {
        nothing_is_mounted_below(&run)?;
        for entry in fs::read_dir(&run).map_err(at(&run))? {
            let path = entry.map_err(at(&run))?.path();
            if path == layout.logs() {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(&path).map_err(at(&path))?;
            } else {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
    }
    Ok(was_there)
}

/// Ends one inside: when its first process is killed, the kernel kills all the others.
fn end(holder: u32) -> Result<(), String> {
    let namespace = process_namespace(holder);
    // it may have ended just now
    let _ = output(program("kill", &["-KILL", &holder.to_string()]));
    let Some(namespace) = namespace else {
        return Ok(());
    };
    let began = Instant::now();
    loop {
        let mut left = processes();
        left.retain(|pid| process_namespace(*pid).as_ref() == Some(&namespace));
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            return Err(format!("these processes do not end: {left:?}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the link has gone, which goes with the namespace that its other end is in.
fn link(layout: &Layout) -> Result<(), String> {
    let link = layout.link();
    let alias = Path::new("/sys/class/net").join(&link).join("ifalias");
    let ours = text(layout.folder());
    let began = Instant::now();
    // a link of this name may be another checkout's
    while fs::read_to_string(&alias).is_ok_and(|alias| alias.trim() == ours) {
        if began.elapsed() > Duration::from_secs(5) {
            output(program("ip", &["link", "delete", &link]))?;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// What is mounted there would be emptied with the folder.
fn nothing_is_mounted_below(folder: &Path) -> Result<(), String> {
    let path = Path::new("/proc/self/mountinfo");
    let mounts = fs::read_to_string(path).map_err(at(path))?;
    let below = format!("{}/", text(folder));
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let found: Vec<_> = places.filter(|place| place.starts_with(&below)).collect();
    if found.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} is mounted: unmount it, and run this again",
        found.join(", ")
    ))
}
