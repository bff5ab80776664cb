//! What a container is to be: decided by `up`, carried out by its init process.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{CapabilitySets, Ids};

/// One container, ready to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Host name in its own UTS namespace.
    pub hostname: String,
    /// Existing empty folder on which the root is built, in a mount namespace that no one else sees.
    pub scratch: PathBuf,
    /// Volumes, in the order of their mounting.
    pub binds: Vec<Bind>,
    /// Folders that an empty, read-only mount covers.
    pub covers: Vec<PathBuf>,
    /// Folders of the host that stay visible at their own path, read-only, in spite of a cover.
    pub visible: Vec<PathBuf>,
    /// Files written into the root before the process starts.
    pub files: Vec<FileSpec>,
    /// `readOnlyRootFilesystem`.
    pub read_only_root: bool,
    /// `/proc` without masked and read-only paths: privileged, or `procMount: Unmasked`.
    pub unmasked_proc: bool,
    /// Sysctls of the pod's namespaces, name to value.
    pub sysctls: Vec<(String, String)>,
    /// The program; `None` sets the container up and starts nothing.
    pub process: Option<Process>,
    /// Credentials of the program.
    pub security: Security,
    /// Which ids are real.
    pub ids: Ids,
}

/// A folder or file of the node mounted into the container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bind {
    /// On the node.
    pub source: PathBuf,
    /// Only this path below the source; made where it does not exist and the mount is writable. No
    /// link leads it out of the source.
    pub sub_path: Option<PathBuf>,
    /// Folders below the source, relative to it, that an empty, read-only mount covers.
    pub covers: Vec<PathBuf>,
    /// In the container; made where it does not exist.
    pub target: PathBuf,
    /// Mounted read-only.
    pub read_only: bool,
}

/// A small file of the container's root: hosts, resolv.conf, the CA bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileSpec {
    /// In the container.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The program to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments; the program is looked up in the container's `PATH`.
    pub args: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// Working directory; made by no one, `/` where it is missing.
    pub cwd: PathBuf,
}

/// Credentials of a container's process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Security {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary groups; `None` where none can be set ([`Ids::One`]).
    pub groups: Option<Vec<u32>>,
    /// Capability sets.
    pub capabilities: CapabilitySets,
    /// `allowPrivilegeEscalation: false`.
    pub no_new_privs: bool,
    /// Seccomp profile.
    pub seccomp: Seccomp,
}

/// Seccomp profile of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seccomp {
    /// No filter.
    Unconfined,
    /// The container runtime's default profile.
    RuntimeDefault,
}
