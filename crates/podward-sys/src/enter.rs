//! Giving up rights, and entering a container that runs.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, WaitOptions, chdir};
use rustix::thread::{CapabilitySet, CapabilitySets, LinkNameSpaceType, move_into_link_name_space};

use serde::{Deserialize, Serialize};

use crate::mounts::enter_own_mount_namespace;
use crate::shown::{Shown, show_more};
use crate::{Doing, Process, Seccomp, Security, SysError, seccomp};

/// Which side of a fork this is.
pub(crate) enum Forked {
    Child,
    Parent(Pid),
}

/// Forks. The process must have one thread.
pub(crate) fn fork() -> Result<Forked, SysError> {
    // SAFETY: the process has one thread, so the child holds no lock of another.
    let pid = unsafe { libc::fork() };
    match Pid::from_raw(pid) {
        None => Ok(Forked::Child),
        Some(child) if pid > 0 => Ok(Forked::Parent(child)),
        Some(_) => Err(std::io::Error::last_os_error()).doing(|| "fork".into()),
    }
}

/// Takes on the credentials. The filter comes first where no_new_privs does not, as runc has it: the calls
/// that follow are all in the profile.
pub(crate) fn apply(security: &Security) -> Result<(), SysError> {
    let filtered = security.seccomp == Seccomp::RuntimeDefault;
    if filtered && !security.no_new_privs {
        seccomp::install(security.capabilities.bounding)?;
    }
    let sets = &security.capabilities;
    for bit in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if sets.bounding & (1 << bit) == 0
            && rustix::thread::capability_is_in_bounding_set(one).unwrap_or(false)
        {
            rustix::thread::remove_capability_from_bounding_set(one)
                .doing(|| "drop a capability".into())?;
        }
    }
    if let Some(groups) = &security.groups {
        let groups: Vec<_> = groups
            .iter()
            .map(|g| rustix::fs::Gid::from_raw(*g))
            .collect();
        rustix::thread::set_thread_groups(&groups).doing(|| "set the groups".into())?;
    }
    let gid = rustix::fs::Gid::from_raw(security.gid);
    rustix::thread::set_thread_res_gid(gid, gid, gid)
        .doing(|| format!("become group {}", security.gid))?;
    let uid = rustix::fs::Uid::from_raw(security.uid);
    rustix::thread::set_thread_res_uid(uid, uid, uid)
        .doing(|| format!("become user {}", security.uid))?;
    let _ = rustix::thread::clear_ambient_capability_set();
    let held = rustix::thread::capabilities(None).doing(|| "read the capabilities".into())?;
    let keep = |wanted: u64| CapabilitySet::from_bits_retain(wanted & held.permitted.bits());
    let wanted = CapabilitySets {
        effective: keep(sets.effective),
        permitted: keep(sets.permitted),
        inheritable: keep(sets.inheritable),
    };
    rustix::thread::set_capabilities(None, wanted).doing(|| "set the capabilities".into())?;
    if security.no_new_privs {
        rustix::thread::set_no_new_privs(true).doing(|| "set no_new_privs".into())?;
        if filtered {
            seccomp::install(security.capabilities.bounding)?;
        }
    }
    Ok(())
}

/// Why a program was not run.
pub(crate) struct NotRun(std::io::Error);

impl NotRun {
    /// 127 where there is no such program, 126 where it cannot be run.
    pub(crate) fn exit_code(&self) -> i32 {
        if self.0.kind() == std::io::ErrorKind::NotFound {
            127
        } else {
            126
        }
    }
}

/// Runs the program in place of this process; returns only on failure.
pub(crate) fn exec(process: &Process) -> NotRun {
    if chdir(&process.cwd).is_err() {
        let _ = chdir("/");
    }
    let mut args = process.args.iter();
    let Some(program) = args.next() else {
        return NotRun(std::io::Error::from(std::io::ErrorKind::NotFound));
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .envs(process.env.iter().map(|(k, v)| (k, v)));
    NotRun(command.exec())
}

/// Whether the program is there, in the root this process is in.
pub(crate) fn exists(process: &Process) -> bool {
    let Some(program) = process.args.first() else {
        return false;
    };
    if program.contains('/') {
        return process.cwd.join(program).exists();
    }
    let path = process
        .env
        .iter()
        .find(|(name, _)| name == "PATH")
        .map_or("", |(_, value)| value);
    std::env::split_paths(path).any(|folder| folder.join(program).exists())
}

/// A program to run in a container that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Enter {
    /// PID 1 of the container, as the node sees it.
    pub pid: i32,
    /// The process that made it, as the node sees it.
    pub maker: u32,
    /// The program.
    pub process: Process,
    /// Its credentials.
    pub security: Security,
    /// Folders of the host to show besides, read-only, at their own path.
    pub visible: Vec<PathBuf>,
    /// Folders of the host that stay covered.
    pub covers: Vec<PathBuf>,
}

/// Runs a program in a container and waits for it: its status, or 128 and the signal; 126 or 127 if it
/// cannot be run. The process must have one thread.
///
/// # Errors
/// When the container cannot be entered.
pub fn enter(wanted: &Enter) -> Result<i32, SysError> {
    let place = |process: &dyn std::fmt::Display, name: &str| format!("/proc/{process}/ns/{name}");
    let open = |path: String| File::open(&path).doing(|| format!("open {path}"));
    let link = |path: String| std::fs::read_link(path).ok();
    let of_container = |name: &str| place(&wanted.pid, name);
    let makers = place(&wanted.maker, "user");
    let differ = |one: &str, other: &str| link(one.into()) != link(other.into());
    let outer = differ(&makers, "/proc/self/ns/user")
        .then(|| open(makers.clone()))
        .transpose()?;
    let inner = differ(&makers, &of_container("user"))
        .then(|| open(of_container("user")))
        .transpose()?;
    let mut files = Vec::new();
    for (name, kind) in [
        ("ipc", LinkNameSpaceType::InterProcessCommunication),
        ("uts", LinkNameSpaceType::HostNameAndNISDomainName),
        ("net", LinkNameSpaceType::Network),
        ("pid", LinkNameSpaceType::ProcessID),
        ("mnt", LinkNameSpaceType::Mount),
    ] {
        // a network that is shared with the machine cannot be entered by an ordinary user, and need not
        if name == "net" && !differ(&of_container(name), "/proc/self/ns/net") {
            continue;
        }
        files.push((name, open(of_container(name))?, kind));
    }
    if let Some(user) = outer {
        move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))
            .doing(|| "enter the user namespace of `podward up`".into())?;
        // mounts of the host can be opened only in a namespace that is ours
        enter_own_mount_namespace()?;
    }
    let visible = wanted
        .visible
        .iter()
        .map(|path| Shown::open(path))
        .collect::<Result<Vec<_>, _>>()?;
    for (name, file, kind) in &files {
        move_into_link_name_space(file.as_fd(), Some(*kind))
            .doing(|| format!("enter the pod's {name} namespace"))?;
    }
    if !visible.is_empty() {
        enter_own_mount_namespace()?;
        show_more(&wanted.covers, &visible)?;
    }
    if let Some(user) = inner {
        move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))
            .doing(|| "enter the pod's user namespace".into())?;
    }
    match fork()? {
        Forked::Child => {
            let code = match apply(&wanted.security) {
                Ok(()) => exec(&wanted.process).exit_code(),
                Err(_) => 126,
            };
            // SAFETY: ends the forked child at once, running nothing of the parent's.
            unsafe { libc::_exit(code) }
        }
        Forked::Parent(child) => loop {
            match rustix::process::waitpid(Some(child), WaitOptions::empty()) {
                Ok(Some((_, how))) => return Ok(crate::init::shell_code(how)),
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e).doing(|| "wait for the program".into()),
            }
        },
    }
}
