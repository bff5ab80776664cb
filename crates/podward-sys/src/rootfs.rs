//! A container's root: the host's own files underneath, everything written goes to memory.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{chdir, pivot_root};

use crate::binds::{Wanted, lay_root};
use crate::mounts::{
    attach, clone_below, clone_tree, is_mounted, make_private, open_path, set_attributes, tmpfs,
};
use crate::shown::{Shown, cover_whole, lay, mount_point};
use crate::{ContainerSpec, Doing, Ids, SysError};

/// Upper bound of what a container may write to its root and `/tmp`, bytes.
const WRITABLE_SIZE: u64 = 256 << 20;
/// Folders of the host that hold run-time state of others and are replaced by empty ones.
const FRESH: [&str; 3] = ["/tmp", "/run", "/var/tmp"];
/// Masked and read-only paths of `/proc`, as containerd sets them.
const MASKED: [&str; 11] = [
    "acpi",
    "asound",
    "kcore",
    "keys",
    "latency_stats",
    "timer_list",
    "timer_stats",
    "sched_debug",
    "scsi",
    "interrupts",
    "sysrq-trigger",
];
const READ_ONLY: [&str; 4] = ["bus", "fs", "irq", "sys"];
/// Devices every container has.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Builds the root in this process's new mount namespace and moves into it. The process is PID 1 of its
/// own PID namespace.
pub(crate) fn enter_root(spec: &ContainerSpec) -> Result<(), SysError> {
    make_private()?;
    // sources are opened before anything hides them
    let mut volumes = Vec::with_capacity(spec.binds.len());
    for bind in &spec.binds {
        let (tree, is_dir) = match &bind.sub_path {
            None => (clone_tree(&bind.source)?, bind.source.is_dir()),
            Some(path) => clone_below(&bind.source, path, !bind.read_only)?,
        };
        if bind.read_only {
            set_attributes(&tree, libc::MOUNT_ATTR_RDONLY, true)?;
        }
        volumes.push((tree, bind, is_dir));
    }
    let visible = spec
        .visible
        .iter()
        .map(|path| Shown::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    let as_root = spec.ids == Ids::All;
    let mut devices = Vec::new();
    for name in DEVICES {
        let path = Path::new("/dev").join(name);
        devices.push((clone_tree(&path)?, path));
    }
    let others = if as_root {
        other_file_systems()?
    } else {
        Vec::new()
    };
    let other_trees = others
        .iter()
        .map(|path| clone_tree(path))
        .collect::<Result<Vec<_>, _>>()?;

    let new_root = spec.scratch.join("root");
    if as_root {
        overlay(&spec.scratch)?;
    } else {
        let wanted = Wanted {
            targets: spec.binds.iter().map(|bind| bind.target.clone()).collect(),
            files: spec.files.iter().map(|file| file.path.clone()).collect(),
        };
        fs::create_dir(&new_root).doing(|| format!("make {}", new_root.display()))?;
        lay_root(&new_root, &wanted)?;
    }
    for (tree, path) in other_trees.iter().zip(&others) {
        set_attributes(tree, libc::MOUNT_ATTR_RDONLY, true)?;
        let inside = new_root.join(path.strip_prefix("/").unwrap_or(path));
        if inside.is_dir() {
            attach(tree, &inside)?;
        }
    }
    kernel_file_systems(&new_root)?;
    chdir(&new_root).doing(|| "enter the new root".into())?;
    pivot_root(".", ".").doing(|| "change the root".into())?;
    unmount(".", UnmountFlags::DETACH).doing(|| "leave the old root".into())?;
    chdir("/").doing(|| "enter the new root".into())?;

    device_folder(&devices)?;
    restrict_proc(spec)?;
    for path in FRESH {
        if Path::new(path).is_dir() && !fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
            tmpfs(
                Path::new(path),
                WRITABLE_SIZE,
                0o1777,
                MountFlags::NOSUID | MountFlags::NODEV,
            )?;
        }
    }
    let covers = lay(&spec.covers, &visible)?;
    for (tree, bind, is_dir) in &volumes {
        mount_point(&bind.target, *is_dir)?;
        attach(tree, &bind.target)?;
        for path in &bind.covers {
            cover_whole(&bind.target.join(path))?;
        }
    }
    for file in &spec.files {
        write_file(&file.path, &file.text)?;
    }
    for path in covers {
        let cover = open_path(path)?;
        set_attributes(&cover, libc::MOUNT_ATTR_RDONLY, false)?;
    }
    let read_only: &[&str] = match (spec.read_only_root, as_root || spec.security.uid == 0) {
        (true, _) => &["/tmp", "/run", "/var/tmp", "/"],
        (false, true) => &[],
        // folders of the root that were made anew belong to the user; of the host's they would not
        (false, false) => &["/"],
    };
    for path in read_only {
        let path = Path::new(path);
        if is_mounted(path)? {
            set_attributes(open_path(path)?, libc::MOUNT_ATTR_RDONLY, false)?;
        }
    }
    Ok(())
}

/// The host's `/` below, an upper layer in memory above.
fn overlay(scratch: &Path) -> Result<(), SysError> {
    tmpfs(
        scratch,
        WRITABLE_SIZE,
        0o700,
        MountFlags::NOSUID | MountFlags::NODEV,
    )?;
    for (name, mode) in [("upper", 0o755), ("work", 0o700), ("root", 0o755)] {
        let path = scratch.join(name);
        fs::create_dir(&path).doing(|| format!("make {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .doing(|| format!("make {}", path.display()))?;
    }
    let layers = |user: &str| {
        let at = scratch.display();
        std::ffi::CString::new(format!(
            "lowerdir=/,upperdir={at}/upper,workdir={at}/work{user}"
        ))
        .map_err(std::io::Error::other)
        .doing(|| "overlay options".into())
    };
    let root = scratch.join("root");
    let mount_with =
        |options: &std::ffi::CStr| mount("overlay", &root, "overlay", MountFlags::NODEV, options);
    // a user namespace may only keep overlay's marks in user attributes
    mount_with(&layers(",userxattr")?)
        .or_else(|_| {
            layers("").map_or(Err(rustix::io::Errno::INVAL), |options| {
                mount_with(&options)
            })
        })
        .doing(|| "lay the root over the host's files".into())
}

/// Mounts of disks other than the root, which an overlay does not show.
fn other_file_systems() -> Result<Vec<PathBuf>, SysError> {
    let table =
        fs::read_to_string("/proc/self/mountinfo").doing(|| "read the mount table".into())?;
    let hidden = [
        "/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/boot", "/mnt", "/media",
    ];
    Ok(table
        .lines()
        .filter_map(|line| {
            let (front, back) = line.split_once(" - ")?;
            let path = Path::new(front.split(' ').nth(4)?);
            let kind = back.split(' ').next()?;
            let is_disk = [
                "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "nfs", "nfs4", "9p",
                "virtiofs",
            ];
            let shown = path != Path::new("/") && !hidden.iter().any(|h| path.starts_with(h));
            (is_disk.contains(&kind) && shown).then(|| path.to_owned())
        })
        .collect())
}

/// Flags of what holds nothing to run.
fn inert() -> MountFlags {
    MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC
}

/// Mounts `/proc` and `/sys` while the host's own are still there to be seen: without them the
/// kernel gives an ordinary user none.
fn kernel_file_systems(root: &Path) -> Result<(), SysError> {
    mount("proc", root.join("proc"), "proc", inert(), None).doing(|| "mount /proc".into())?;
    let sys = root.join("sys");
    mount("sysfs", &sys, "sysfs", inert() | MountFlags::RDONLY, None)
        .doing(|| "mount /sys".into())
        .or_else(|_| tmpfs(&sys, 4096, 0o555, inert() | MountFlags::RDONLY))
}

/// Sets the pod's sysctls and hides what containerd hides.
fn restrict_proc(spec: &ContainerSpec) -> Result<(), SysError> {
    for (name, value) in &spec.sysctls {
        let path = Path::new("/proc/sys").join(name.replace('.', "/"));
        fs::write(&path, value).doing(|| format!("set the sysctl {name}"))?;
    }
    if spec.unmasked_proc {
        return Ok(());
    }
    for name in READ_ONLY {
        let path = Path::new("/proc").join(name);
        if path.exists() {
            let tree = clone_tree(&path)?;
            set_attributes(&tree, libc::MOUNT_ATTR_RDONLY, true)?;
            attach(&tree, &path)?;
        }
    }
    for name in MASKED {
        let path = Path::new("/proc").join(name);
        if path.is_dir() {
            tmpfs(&path, 4096, 0o555, inert() | MountFlags::RDONLY)?;
        } else if path.exists() {
            attach(&clone_tree(Path::new("/dev/null"))?, &path)?;
        }
    }
    Ok(())
}

fn device_folder(devices: &[(std::os::fd::OwnedFd, PathBuf)]) -> Result<(), SysError> {
    tmpfs(
        Path::new("/dev"),
        64 << 10,
        0o755,
        MountFlags::NOSUID | MountFlags::NOEXEC,
    )?;
    for (tree, path) in devices {
        fs::write(path, []).doing(|| format!("make {}", path.display()))?;
        attach(tree, path)?;
    }
    for (link, target) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "fd/0"),
        ("stdout", "fd/1"),
        ("stderr", "fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        symlink(target, Path::new("/dev").join(link)).doing(|| format!("make /dev/{link}"))?;
    }
    fs::create_dir("/dev/pts").doing(|| "make /dev/pts".into())?;
    fs::create_dir("/dev/shm").doing(|| "make /dev/shm".into())?;
    mount(
        "devpts",
        "/dev/pts",
        "devpts",
        MountFlags::NOSUID | MountFlags::NOEXEC,
        c"newinstance,ptmxmode=0666,mode=0620",
    )
    .doing(|| "mount /dev/pts".into())?;
    tmpfs(
        Path::new("/dev/shm"),
        64 << 20,
        0o1777,
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
    )
}

/// Writes a file of the root that everyone may read.
pub(crate) fn write_file(path: &Path, text: &str) -> Result<(), SysError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).doing(|| format!("make {}", parent.display()))?;
    }
    // a link of the host's (resolv.conf) must not be written through
    if fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
        fs::remove_file(path).doing(|| format!("replace {}", path.display()))?;
    }
    fs::write(path, text).doing(|| format!("write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644))
        .doing(|| format!("write {}", path.display()))
}
