//! A container's first processes: the shim that ends with `up`, and PID 1, which holds the namespaces.
//!
//! `up` starts its own program again with [`INIT_ARGUMENT`], so that the namespaces are made in a process of
//! one thread. The shim forks PID 1; PID 1 builds the root, gives up its rights and starts the program. When
//! `up` ends, however it ends, the shim's lifeline closes, and with PID 1 the kernel ends all that is in the pod.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use serde::{Deserialize, Serialize};

use crate::enter::{Forked, apply, exec, exists, fork};
use crate::rootfs::enter_root;
use crate::users::become_one;
use crate::{ContainerSpec, Doing, Ids, SysError};

/// The hidden argument that makes the program a container's init.
pub const INIT_ARGUMENT: &str = "__init";

const SPEC_FD: RawFd = 3;
const STATUS_FD: RawFd = 4;
const LIFELINE_FD: RawFd = 5;
const NETWORK_FD: RawFd = 6;

/// What init reports, one JSON line each.
#[derive(Debug, Serialize, Deserialize)]
pub enum Status {
    /// The container is set up; PID 1's number on the node.
    Ready {
        /// Process id, as the node sees it.
        pid: i32,
    },
    /// The program runs.
    Running,
    /// The program does not exist here; the container stays, with nothing in it.
    NoProgram,
    /// The program has ended: its status, or 128 and the signal.
    Exited {
        /// Exit status as a shell tells it.
        code: i32,
    },
    /// The container could not be made.
    Failed {
        /// What went wrong.
        error: String,
    },
}

/// A container that was started.
#[derive(Debug)]
pub struct Started {
    /// The shim.
    pub shim: std::process::Child,
    /// Dropping it ends the container.
    pub lifeline: Lifeline,
    /// The reports, until the container has ended.
    pub status: StatusReader,
}

/// Holds a container up: when it is dropped, all that is in the container is killed.
#[derive(Debug)]
pub struct Lifeline(OwnedFd);

impl Lifeline {
    /// Asks the container's program to end, by SIGTERM, as a kubelet does.
    pub fn terminate(&self) {
        // who does not read any more has ended
        let _ = rustix::io::write(&self.0, b"T");
    }
}

/// The reports of one container.
pub type StatusReader = BufReader<File>;

/// The next report; `None` when the container has ended. Blocks.
///
/// # Errors
/// When the pipe cannot be read or holds what is no report.
pub fn next_status(reports: &mut StatusReader) -> io::Result<Option<Status>> {
    let mut line = String::new();
    if reports.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    serde_json::from_str(&line)
        .map(Some)
        .map_err(io::Error::from)
}

/// Starts the init process of a container in the given network namespace. Output of the program goes to
/// `output`.
///
/// # Errors
/// When the process cannot be started.
pub fn start(
    spec: &ContainerSpec,
    network: Option<BorrowedFd<'_>>,
    output: OwnedFd,
) -> Result<Started, SysError> {
    let (spec_read, spec_write) = pipe()?;
    let (status_read, status_write) = pipe()?;
    let (lifeline_read, lifeline_write) = pipe()?;
    let network = network
        .map(|fd| fd.try_clone_to_owned())
        .transpose()
        .doing(|| "share the namespace".into())?;
    let errors = output.try_clone().doing(|| "share the output".into())?;
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("podward")
        .arg(INIT_ARGUMENT)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    let mut inherited = vec![
        (spec_read.as_raw_fd(), SPEC_FD),
        (status_write.as_raw_fd(), STATUS_FD),
        (lifeline_read.as_raw_fd(), LIFELINE_FD),
    ];
    if let Some(fd) = &network {
        inherited.push((fd.as_raw_fd(), NETWORK_FD));
    }
    // SAFETY: between fork and exec only fcntl and dup2 are called, which are async-signal-safe.
    unsafe { command.pre_exec(move || inherit(&inherited)) };
    let shim = command
        .spawn()
        .doing(|| "start a container's init".into())?;
    drop((spec_read, status_write, lifeline_read));
    let text = serde_json::to_vec(spec)
        .map_err(io::Error::from)
        .doing(|| "hand the container over".into())?;
    File::from(spec_write)
        .write_all(&text)
        .doing(|| "hand the container over".into())?;
    Ok(Started {
        shim,
        lifeline: Lifeline(lifeline_write),
        status: BufReader::new(File::from(status_read)),
    })
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SysError> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).doing(|| "make a pipe".into())
}

/// Puts descriptors at their agreed numbers. Sources are first moved out of the way of the targets.
fn inherit(pairs: &[(RawFd, RawFd)]) -> io::Result<()> {
    let mut moved = [(0, 0); 4];
    for (slot, (from, to)) in moved.iter_mut().zip(pairs) {
        // SAFETY: fcntl on an open descriptor.
        let high = unsafe { libc::fcntl(*from, libc::F_DUPFD, 10) };
        if high < 0 {
            return Err(io::Error::last_os_error());
        }
        *slot = (high, *to);
    }
    for (high, to) in moved.iter().take(pairs.len()) {
        // SAFETY: dup2 of an open descriptor; nothing else lives at 3 to 6 between fork and exec.
        if unsafe { libc::dup2(*high, *to) } < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the copy was made above and is used by no one.
        unsafe { libc::close(*high) };
    }
    Ok(())
}

fn inherited(fd: RawFd) -> OwnedFd {
    // SAFETY: `start` put a descriptor at this number and each number is taken once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The init program. Returns the exit status of the shim.
#[must_use]
pub fn run_init() -> i32 {
    // SAFETY: fcntl on a number only looks it up.
    if unsafe { libc::fcntl(STATUS_FD, libc::F_GETFD) } < 0 {
        return 2;
    }
    let status = File::from(inherited(STATUS_FD));
    match shim(&status) {
        Ok(code) => code,
        Err(error) => {
            report(
                &status,
                &Status::Failed {
                    error: error.to_string(),
                },
            );
            1
        }
    }
}

fn report(mut to: &File, status: &Status) {
    if let Ok(mut line) = serde_json::to_vec(status) {
        line.push(b'\n');
        // a reader that has gone is `up` ending: the lifeline tells
        let _ = to.write_all(&line);
    }
}

fn shim(status: &File) -> Result<i32, SysError> {
    for fd in [STATUS_FD, LIFELINE_FD] {
        // SAFETY: both numbers are open; the flag keeps them from the container's program.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    let lifeline = inherited(LIFELINE_FD);
    let mut text = Vec::new();
    File::from(inherited(SPEC_FD))
        .read_to_end(&mut text)
        .doing(|| "read the container".into())?;
    let spec: ContainerSpec = serde_json::from_slice(&text)
        .map_err(io::Error::from)
        .doing(|| "read the container".into())?;
    // SAFETY: fcntl on a number only looks it up.
    if unsafe { libc::fcntl(NETWORK_FD, libc::F_GETFD) } >= 0 {
        let network = inherited(NETWORK_FD);
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))
            .doing(|| "enter the pod's network".into())?;
    }
    let own =
        UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    // SAFETY: none of the flags shares or splits a file table, and the process has one thread.
    unsafe { unshare_unsafe(own) }.doing(|| "make the container's namespaces".into())?;
    rustix::system::sethostname(spec.hostname.as_bytes()).doing(|| "set the host name".into())?;
    match fork()? {
        Forked::Child => {
            drop(lifeline);
            let code = match first_process(&spec, status) {
                Ok(code) => code,
                Err(error) => {
                    report(
                        status,
                        &Status::Failed {
                            error: error.to_string(),
                        },
                    );
                    1
                }
            };
            Ok(code)
        }
        Forked::Parent(child) => {
            watch(&lifeline, child);
            Ok(0)
        }
    }
}

/// Waits until `up` or the container has ended; hands SIGTERM on when `up` asks for it.
fn watch(lifeline: &OwnedFd, child: Pid) {
    use rustix::event::{PollFd, PollFlags, poll};
    let ended = rustix::process::pidfd_open(child, rustix::process::PidfdFlags::empty()).ok();
    loop {
        let mut fds = vec![PollFd::new(lifeline, PollFlags::IN)];
        if let Some(fd) = &ended {
            fds.push(PollFd::new(fd, PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Ok(_)
                if fds
                    .first()
                    .is_some_and(|fd| fd.revents().contains(PollFlags::IN)) => {}
            _ => break,
        }
        match rustix::io::read(lifeline, &mut [0_u8; 1]) {
            Ok(1) => {
                let _ = rustix::process::kill_process(child, Signal::TERM);
            }
            Err(rustix::io::Errno::INTR) => {}
            _ => break,
        }
    }
    let _ = rustix::process::kill_process(child, Signal::KILL);
    let _ = rustix::process::waitpid(Some(child), WaitOptions::empty());
}

/// PID 1 of the container.
fn first_process(spec: &ContainerSpec, status: &File) -> Result<i32, SysError> {
    let outer_pid = outer_pid();
    enter_root(spec)?;
    if spec.ids == Ids::One {
        become_one(spec.security.uid, spec.security.gid)?;
    }
    apply(&spec.security)?;
    // after the change of credentials, which clears it
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .doing(|| "follow the shim".into())?;
    report(status, &Status::Ready { pid: outer_pid });
    let Some(process) = spec.process.as_ref().filter(|process| exists(process)) else {
        return Ok(hold(None, status));
    };
    forward_sigterm();
    match fork()? {
        Forked::Child => {
            let error = exec(process);
            Ok(error.exit_code())
        }
        Forked::Parent(child) => Ok(hold(Some(child), status)),
    }
}

/// The container's program, to which PID 1 hands SIGTERM on.
static PROGRAM: AtomicI32 = AtomicI32::new(0);
/// Whether SIGTERM came before there was a program.
static TERMINATED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_sigterm(_: libc::c_int) {
    TERMINATED.store(true, Ordering::SeqCst);
    terminate_program();
}

fn terminate_program() {
    let program = PROGRAM.load(Ordering::SeqCst);
    if program > 0 {
        // SAFETY: kill is async-signal-safe; the number is that of a child that was not reaped.
        unsafe { libc::kill(program, libc::SIGTERM) };
    }
}

/// From now on SIGTERM goes to the program: the kernel gives PID 1 only signals that it handles.
fn forward_sigterm() {
    let handler = on_sigterm as extern "C" fn(libc::c_int);
    // SAFETY: the handler only loads, stores and kills, all async-signal-safe.
    unsafe { libc::signal(libc::SIGTERM, handler as libc::sighandler_t) };
}

/// The node's number for this process: the last entry of NSpid read before `/proc` changes.
fn outer_pid() -> i32 {
    std::fs::read_link("/proc/self")
        .ok()
        .and_then(|p| p.to_str()?.parse().ok())
        .unwrap_or(0)
}

/// Reaps what ends, reports the program's end, and stays for those who enter later.
fn hold(program: Option<Pid>, status: &File) -> i32 {
    if let Some(program) = program {
        PROGRAM.store(program.as_raw_nonzero().get(), Ordering::SeqCst);
        if TERMINATED.load(Ordering::SeqCst) {
            terminate_program();
        }
        report(status, &Status::Running);
    } else {
        report(status, &Status::NoProgram);
    }
    loop {
        match rustix::process::waitpid(None, WaitOptions::empty()) {
            Ok(Some((pid, how))) if Some(pid) == program => {
                PROGRAM.store(0, Ordering::SeqCst);
                report(
                    status,
                    &Status::Exited {
                        code: shell_code(how),
                    },
                );
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            // no child is left: sleep until one is adopted
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(200)),
        }
    }
}

/// The number a shell gives to how a process ended.
pub(crate) fn shell_code(how: WaitStatus) -> i32 {
    how.exit_status()
        .or_else(|| how.terminating_signal().map(|s| 128 + s))
        .unwrap_or(1)
}
