//! What `up` leaves behind: nothing.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::{Up, err, is_root, podward, quickstart};

/// Processes whose command line or environment names the state folder, or whose parent was `up`.
fn processes(pids: &[String]) -> Vec<String> {
    pids.iter()
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        })
        .cloned()
        .collect()
}

/// All processes below `up`.
fn children(of: u32) -> Vec<String> {
    let mut found = vec![of.to_string()];
    let mut next = 0;
    while let Some(pid) = found.get(next).cloned() {
        let output = Command::new("ps")
            .args(["-o", "pid=", "--ppid", &pid])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        found.extend(text.split_whitespace().map(str::to_owned));
        next += 1;
    }
    found
}

fn nothing_is_left(state: &Path, pids: &[String]) {
    let end = Instant::now() + Duration::from_secs(10);
    while !processes(pids).is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(processes(pids), Vec::<String>::new());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(&*state.to_string_lossy()), "{mounts}");
    // volumes were on a tmpfs of the process's own mount namespace
    let run = state.join("run");
    assert!(!run.exists() || std::fs::read_dir(run).unwrap().next().is_none());
}

#[test]
fn stopping_leaves_nothing_behind() {
    if !is_root("stopping_leaves_nothing_behind") {
        return;
    }
    for signal in ["INT", "TERM", "KILL"] {
        let mut up = Up::start(&quickstart(), &[]);
        let (state, pids) = (up.state.clone(), children(up.child.id()));
        assert!(pids.len() > 1);
        up.signal(signal);
        let status = up.child.wait().unwrap();
        if signal != "KILL" {
            assert_eq!(status.code(), Some(0), "{signal}");
            assert!(!state.join("control.sock").exists());
        }
        nothing_is_left(&state, &pids);
        let mut again = Up::begin_in(&quickstart(), &[], state);
        again.wait("settled");
        assert_eq!(again.stop(), Some(0), "after {signal}");
    }
}

#[test]
fn a_second_up_on_one_folder_is_refused() {
    if !is_root("a_second_up_on_one_folder_is_refused") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    let second = podward(&["up", "examples/quickstart", "--once"], &up.state);
    assert_eq!(second.status.code(), Some(2));
    assert!(
        err(&second).contains("another `podward up` runs"),
        "{}",
        err(&second)
    );
    assert_eq!(up.exec("web", &["true"]).status.code(), Some(0));
    assert_eq!(up.stop(), Some(0));
}
