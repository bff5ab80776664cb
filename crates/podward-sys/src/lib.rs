//! The kernel: namespaces, mounts, credentials, capabilities and seccomp. All `unsafe` of podward is here.
#![expect(unsafe_code, reason = "this crate is the one that talks to the kernel")]

mod binds;
mod capabilities;
mod code;
mod enter;
mod files;
mod init;
mod mounts;
mod netns;
mod rootfs;
mod seccomp;
mod shown;
mod spec;
mod users;
mod veth;

pub use capabilities::{CONTAINERD_DEFAULT, CapabilitySets, parse_capability};
pub use code::forget_used_code;
pub use enter::{Enter, enter};
pub use files::{apply_fs_group, chown, own_uid, peer_uid};
pub use init::{
    INIT_ARGUMENT, Lifeline, Started, Status, StatusReader, next_status, run_init, start,
};
pub use mounts::{enter_own_mount_namespace, is_mounted, mount_tmpfs, unmount_all};
pub use netns::{PodNetwork, connect_in, pod_network};
pub use spec::{Bind, ContainerSpec, FileSpec, Process, Seccomp, Security};
pub use users::{Ids, enter_own_user_namespace};

/// A kernel call that failed, and what it was for.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct SysError {
    what: String,
    source: std::io::Error,
}

impl SysError {
    /// The operating system's error.
    #[must_use]
    pub fn io(&self) -> &std::io::Error {
        &self.source
    }
}

/// Adds to an error what was being done.
trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, SysError>;
}

impl<T, E: Into<std::io::Error>> Doing<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, SysError> {
        self.map_err(|e| SysError {
            what: what(),
            source: e.into(),
        })
    }
}
