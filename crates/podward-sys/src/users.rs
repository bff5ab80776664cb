//! User namespaces, for users who are not root (user_namespaces(7), newuidmap(1)).

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{WaitOptions, getgid, getuid, waitpid};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use serde::{Deserialize, Serialize};

use crate::enter::{Forked, fork};
use crate::{Doing, SysError};

/// Which ids of users and groups can be real in the containers that this process makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// Every one: this process is root.
    All,
    /// Those up to these numbers, out of the user's subordinate ranges.
    UpTo {
        /// Highest user id.
        uid: u32,
        /// Highest group id.
        gid: u32,
    },
    /// One user and one group for each container.
    One,
}

/// The user namespace that makes an ordinary user root of what it makes itself; nothing for root.
///
/// # Errors
/// Where the kernel or its configuration gives ordinary users no namespace. The process must have
/// one thread.
pub fn enter_own_user_namespace() -> Result<Ids, SysError> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    if uid == 0 {
        return Ok(Ids::All);
    }
    let ranges = name_of(uid)
        .zip(Some(uid.to_string()))
        .and_then(|names| Some((range("/etc/subuid", &names)?, range("/etc/subgid", &names)?)));
    if let Some((users, groups)) = ranges {
        let helper = Helper::start([(uid, users), (gid, groups)])?;
        unshare()?;
        if helper.finish()? {
            return Ok(Ids::UpTo {
                uid: users.1,
                gid: groups.1,
            });
        }
    } else {
        unshare()?;
    }
    map_one((0, uid), (0, gid))?;
    Ok(Ids::One)
}

/// Leaves an ordinary user's namespace for one within, in which the one user and the one group
/// that are real have the numbers of the container's process.
///
/// # Errors
/// When the kernel refuses. The process must have one thread.
pub(crate) fn become_one(uid: u32, gid: u32) -> Result<(), SysError> {
    unshare()?;
    map_one((uid, 0), (gid, 0))
}

fn unshare() -> Result<(), SysError> {
    // SAFETY: NEWUSER shares no file table, and the process has one thread.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }.doing(|| "make a user namespace".into())
}

/// Maps one user and one group: each the number inside and the one outside.
fn map_one(user: (u32, u32), group: (u32, u32)) -> Result<(), SysError> {
    for (file, text) in [
        // without it the kernel lets nobody map a group
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("{} {} 1", user.0, user.1)),
        ("gid_map", format!("{} {} 1", group.0, group.1)),
    ] {
        let path = format!("/proc/self/{file}");
        fs::write(&path, text).doing(|| format!("write {path}"))?;
    }
    Ok(())
}

/// First id and number of ids of a user's subordinate range, the longest where there are several.
fn range(file: &str, names: &(String, String)) -> Option<(u32, u32)> {
    let text = fs::read_to_string(file).ok()?;
    parse_range(&text, names)
}

fn parse_range(text: &str, names: &(String, String)) -> Option<(u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let who = fields.next()?;
            let range = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            (who == names.0 || who == names.1).then_some(range)
        })
        .max_by_key(|(_, count)| *count)
}

/// The name of a user (passwd(5)).
fn name_of(uid: u32) -> Option<String> {
    let text = fs::read_to_string("/etc/passwd").ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// A process outside the new namespace that writes its maps by newuidmap and newgidmap.
struct Helper {
    pid: rustix::process::Pid,
    go: io::PipeWriter,
}

impl Helper {
    /// Starts it; it waits. For users and groups: the own id, and the range.
    fn start(ids: [(u32, (u32, u32)); 2]) -> Result<Self, SysError> {
        let parent = std::process::id();
        let (mut wait, go) = io::pipe().doing(|| "make a pipe".into())?;
        match fork()? {
            Forked::Parent(pid) => Ok(Self { pid, go }),
            Forked::Child => {
                drop(go);
                let asked = wait.read_exact(&mut [0]).is_ok();
                let code = i32::from(!(asked && write_maps(parent, ids)));
                // SAFETY: ends the forked child at once, running nothing of the parent's.
                unsafe { libc::_exit(code) }
            }
        }
    }

    /// Lets it write, and waits for it: whether the maps are written.
    fn finish(mut self) -> Result<bool, SysError> {
        self.go
            .write_all(&[1])
            .doing(|| "ask for the maps of ids".into())?;
        let ended =
            waitpid(Some(self.pid), WaitOptions::empty()).doing(|| "wait for newuidmap".into())?;
        Ok(ended.is_some_and(|(_, how)| how.exit_status() == Some(0)))
    }
}

/// Both maps or none: the map of groups comes first, since without that of users nothing can be
/// done with it.
fn write_maps(parent: u32, [users, groups]: [(u32, (u32, u32)); 2]) -> bool {
    let there = |tool: &str| {
        std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|folder| folder.join(tool).exists())
        }) || Path::new("/usr/bin").join(tool).exists()
    };
    let write = |tool: &str, (own, (first, count)): (u32, (u32, u32))| {
        let words = [parent, 0, own, 1, 1, first, count].map(|number| number.to_string());
        Command::new(tool)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    there("newuidmap")
        && there("newgidmap")
        && write("newgidmap", groups)
        && write("newuidmap", users)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_or_number() {
        let names = ("ann".to_owned(), "1001".to_owned());
        let text = "bob:100000:65536\nann:165536:1000\n1001:231072:65536\n";
        assert_eq!(parse_range(text, &names), Some((231_072, 65536)));
        assert_eq!(parse_range("bob:1:2\n# ann\n", &names), None);
    }
}
