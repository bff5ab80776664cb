//! The control groups of the pods: one folder in each hierarchy, so that nothing else is touched.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::layout::{Layout, at};

/// Makes the folders.
pub(super) fn make(layout: &Layout) -> Result<(), String> {
    let group = layout.control_group()?;
    for hierarchy in hierarchies()? {
        let folder = hierarchy.join(&group);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
    }
    Ok(())
}

/// Removes the folders and all below them. Their processes are ending.
pub(super) fn remove(layout: &Layout) -> Result<(), String> {
    let group = layout.control_group()?;
    let began = Instant::now();
    loop {
        let mut fault = None;
        for hierarchy in hierarchies()? {
            let folder = hierarchy.join(&group);
            if folder.exists() {
                fault = remove_tree(&folder).err().or(fault);
            }
        }
        let Some(fault) = fault else { return Ok(()) };
        if began.elapsed() > Duration::from_secs(20) {
            return Err(fault);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A folder can be removed when it has no folders and no processes; its files count for nothing.
fn remove_tree(folder: &Path) -> Result<(), String> {
    // what is frozen does not end
    let frozen = folder.join("freezer.state");
    if frozen.exists() {
        let _ = fs::write(frozen, "THAWED");
    }
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            remove_tree(&path)?;
        }
    }
    fs::remove_dir(folder).map_err(at(folder))
}

/// Where hierarchies of either version are mounted.
pub(crate) fn hierarchies() -> Result<Vec<PathBuf>, String> {
    let path = Path::new("/proc/self/mountinfo");
    let mounts = fs::read_to_string(path).map_err(at(path))?;
    let found = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let kind = after.split(' ').next()?;
        let place = before.split(' ').nth(4)?;
        kind.starts_with("cgroup").then(|| PathBuf::from(place))
    });
    Ok(found.collect())
}
