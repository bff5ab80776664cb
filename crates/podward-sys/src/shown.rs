//! What of the host's files a pod sees and what it does not: folders that are covered by an empty
//! mount, and folders that stay visible in spite of it. The deeper of two wins.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::mount::MountFlags;

use crate::mounts::{
    attach, change_attributes, clone_tree, is_mounted, open_path, set_attributes, tmpfs,
};
use crate::rootfs::write_file;
use crate::{Doing, SysError};

/// Bytes of a cover: it holds nothing but mount points.
const COVER_SIZE: u64 = 1 << 20;

/// A file or folder of the host, opened before anything hides it.
pub(crate) struct Shown<'a> {
    tree: OwnedFd,
    path: &'a Path,
    is_dir: bool,
}

impl<'a> Shown<'a> {
    /// Opens a file or folder, to be shown read-only at its own path.
    pub(crate) fn open(path: &'a Path) -> Result<Self, SysError> {
        let tree = clone_tree(path)?;
        let read_only = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID;
        set_attributes(&tree, read_only, true)?;
        Ok(Self {
            tree,
            path,
            is_dir: path.is_dir(),
        })
    }

    fn attach(&self) -> Result<(), SysError> {
        mount_point(self.path, self.is_dir)?;
        attach(&self.tree, self.path)
    }
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

fn cover(path: &Path) -> Result<(), SysError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    tmpfs(path, COVER_SIZE, 0o555, flags)
}

/// Covers a folder in which nothing is to be shown.
pub(crate) fn cover_whole(path: &Path) -> Result<(), SysError> {
    cover(path)?;
    set_attributes(open_path(path)?, libc::MOUNT_ATTR_RDONLY, false)
}

/// Covers and shows, in a root where nothing is covered yet. The covers are returned: they stay
/// writable until all mount points are made.
pub(crate) fn lay<'a>(
    covers: &'a [PathBuf],
    visible: &[Shown<'_>],
) -> Result<Vec<&'a Path>, SysError> {
    let mut covers: Vec<&Path> = covers.iter().map(PathBuf::as_path).collect();
    covers.sort_by_key(|path| depth(path));
    let mut visible: Vec<_> = visible.iter().collect();
    visible.sort_by_key(|shown| depth(shown.path));
    let mut visible = visible.into_iter().peekable();
    let mut laid = Vec::new();
    for path in covers {
        while let Some(shown) = visible.next_if(|shown| depth(shown.path) < depth(path)) {
            shown.attach()?;
        }
        // what does not exist needs no cover: the state folder may lie below /tmp, which is empty
        if path.is_dir() {
            cover(path)?;
            laid.push(path);
        }
    }
    for shown in visible {
        shown.attach()?;
    }
    Ok(laid)
}

/// Shows more in a root that has its covers, in a mount namespace of this process alone.
pub(crate) fn show_more(covers: &[PathBuf], visible: &[Shown<'_>]) -> Result<(), SysError> {
    let mut visible: Vec<_> = visible.iter().collect();
    visible.sort_by_key(|shown| depth(shown.path));
    for shown in visible {
        make_place(shown)?;
        shown.attach()?;
        for path in covers {
            if path != shown.path && path.starts_with(shown.path) && path.is_dir() {
                cover_whole(path)?;
            }
        }
    }
    Ok(())
}

/// Makes the place for a folder in a read-only mount, of which this process has a copy that it may
/// write to.
fn make_place(shown: &Shown<'_>) -> Result<(), SysError> {
    if shown.path.exists() {
        return Ok(());
    }
    let above = shown.path.ancestors().skip(1).find(|path| path.exists());
    for path in above.unwrap_or(Path::new("/")).ancestors() {
        if is_mounted(path)? {
            let copy = open_path(path)?;
            change_attributes(&copy, 0, libc::MOUNT_ATTR_RDONLY, false)?;
            mount_point(shown.path, shown.is_dir)?;
            // where it was writable it stays so in the pod, whose mount this is not
            return set_attributes(&copy, libc::MOUNT_ATTR_RDONLY, false);
        }
    }
    mount_point(shown.path, shown.is_dir)
}

/// Makes the place something is mounted on. The process is inside the pod's root: no path leads
/// out of it.
pub(crate) fn mount_point(path: &Path, is_dir: bool) -> Result<(), SysError> {
    if path.components().any(|part| part == Component::ParentDir) || !path.is_absolute() {
        return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput))
            .doing(|| format!("mount at {}", path.display()));
    }
    if is_dir {
        return fs::create_dir_all(path).doing(|| format!("make {}", path.display()));
    }
    if path.exists() {
        return Ok(());
    }
    write_file(path, "")
}
