//! A root for an ordinary user: an overlay would have to give copies of folders to an owner who is
//! not in the user's namespace. Instead every entry of the host's root is mounted by itself, and a
//! folder in which something is to be put is made anew, with the entries of the host's in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use rustix::mount::MountFlags;

use crate::mounts::{attach, clone_tree, set_attributes, tmpfs};
use crate::{Doing, SysError};

/// Bytes of the folders that are made.
const SIZE: u64 = 64 << 20;
/// Folders of the root that hold nothing of the host's.
const EMPTY: [&str; 5] = ["dev", "proc", "run", "sys", "tmp"];
/// Links followed on one path (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// What is to be put into the root.
pub(crate) struct Wanted {
    /// Where something is mounted.
    pub(crate) targets: Vec<PathBuf>,
    /// Files that are written.
    pub(crate) files: Vec<PathBuf>,
}

/// Lays the root at `root`, an empty folder.
pub(crate) fn lay_root(root: &Path, wanted: &Wanted) -> Result<(), SysError> {
    tmpfs(root, SIZE, 0o755, MountFlags::NOSUID | MountFlags::NODEV)?;
    let real = |paths: &[PathBuf]| paths.iter().map(|path| resolve(path)).collect();
    let wanted = Wanted {
        targets: real(&wanted.targets),
        files: real(&wanted.files),
    };
    fill(Path::new("/"), root, &wanted)
}

/// A path with the links of the host's root followed, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let mut done = PathBuf::from("/");
    let mut rest: Vec<_> = path.components().rev().map(own).collect();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next() {
            Some(Component::Normal(name)) => done.push(name),
            Some(Component::ParentDir) => {
                done.pop();
            }
            Some(Component::RootDir) => done = PathBuf::from("/"),
            _ => {}
        }
        if links < MAX_LINKS
            && let Ok(target) = fs::read_link(&done)
        {
            links += 1;
            done.pop();
            rest.extend(target.components().rev().map(own));
        }
    }
    done
}

fn own(component: Component<'_>) -> std::ffi::OsString {
    component.as_os_str().to_owned()
}

/// Fills the folder `inside` with what the host's folder `host` has.
fn fill(host: &Path, inside: &Path, wanted: &Wanted) -> Result<(), SysError> {
    let entries = fs::read_dir(host).doing(|| format!("list {}", host.display()))?;
    for entry in entries {
        let entry = entry.doing(|| format!("list {}", host.display()))?;
        let (path, place) = (entry.path(), inside.join(entry.file_name()));
        let kind = entry
            .file_type()
            .doing(|| format!("look at {}", path.display()))?;
        let at = || format!("make {}", place.display());
        if wanted.files.contains(&path) {
            continue;
        }
        if kind.is_symlink() {
            let target = fs::read_link(&path).doing(|| format!("read {}", path.display()))?;
            symlink(target, &place).doing(at)?;
        } else if kind.is_dir() {
            fs::create_dir(&place).doing(at)?;
            let is_empty =
                host == Path::new("/") && EMPTY.map(OsStr::new).contains(&&*entry.file_name());
            if is_empty {
                continue;
            }
            let below = wanted
                .targets
                .iter()
                .chain(&wanted.files)
                .any(|target| target != &path && target.starts_with(&path));
            if below && fs::read_dir(&path).is_ok() {
                fill(&path, &place, wanted)?;
            } else {
                bind(&path, &place)?;
            }
        } else if kind.is_file() {
            fs::write(&place, []).doing(at)?;
            bind(&path, &place)?;
        }
    }
    Ok(())
}

fn bind(path: &Path, place: &Path) -> Result<(), SysError> {
    let tree = clone_tree(path)?;
    set_attributes(&tree, libc::MOUNT_ATTR_RDONLY, true)?;
    attach(&tree, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_as_far_as_the_path_exists() {
        let folder = std::env::temp_dir().join(format!("podward-binds-{}", std::process::id()));
        fs::create_dir_all(folder.join("real")).unwrap();
        let _ = fs::remove_file(folder.join("link"));
        symlink("real", folder.join("link")).unwrap();
        let base = resolve(&folder);
        assert_eq!(resolve(&folder.join("link/a/b")), base.join("real/a/b"));
        assert_eq!(resolve(&folder.join("link/../x")), base.join("x"));
        fs::remove_dir_all(folder).unwrap();
    }
}
