//! Where everything of the cluster is: files, addresses, names.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::shell::target;

/// The node's name.
pub(super) const NODE: &str = "node1";
/// Where containerd listens, seen from inside.
pub(super) const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// The folders below `target/cluster`. `run` is made anew by each start; `cache` is kept.
#[derive(Clone)]
pub(crate) struct Layout {
    folder: PathBuf,
    /// Two clusters of two checkouts on one machine have different numbers, and so different addresses.
    number: u8,
}

impl Layout {
    /// That of this checkout, with the number of the running cluster or, if none runs, 0.
    pub(crate) fn find() -> Self {
        let folder = target().join("cluster");
        let written = fs::read_to_string(folder.join("run").join("number"));
        let number = written.ok().and_then(|text| text.trim().parse().ok());
        Self {
            folder,
            number: number.unwrap_or(0),
        }
    }

    /// The same with another number.
    pub(super) fn numbered(&self, number: u8) -> Self {
        let folder = self.folder.clone();
        Self { folder, number }
    }

    /// Writes the number down, for what comes later.
    pub(super) fn keep(&self) -> Result<(), String> {
        write(&self.run().join("number"), self.number.to_string())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.folder.join("run")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.run().join("logs")
    }

    pub(super) fn log(&self, component: &str) -> PathBuf {
        self.logs().join(format!("{component}.log"))
    }

    /// Holds the process id of a component, as it is inside.
    pub(super) fn pid(&self, component: &str) -> PathBuf {
        self.run().join("pids").join(component)
    }

    /// Exists when a component has ended; holds its exit status.
    pub(super) fn exit(&self, component: &str) -> PathBuf {
        self.run().join("pids").join(format!("{component}.exit"))
    }

    /// Exists when the cluster has been ready.
    pub(super) fn ready(&self) -> PathBuf {
        self.run().join("ready")
    }

    pub(super) fn pki(&self, file: &str) -> String {
        text(&self.run().join("pki").join(file))
    }

    pub(super) fn config(&self, file: &str) -> PathBuf {
        self.run().join("config").join(file)
    }

    /// Programs that are found by their names.
    pub(crate) fn bin(&self) -> PathBuf {
        self.run().join("bin")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.run().join("kubeconfig")
    }

    /// What kubectl keeps of its questions, which would be in a folder of the user's.
    pub(crate) fn kubectl_cache(&self) -> PathBuf {
        self.run().join("kubectl-cache")
    }

    /// Of the bridge, and with it of the node and of the API server.
    pub(crate) fn node_address(&self) -> String {
        format!("10.244.{}.1", self.number)
    }

    pub(crate) fn pods(&self) -> String {
        format!("10.244.{}.0/24", self.number)
    }

    pub(crate) fn services(&self) -> String {
        format!("10.96.{}.0/24", self.number)
    }

    /// The first address of the Services is the API server's.
    pub(super) fn service_address(&self) -> String {
        format!("10.96.{}.1", self.number)
    }

    pub(super) fn dns_address(&self) -> String {
        format!("10.96.{}.10", self.number)
    }

    /// By which pods and the API server reach this machine.
    pub(crate) fn host_address(&self) -> String {
        format!("10.245.{}.1", self.number)
    }

    /// The other end.
    pub(super) fn uplink_address(&self) -> String {
        format!("10.245.{}.2", self.number)
    }

    /// The link on this machine.
    pub(crate) fn link(&self) -> String {
        format!("podward{}", self.number)
    }

    /// The folder in each hierarchy of control groups. Each checkout has its own.
    pub(crate) fn control_group(&self) -> Result<String, String> {
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let known = fs::metadata(&self.folder).map_err(at(&self.folder))?;
        Ok(format!("podward-{}", known.ino()))
    }

    pub(super) fn server(&self) -> String {
        format!("https://{}:6443", self.node_address())
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// An error with its place.
pub(crate) fn at(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |e| format!("{}: {e}", path.display())
}

/// Writes a file, and the folders above it.
pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), String> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(at(folder))?;
    }
    fs::write(path, content).map_err(at(path))
}
