//! What `up` needs of the machine, and how it leaves it.

use std::fs::File;
use std::path::PathBuf;

use podward_sys::Ids;

use crate::report::Report;
use crate::state::State;

/// Bytes of all volumes and roots together.
const RUN_SIZE: u64 = 1 << 30;

/// This machine's name.
pub(super) fn node_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

/// Every home directory, of which pods see none.
pub(crate) fn home_folders() -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/home"), PathBuf::from("/root")];
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    for line in users.lines() {
        let mut fields = line.split(':');
        let uid = fields
            .nth(2)
            .and_then(|uid| uid.parse::<u32>().ok())
            .unwrap_or(0);
        let home = PathBuf::from(fields.nth(2).unwrap_or_default());
        // the homes of system users are folders of the system
        if (1000..60000).contains(&uid)
            && !home.starts_with("/home")
            && home.components().count() > 1
        {
            found.push(home);
        }
    }
    found.extend(
        std::env::var_os("HOME")
            .map(PathBuf::from)
            .filter(|home| home.components().count() > 1),
    );
    found.retain(|path| path.is_dir());
    found.sort();
    found.dedup();
    found
}

/// Takes the folder for this process; released when it ends, however it ends.
pub(super) fn lock(state: &State) -> Result<File, Report> {
    let help = "stop it, or give this one a folder of its own: --state FOLDER";
    state.only("podward up").map_err(|report| report.help(help))
}

/// Enters a mount namespace of our own and puts a tmpfs where volumes will be.
pub(super) fn enter(state: &State) -> Result<Ids, Report> {
    let run = state.run();
    // a socket that a killed `up` left
    let _ = std::fs::remove_file(state.control());
    let enter = || {
        let ids = podward_sys::enter_own_user_namespace()?;
        podward_sys::enter_own_mount_namespace()?;
        // it is there where an `up` was killed
        let _ = std::fs::create_dir(&run);
        podward_sys::mount_tmpfs(&run, RUN_SIZE, 0o700)?;
        Ok(ids)
    };
    enter().map_err(|e: podward_sys::SysError| {
        Report::new(format!("cannot set up pods: {e}")).help(way_out())
    })
}

/// How pods can be set up where the kernel refused.
fn way_out() -> String {
    let setting = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let is = |path: &str, value: &str| setting(path).trim() == value;
    let mend = if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "sudo sysctl kernel.unprivileged_userns_clone=1"
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        "sudo sysctl user.max_user_namespaces=10000"
    } else if is(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    } else {
        return "this needs root with CAP_SYS_ADMIN (in a container: a privileged one), or a machine that gives ordinary users namespaces of their own".into();
    };
    format!("run it as root, or let ordinary users make namespaces: {mend}")
}

/// Removes what is on disk; mounts end with the process.
pub(super) fn leave(state: &State) {
    let _ = podward_sys::unmount_all(&state.run());
    let _ = std::fs::remove_dir(state.run());
    let _ = std::fs::remove_file(state.control());
}
