//! Files that change all at once: readers see the old set or the new one, never a mix. The layout is the
//! kubelet's own (`..data` and links through it), so that programs that watch it keep working.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

/// What a volume holds: path below its root, mode, content.
pub type Payload = BTreeMap<String, (u32, Zeroizing<Vec<u8>>)>;

/// A volume could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A path that could leave the volume or that the layout uses itself.
    #[error("invalid path {0:?}: must be relative and clean, and must not start with '..'")]
    Path(String),
    /// The file system refused.
    #[error("write {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

const DATA: &str = "..data";
const DATA_TMP: &str = "..data_tmp";

/// Writes the payload; `true` if anything changed. Every file and folder gets the group, where one is given.
///
/// # Errors
/// When a path is no good or the file system refuses; what was there stays in force.
pub fn write(root: &Path, payload: &Payload, group: Option<u32>) -> Result<bool, WriteError> {
    for path in payload.keys() {
        check(path)?;
    }
    if unchanged(root, payload) {
        return Ok(false);
    }
    let stamp = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.as_nanos());
    let name = format!("..{stamp}");
    let folder = root.join(&name);
    make_folder(&folder, group)?;
    for (path, (mode, contents)) in payload {
        let file = folder.join(path);
        let mut made = folder.clone();
        for part in Path::new(path)
            .parent()
            .into_iter()
            .flat_map(Path::components)
        {
            made.push(part);
            if !made.is_dir() {
                make_folder(&made, group)?;
            }
        }
        let at = |source| WriteError::Io {
            path: file.clone(),
            source,
        };
        fs::write(&file, contents).map_err(at)?;
        own(&file, *mode, group)?;
    }
    let old = fs::read_link(root.join(DATA)).ok();
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::Io { path, source }
    };
    let swap = root.join(DATA_TMP);
    let _ = fs::remove_file(&swap);
    symlink(&name, &swap).map_err(at(&swap))?;
    fs::rename(&swap, root.join(DATA)).map_err(at(&root.join(DATA)))?;
    link_first_components(root, payload)?;
    if let Some(old) = old.filter(|old| old.components().count() == 1) {
        let old = root.join(old);
        fs::remove_dir_all(&old).map_err(at(&old))?;
    }
    Ok(true)
}

fn check(path: &str) -> Result<(), WriteError> {
    let bad = path.is_empty()
        || path.len() > 4096
        || path.starts_with("..")
        || path
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == ".." || part.len() > 255);
    if bad {
        Err(WriteError::Path(path.into()))
    } else {
        Ok(())
    }
}

/// Whether the volume holds just this already; contents count, modes do not.
fn unchanged(root: &Path, payload: &Payload) -> bool {
    fn count(folder: &Path) -> usize {
        let Ok(entries) = fs::read_dir(folder) else {
            return 0;
        };
        entries
            .flatten()
            .map(|entry| {
                if entry.file_type().is_ok_and(|t| t.is_dir()) {
                    count(&entry.path())
                } else {
                    1
                }
            })
            .sum()
    }
    let data = root.join(DATA);
    data.is_dir()
        && count(&data) == payload.len()
        && payload.iter().all(|(path, (_, contents))| {
            fs::read(data.join(path)).is_ok_and(|held| *Zeroizing::new(held) == **contents)
        })
}

fn own(path: &Path, mode: u32, group: Option<u32>) -> Result<(), WriteError> {
    let at = |source| WriteError::Io {
        path: path.to_owned(),
        source,
    };
    if group.is_some() {
        podward_sys::chown(path, None, group).map_err(|e| at(io::Error::other(e.to_string())))?;
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(at)
}

fn make_folder(path: &Path, group: Option<u32>) -> Result<(), WriteError> {
    fs::create_dir(path).map_err(|source| WriteError::Io {
        path: path.to_owned(),
        source,
    })?;
    own(path, if group.is_some() { 0o2755 } else { 0o755 }, group)
}

/// Links what users see at the root to the data, and drops links to what is gone.
fn link_first_components(root: &Path, payload: &Payload) -> Result<(), WriteError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::Io { path, source }
    };
    let wanted: std::collections::BTreeSet<&str> = payload
        .keys()
        .filter_map(|path| path.split('/').next())
        .collect();
    for name in &wanted {
        let link = root.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), &link).map_err(at(&link))?;
        }
    }
    for entry in fs::read_dir(root).map_err(at(root))? {
        let entry = entry.map_err(at(root))?;
        let name = entry.file_name();
        let stale = name
            .to_str()
            .is_some_and(|name| !name.starts_with("..") && !wanted.contains(name));
        if stale && entry.file_type().is_ok_and(|t| t.is_symlink()) {
            fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        files
            .iter()
            .map(|(path, text)| {
                (
                    (*path).to_owned(),
                    (0o644, Zeroizing::new(text.as_bytes().to_vec())),
                )
            })
            .collect()
    }

    #[test]
    fn a_change_swaps_everything_and_leaves_nothing() {
        let root = std::env::temp_dir().join(format!("podward-writer-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir(&root).unwrap();
        assert!(write(&root, &payload(&[("a", "1"), ("d/b", "2")]), None).unwrap());
        assert_eq!(fs::read_to_string(root.join("d/b")).unwrap(), "2");
        assert!(!write(&root, &payload(&[("a", "1"), ("d/b", "2")]), None).unwrap());
        assert!(write(&root, &payload(&[("a", "3")]), None).unwrap());
        assert_eq!(fs::read_to_string(root.join("a")).unwrap(), "3");
        assert!(!root.join("d").exists());
        // ..data, the folder it leads to, and the link of a
        assert_eq!(fs::read_dir(&root).unwrap().count(), 3);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn no_path_leaves_the_volume() {
        for path in ["", "/etc/passwd", "../x", "a/../b", "..data", "a//b", "./a"] {
            assert!(
                matches!(
                    write(Path::new("/nonexistent"), &payload(&[(path, "")]), None),
                    Err(WriteError::Path(_))
                ),
                "{path}"
            );
        }
    }
}
