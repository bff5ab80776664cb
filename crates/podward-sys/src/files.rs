//! Ownership and modes, as a kubelet sets them.

use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Gid, Uid, chownat};

use crate::{Doing, SysError};

/// Changes owner and group of one file or folder, not following a symbolic link.
///
/// # Errors
/// When the kernel refuses.
pub fn chown(path: &Path, uid: Option<u32>, gid: Option<u32>) -> Result<(), SysError> {
    chownat(
        CWD,
        path,
        uid.map(Uid::from_raw),
        gid.map(Gid::from_raw),
        AtFlags::SYMLINK_NOFOLLOW,
    )
    .doing(|| format!("change the owner of {}", path.display()))
}

/// Gives a volume to `fsGroup`: group set, readable by it (and writable unless `read_only`), folders setgid,
/// everything below likewise.
///
/// # Errors
/// When the kernel refuses.
pub fn apply_fs_group(path: &Path, gid: u32, read_only: bool) -> Result<(), SysError> {
    let metadata =
        std::fs::symlink_metadata(path).doing(|| format!("look at {}", path.display()))?;
    chown(path, None, Some(gid))?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let wanted = if read_only { 0o440 } else { 0o660 };
    let mut mode = (metadata.permissions().mode() & 0o7777) | wanted;
    if metadata.is_dir() {
        mode |= 0o2110;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .doing(|| format!("change the mode of {}", path.display()))?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).doing(|| format!("list {}", path.display()))? {
            let entry = entry.doing(|| format!("list {}", path.display()))?;
            apply_fs_group(&entry.path(), gid, read_only)?;
        }
    }
    Ok(())
}

/// The user of this process.
#[must_use]
pub fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

/// The user at the other end of a unix socket.
///
/// # Errors
/// When it is no unix socket.
pub fn peer_uid(socket: impl AsFd) -> Result<u32, SysError> {
    rustix::net::sockopt::socket_peercred(socket)
        .map(|peer| peer.uid.as_raw())
        .doing(|| "ask who the peer is".into())
}
