//! Where `up` keeps what it needs again, and where others find it.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::report::Report;

/// The state folder of one running `up`.
#[derive(Clone, Debug)]
pub(crate) struct State {
    folder: PathBuf,
}

/// Parent of all state folders.
fn base() -> PathBuf {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("podward")
}

impl State {
    /// The folder for the manifests in `directory`: the given one, or one of its own below the user's state folder.
    pub(crate) fn for_directory(given: Option<&Path>, directory: &Path) -> Result<Self, Report> {
        let folder = match given {
            Some(folder) => std::path::absolute(folder)
                .map_err(|e| Report::new(e).at(&folder.to_string_lossy(), None))?,
            None => {
                let name = directory
                    .to_string_lossy()
                    .trim_matches('/')
                    .replace('/', "-");
                base().join(if name.is_empty() { "root".into() } else { name })
            }
        };
        Ok(Self { folder })
    }

    /// The folder of `podward cloud`: the given one, or one of its own below the user's state folder.
    pub(crate) fn of_cloud(given: Option<&Path>, in_memory: bool) -> Result<Self, Report> {
        let own = if in_memory {
            "cloud-in-memory"
        } else {
            "cloud"
        };
        let folder = match given {
            Some(folder) => std::path::absolute(folder)
                .map_err(|e| Report::new(e).at(&folder.to_string_lossy(), None))?,
            None => base().join(own),
        };
        Ok(Self { folder })
    }

    /// The folder of the `up` that runs: the given one, or the only one that has a control socket.
    pub(crate) fn running(given: Option<&Path>) -> Result<Self, Report> {
        if let Some(folder) = given {
            return Ok(Self {
                folder: folder.to_owned(),
            });
        }
        let mut found: Vec<PathBuf> = std::fs::read_dir(base())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| {
                std::os::unix::net::UnixStream::connect(path.join("control.sock")).is_ok()
            })
            .collect();
        match (found.pop(), found.is_empty()) {
            (Some(folder), true) => Ok(Self { folder }),
            (Some(_), false) => Err(Report::new("several `podward up` are running")
                .help("name the one you mean by --state FOLDER")),
            (None, _) => Err(Report::new("no `podward up` of this user is running")
                .help("start one in another terminal: podward up DIR")),
        }
    }

    /// The folder of the newest log: that of the running `up`, or the one written last.
    pub(crate) fn latest(given: Option<&Path>) -> Result<Self, Report> {
        if let Ok(state) = Self::running(given) {
            return Ok(state);
        }
        std::fs::read_dir(base())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.join("access").is_dir())
            .max_by_key(|path| path.metadata().and_then(|m| m.modified()).ok())
            .map(|folder| Self { folder })
            .ok_or_else(|| {
                Report::new("there is no access log yet").help("`podward up DIR` makes one")
            })
    }

    /// Makes the folder, for this user alone.
    pub(crate) fn make(&self) -> Result<(), Report> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|e| {
                Report::new(format!("cannot make the state folder: {e}"))
                    .at(&self.folder.to_string_lossy(), None)
            })
    }

    /// Takes the folder for this process; released when it ends, however it ends.
    pub(crate) fn only(&self, command: &str) -> Result<File, Report> {
        let at = self.folder.to_string_lossy().into_owned();
        let file = File::create(self.lock()).map_err(|e| Report::new(e).at(&at, None))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(_) => {
                Err(Report::new(format!("another `{command}` runs on this folder")).at(&at, None))
            }
        }
    }

    /// Whether a process has the folder.
    pub(crate) fn is_taken(&self) -> bool {
        File::open(self.lock()).is_ok_and(|file| file.try_lock().is_err())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    pub(crate) fn access(&self) -> PathBuf {
        self.folder.join("access")
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Mount point of what must not outlive `up`.
    pub(crate) fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// What a running `cloud` tells others of itself.
    pub(crate) fn addresses(&self) -> PathBuf {
        self.folder.join("addresses.json")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }
}
