//! New texts beside the files that they are for, until all are there.

use std::fs::{File, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Names that are tried; that even one is taken is no accident.
const TRIES: usize = 8;

/// A new text of a file, in a file beside it; gone with this value, unless it is put in place.
pub(super) struct Staged {
    path: PathBuf,
    aside: PathBuf,
}

impl Staged {
    /// Writes the text, with the owner, the group and the mode of the file where that can be.
    pub(super) fn new(path: &Path, text: &str) -> Result<Self> {
        // the file itself, where the path is a link
        let path = path.canonicalize()?;
        if !path.metadata()?.is_file() {
            return Err(Error::other("this is no file, and cannot be replaced"));
        }
        // who may not write into it is not to replace it
        let about = OpenOptions::new().write(true).open(&path)?.metadata()?;
        let (mut file, staged) = Self::create(path)?;
        file.write_all(text.as_bytes())?;
        // only root may give files away, and others to a group that they are in
        if fchown(&file, Some(about.uid()), Some(about.gid())).is_err() {
            let _ = fchown(&file, None, Some(about.gid()));
        }
        file.set_permissions(Permissions::from_mode(about.mode() & 0o7777))?;
        file.sync_all()?;
        Ok(staged)
    }

    fn create(path: PathBuf) -> Result<(File, Self)> {
        for _ in 0..TRIES {
            let drawn = RandomState::new().build_hasher().finish();
            let aside = path.with_file_name(format!(".podward-{drawn:016x}"));
            let made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&aside);
            match made {
                Ok(file) => return Ok((file, Self { path, aside })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Puts the text in the place of the file's, at once: who reads sees the old one or the new one.
    pub(super) fn put(self) -> Result<()> {
        std::fs::rename(&self.aside, &self.path)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // once it is in place, there is nothing of this name
        let _ = std::fs::remove_file(&self.aside);
    }
}
