//! Programs that make manifests: found, run for a bounded time, and read to a bound.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How a program may fail.
#[derive(Debug)]
pub(super) enum Failure {
    /// What it said.
    Said(String),
    TimedOut(Duration),
    TooLarge(u64),
    Failed(std::io::Error),
}

/// What a program may take.
pub(super) struct Bounds {
    pub(super) time: Duration,
    /// Bytes of its output.
    pub(super) output: u64,
}

/// Most that is kept of what a program complains of, bytes.
const MAX_COMPLAINT: u64 = 4096;

/// Where a program is. Folders of PATH that are relative do not count: what is judged may hold a
/// program of that name.
pub(super) fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| {
            use std::os::unix::fs::PermissionsExt;
            let about = program.metadata();
            about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
        })
}

/// What a program prints that is run in a folder. It gets no input, and no way to a network or a
/// cluster by the usual settings.
pub(super) fn output(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    bounds: &Bounds,
) -> Result<String, Failure> {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("KUBECONFIG", "/dev/null")
        .env("GIT_ALLOW_PROTOCOL", "file")
        .env("HTTP_PROXY", NOWHERE)
        .env("HTTPS_PROXY", NOWHERE)
        .env("NO_PROXY", "")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(Failure::Failed)?;
    let ended = read(&mut child, bounds);
    if ended.is_err() {
        // what it started goes with it
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    let status = child.wait().map_err(Failure::Failed)?;
    let (text, complaint) = ended?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&text).into_owned());
    }
    Err(Failure::Said(
        String::from_utf8_lossy(&complaint).into_owned(),
    ))
}

/// An address where nothing answers.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Output and complaint of a child, which has ended or closed both.
fn read(child: &mut Child, bounds: &Bounds) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let until = Instant::now() + bounds.time;
    let (send, receive) = channel();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let most = bounds.output;
    let complaints = send.clone();
    // the threads end with the pipes, whoever holds them
    std::thread::spawn(move || {
        let _ = send.send((true, bytes(stdout, most)));
    });
    std::thread::spawn(move || {
        let _ = complaints.send((false, all(stderr)));
    });
    let (mut text, mut complaint) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let left = until.saturating_duration_since(Instant::now());
        match receive.recv_timeout(left) {
            Ok((true, Ok(Some(bytes)))) => text = bytes,
            Ok((false, Ok(Some(bytes)))) => complaint = bytes,
            Ok((_, Ok(None))) => return Err(Failure::TooLarge(most)),
            Ok((_, Err(error))) => return Err(Failure::Failed(error)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(Failure::TimedOut(bounds.time));
            }
        }
    }
    Ok((text, complaint))
}

/// The bytes of a pipe; none where they are too many.
fn bytes(from: Option<impl Read>, most: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most + 1).read_to_end(&mut bytes)?;
    }
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= most);
    Ok(fits.then_some(bytes))
}

/// The first bytes of a pipe, which is read to its end, so that who writes need not wait.
fn all(from: Option<impl Read>) -> std::io::Result<Option<Vec<u8>>> {
    let mut kept = Vec::new();
    if let Some(mut from) = from {
        from.by_ref().take(MAX_COMPLAINT).read_to_end(&mut kept)?;
        std::io::copy(&mut from, &mut std::io::sink())?;
    }
    Ok(Some(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<String, Failure> {
        let bounds = Bounds {
            time: Duration::from_millis(500),
            output: 1000,
        };
        output(
            Path::new("/bin/sh"),
            &["-c", script],
            Path::new("/"),
            &bounds,
        )
    }

    #[test]
    fn a_program_is_held_to_its_bounds() {
        assert_eq!(run("pwd; cat").unwrap(), "/\n");
        assert!(matches!(run("echo no >&2; exit 3"), Err(Failure::Said(said)) if said == "no\n"));
        assert!(matches!(run("yes"), Err(Failure::TooLarge(1000))));
        assert!(run("yes >&2 & sleep 0.1; kill $!; echo x").is_ok());
        let start = Instant::now();
        // also where a child of the child holds the pipe
        assert!(matches!(
            run("sleep 60 & sleep 60"),
            Err(Failure::TimedOut(_))
        ));
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
