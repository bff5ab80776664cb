//! Without root: `nobody`, with and without subordinate ranges.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{PODWARD, Up, err, is_root, out, root, skipped};

/// `nobody`, whom every machine has.
const USER: &str = "65534";

/// A place of this user's, with what is needed to run.
struct Place {
    folder: PathBuf,
    ranges: &'static str,
}

impl Place {
    /// `ranges` is what /etc/subuid and /etc/subgid say while this user's commands run.
    fn new(name: &str, ranges: &'static str) -> Self {
        let folder = std::env::temp_dir().join(format!("podward-{name}-{}", std::process::id()));
        let home = folder.join("home");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::copy(PODWARD, folder.join("podward")).unwrap();
        let examples = root().join("examples");
        run(Command::new("cp").arg("-r").arg(examples).arg(&folder));
        run(Command::new("chmod").args(["-R", "a+rX"]).arg(&folder));
        run(Command::new("chown")
            .arg(format!("{USER}:{USER}"))
            .arg(&home));
        std::fs::write(folder.join("ranges"), ranges).unwrap();
        Self { folder, ranges }
    }

    /// The command as this user, in a mount namespace in which only the ranges differ.
    fn command(&self, arguments: &[&str]) -> Command {
        let script = "mount --bind ranges /etc/subuid && mount --bind ranges /etc/subgid && exec setpriv --reuid \"$0\" --regid \"$0\" --clear-groups ./podward \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script, USER])
            .args(arguments)
            .current_dir(&self.folder)
            .env("HOME", self.folder.join("home"))
            .env("PODWARD_STATE", self.state())
            .env("NO_COLOR", "1");
        command
    }

    fn state(&self) -> PathBuf {
        self.folder.join("home/state")
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn line<'a>(status: &'a str, field: &str) -> &'a str {
    status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"))
        .unwrap_or_else(|| panic!("no {field} in {status}"))
}

/// What holds of both: the quickstart is met, and nothing is seen that must not be.
fn meets_everything(place: &Place) -> (String, String) {
    let once = place.output(&["up", "examples/quickstart", "--once"]);
    assert_eq!(
        once.status.code(),
        Some(0),
        "{}\n{}",
        out(&once),
        err(&once)
    );
    let up = Up::spawn(
        &mut place.command(&[
            "up",
            "examples/quickstart",
            "-o",
            "json",
            "--rotation-interval",
            "1s",
        ]),
        place.state(),
    );
    let mut up = up;
    let ids = up.wait("ids");
    up.wait("settled");
    let status = |pod: &str| out(&place.output(&["exec", pod, "--", "cat", "/proc/self/status"]));
    for (pod, bounding, no_new_privs) in [
        ("web", "0000000000000000", "1"),
        ("security-context-demo", "00000000aa0435fb", "1"),
    ] {
        let status = status(pod);
        assert_eq!(line(&status, "Uid"), "1000\t1000\t1000\t1000", "{pod}");
        assert_eq!(line(&status, "CapBnd"), bounding, "{pod}");
        assert_eq!(line(&status, "CapEff"), "0000000000000000", "{pod}");
        assert_eq!(line(&status, "NoNewPrivs"), no_new_privs, "{pod}");
    }
    let stat = place.output(&[
        "exec",
        "web",
        "--",
        "stat",
        "-Lc",
        "%g %a",
        "/mnt/secrets/db-password",
    ]);
    assert_eq!(out(&stat), "2000 644\n", "{}", err(&stat));
    let theft = place.output(&["exec", "web", "--", "ls", &place.state().to_string_lossy()]);
    assert!(out(&theft).is_empty());
    let own = place.output(&["exec", "web", "--", "cat", "ranges"]);
    assert_eq!(out(&own), place.ranges, "the working directory is visible");
    let status = status("web");
    assert_eq!(up.stop(), Some(0));
    (status, ids.to_string())
}

#[test]
fn without_ranges_one_user_and_one_group_are_real() {
    if !is_root("without_ranges_one_user_and_one_group_are_real") {
        return;
    }
    let place = Place::new("one", "");
    let (status, ids) = meets_everything(&place);
    assert_eq!(line(&status, "Gid"), "2000\t2000\t2000\t2000");
    assert!(
        ids.contains("\"real\":\"one\"") && ids.contains("uidmap"),
        "{ids}"
    );
    assert!(ids.contains("3000"), "{ids}");
}

#[test]
fn with_ranges_every_id_is_real() {
    if !is_root("with_ranges_every_id_is_real") {
        return;
    }
    if !Path::new("/usr/bin/newuidmap").exists() {
        skipped(
            "with_ranges_every_id_is_real",
            "the package uidmap is not installed",
        );
        return;
    }
    let place = Place::new("ranges", "nobody:200000:65536\n");
    let (status, ids) = meets_everything(&place);
    assert_eq!(line(&status, "Gid"), "3000\t3000\t3000\t3000");
    assert_eq!(line(&status, "Groups").trim(), "2000 3000");
    assert!(ids.contains("\"real\":\"ranges\""), "{ids}");
}

#[test]
fn where_there_are_no_namespaces_the_error_says_how_to_go_on() {
    if !is_root("where_there_are_no_namespaces_the_error_says_how_to_go_on") {
        return;
    }
    let place = Place::new("none", "");
    // in a user namespace of its own the bound is that of what is in it alone
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec ./podward up examples/quickstart --once";
    let tried = Command::new("unshare")
        .args([
            "--user",
            "--map-user=65534",
            "--map-group=65534",
            "--keep-caps",
        ])
        .args(["sh", "-c", script])
        .current_dir(&place.folder)
        .env("HOME", place.folder.join("home"))
        .env("PODWARD_STATE", place.folder.join("state"))
        .output()
        .unwrap();
    assert_eq!(
        tried.status.code(),
        Some(2),
        "{}{}",
        out(&tried),
        err(&tried)
    );
    assert!(
        err(&tried).contains("sudo sysctl user.max_user_namespaces"),
        "{}",
        err(&tried)
    );
    assert!(!place.folder.join("state/run").exists());
}
