//! Mounts, in a mount namespace of podward's own.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
    mount_change, move_mount, open_tree, unmount,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::{Doing, SysError};

/// Moves this process into a mount namespace of its own, from which nothing propagates to the host. The
/// kernel drops every mount made in it when the last process in it ends, however it ends.
///
/// # Errors
/// Without CAP_SYS_ADMIN. The process must have one thread.
pub fn enter_own_mount_namespace() -> Result<(), SysError> {
    // SAFETY: NEWNS alone shares no file table, and the process has one thread.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.doing(|| "make a mount namespace".into())?;
    make_private()
}

pub(crate) fn make_private() -> Result<(), SysError> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .doing(|| "make the mounts private".into())
}

/// Mounts a tmpfs (noexec, nosuid, nodev) of at most `size` bytes with the given mode of its root.
///
/// # Errors
/// When the kernel refuses.
pub fn mount_tmpfs(target: &Path, size: u64, mode: u32) -> Result<(), SysError> {
    tmpfs(
        target,
        size,
        mode,
        MountFlags::NOEXEC | MountFlags::NOSUID | MountFlags::NODEV,
    )
}

pub(crate) fn tmpfs(
    target: &Path,
    size: u64,
    mode: u32,
    flags: MountFlags,
) -> Result<(), SysError> {
    let options = format!("size={size},mode={mode:o}\0");
    let options = CStr::from_bytes_with_nul(options.as_bytes())
        .map_err(|e| std::io::Error::new(std::io::ErrorKind::InvalidInput, e));
    let options = options.doing(|| "mount options".into())?;
    mount("tmpfs", target, "tmpfs", flags, options)
        .doing(|| format!("mount a tmpfs on {}", target.display()))
}

/// Whether something is mounted right at `path`.
///
/// # Errors
/// When the path cannot be looked at; a missing path is `false`.
pub fn is_mounted(path: &Path) -> Result<bool, SysError> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    match statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty()) {
        Ok(found) => Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(e) => Err(e).doing(|| format!("look at {}", path.display())),
    }
}

/// Unmounts all that is mounted at `path`, without waiting for users of it.
///
/// # Errors
/// When the kernel refuses; nothing mounted is no error.
pub fn unmount_all(path: &Path) -> Result<(), SysError> {
    while is_mounted(path)? {
        unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
            .doing(|| format!("unmount {}", path.display()))?;
    }
    Ok(())
}

/// A detached copy of the mount tree at `path`.
pub(crate) fn clone_tree(path: &Path) -> Result<OwnedFd, SysError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(rustix::fs::CWD, path, flags).doing(|| format!("open the tree at {}", path.display()))
}

/// A detached copy of the mount tree at a path below `root`, out of which no link leads; and whether it
/// is a folder. With `make`, a folder is made where there is nothing.
pub(crate) fn clone_below(
    root: &Path,
    path: &Path,
    make: bool,
) -> Result<(OwnedFd, bool), SysError> {
    use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat2};
    let shown = || format!("open {} below {}", path.display(), root.display());
    let base = open_path(root)?;
    let open = |path: &Path| {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        openat2(&base, path, flags, Mode::empty(), within)
    };
    let mut above = open(Path::new(".")).doing(shown)?;
    let mut walked = std::path::PathBuf::new();
    for part in path.components() {
        walked.push(part);
        above = match open(&walked) {
            Err(rustix::io::Errno::NOENT) if make => {
                mkdirat(&above, part.as_os_str(), Mode::from_raw_mode(0o755)).doing(shown)?;
                open(&walked).doing(shown)?
            }
            found => found.doing(shown)?,
        };
    }
    let kind = FileType::from_raw_mode(fstat(&above).doing(shown)?.st_mode);
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(&above, "", flags).doing(shown)?;
    Ok((tree, kind == FileType::Directory))
}

/// A descriptor of a folder or mount, for its attributes.
pub(crate) fn open_path(path: &Path) -> Result<OwnedFd, SysError> {
    rustix::fs::open(
        path,
        rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )
    .doing(|| format!("open {}", path.display()))
}

/// Attaches a detached tree at `target`.
pub(crate) fn attach(tree: &OwnedFd, target: &Path) -> Result<(), SysError> {
    move_mount(
        tree,
        "",
        rustix::fs::CWD,
        target,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .doing(|| format!("mount at {}", target.display()))
}

/// Sets attributes (`libc::MOUNT_ATTR_*`) on a whole tree.
pub(crate) fn set_attributes(tree: impl AsFd, set: u64, recursive: bool) -> Result<(), SysError> {
    change_attributes(tree, set, 0, recursive)
}

/// Sets and clears attributes.
pub(crate) fn change_attributes(
    tree: impl AsFd,
    set: u64,
    clear: u64,
    recursive: bool,
) -> Result<(), SysError> {
    let attributes = libc::mount_attr {
        attr_set: set,
        attr_clr: clear,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the descriptor is open, the path is an empty C string, the struct lives over the call and its
    // size is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error()).doing(|| "set mount attributes".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_leads_out_of_a_volume() {
        let volume = std::env::temp_dir().join(format!("podward-below-{}", std::process::id()));
        std::fs::create_dir_all(volume.join("..data")).unwrap();
        std::fs::write(volume.join("..data/key"), "value").unwrap();
        for (target, link) in [("..data/key", "key"), ("/etc", "absolute"), ("../..", "up")] {
            let _ = std::os::unix::fs::symlink(target, volume.join(link));
        }
        let refused = |path: &str| {
            let error = clone_below(&volume, Path::new(path), true).unwrap_err();
            error.io().raw_os_error()
        };
        for path in [
            "absolute",
            "absolute/passwd",
            "up",
            "up/etc",
            "../x",
            "/etc",
        ] {
            assert_eq!(refused(path), Some(libc::EXDEV), "{path}");
        }
        // what is found is opened by its descriptor, which needs the right to mount
        let key = clone_below(&volume, Path::new("key"), false);
        assert!(
            matches!(&key, Ok((_, false)))
                || key.is_err_and(|e| { e.io().kind() == std::io::ErrorKind::PermissionDenied })
        );
        std::fs::remove_dir_all(volume).unwrap();
    }
}
