//! What holds when this process is interrupted or killed.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use super::down;
use super::layout::{Layout, at};
use crate::shell::say;

/// The verb that is no one's to call.
pub(super) const VERB: &str = "guard";
const DISMISSED: &[u8] = b"all is well";

/// One change of the cluster at a time. The kernel lets go of it with the process.
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for whoever has it.
    pub(super) fn take() -> Result<Self, String> {
        let layout = Layout::find();
        let folder = layout.folder();
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        let path = folder.join("lock");
        let file = File::create(&path).map_err(at(&path))?;
        if file.try_lock().is_err() {
            say("another command works on the cluster: waiting for it");
            file.lock().map_err(at(&path))?;
        }
        Ok(Self { _file: file })
    }
}

/// A process that takes the cluster down when this one ends without having dismissed it.
pub(super) struct Guard {
    child: Child,
}

impl Guard {
    pub(super) fn start() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|e| format!("this program: {e}"))?;
        // a session of its own: Ctrl-C is not meant for it
        let mut command = Command::new("setsid");
        command.arg(own).args(["cluster", VERB]);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let child = started.map_err(|e| format!("setsid: {e}"))?;
        Ok(Self { child })
    }

    /// There is nothing left to take down, or it is to stay.
    pub(super) fn dismiss(mut self) {
        if let Some(mut pipe) = self.child.stdin.take() {
            // without it the guard has ended, and has said why
            let _ = pipe.write_all(DISMISSED);
        }
        let _ = self.child.wait();
    }
}

/// The guard's own process: waits for its master's last word.
pub(super) fn wait() -> Result<(), String> {
    let mut word = Vec::new();
    std::io::stdin()
        .read_to_end(&mut word)
        .map_err(|e| format!("the guard: {e}"))?;
    if word == DISMISSED {
        return Ok(());
    }
    let _lock = Lock::take()?;
    if down::clean(&Layout::find())? {
        say("the cluster has been taken down");
    }
    Ok(())
}
