//! What a pod does not see.

use crate::harness::{PODWARD, Up, err, is_root, out, quickstart, scratch};

/// Tries what a pod must not be able to do; prints what it could.
const THIEF: &str = r#"
import os, socket, sys
state, volume = sys.argv[1:]
def could(what, attempt):
    try:
        attempt()
    except (OSError, UnicodeDecodeError):
        return
    print(what)
def connect():
    socket.socket(socket.AF_UNIX).connect(state + "/control.sock")
def seen(bytes):
    if not bytes:
        raise OSError
def listing(path):
    if os.listdir(path):
        return
    raise OSError
def keep(path):
    open(path + "/left", "w").close()
could("read the state folder", lambda: listing(state))
could("read a key", lambda: open(state + "/keys/ca.key").read())
could("speak to the control socket", connect)
could("read another pod's volume", lambda: listing(volume))
for home in ["/root", "/home"]:
    if os.path.isdir(home):
        could("read " + home, lambda: listing(home))
        could("write to " + home, lambda: keep(home))
could("write to the folder given to up", lambda: keep(os.getcwd()))
def processes():
    if len([name for name in os.listdir("/proc") if name.isdigit()]) < 8:
        raise OSError
could("see the node's processes", processes)
could("reach another network", lambda: socket.create_connection(("192.0.2.1", 80), 1))
could("see the kernel's memory", lambda: seen(open("/proc/kcore", "rb").read(1)))
"#;

#[test]
fn a_pod_sees_nothing_of_podward_and_of_others() {
    if !is_root("a_pod_sees_nothing_of_podward_and_of_others") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    let state = up.state.to_string_lossy().into_owned();
    let volumes = format!("{state}/run/pods");
    for pod in ["web", "legacy", "security-context-demo"] {
        let tried = up.exec(pod, &["/usr/bin/python3", "-c", THIEF, &state, &volumes]);
        assert!(tried.status.success(), "{pod}: {}", err(&tried));
        assert_eq!(out(&tried), "", "{pod} could do this");
    }
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn a_vault_volume_belongs_to_its_pod() {
    if !is_root("a_vault_volume_belongs_to_its_pod") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    let stat = up.exec(
        "web",
        &["stat", "-L", "-c", "%g %a", "/mnt/secrets/db-password"],
    );
    assert_eq!(out(&stat), "2000 644\n", "{}", err(&stat));
    let mounts = out(&up.exec("web", &["cat", "/proc/self/mounts"]));
    let mount = mounts
        .lines()
        .find(|line| line.contains(" /mnt/secrets "))
        .unwrap();
    let fields: Vec<_> = mount.split(' ').collect();
    assert_eq!(fields[2], "tmpfs");
    for flag in ["noexec", "nosuid", "nodev"] {
        assert!(fields[3].split(',').any(|f| f == flag), "{flag}: {mount}");
    }
    for pod in ["legacy", "security-context-demo"] {
        let other = up.exec(pod, &["cat", "/mnt/secrets/db-password"]);
        assert_eq!(other.status.code(), Some(1), "{pod}");
        assert!(out(&other).is_empty());
    }
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn the_working_directory_is_visible_in_a_covered_home() {
    use std::process::Command;
    if !is_root("the_working_directory_is_visible_in_a_covered_home") {
        return;
    }
    let home = scratch();
    for (folder, text) in [
        ("work", "shown"),
        ("work/deep", "deep"),
        ("private", "hidden"),
    ] {
        std::fs::create_dir(home.join(folder)).unwrap();
        std::fs::write(home.join(folder).join("file"), text).unwrap();
    }
    let state = home.join("state");
    std::fs::create_dir(&state).unwrap();
    let mut up = Up::command(&quickstart(), &[], &state);
    let mut up = Up::spawn(up.env("HOME", &home), state.clone());
    up.wait("settled");
    let run = |folder: &str, text: &str| {
        Command::new(PODWARD)
            .args(["exec", "web", "--", "sh", "-c", text])
            .env("HOME", &home)
            .env("PODWARD_STATE", &state)
            .current_dir(home.join(folder))
            .output()
            .unwrap()
    };
    assert_eq!(out(&run("work", "cat file deep/file")), "showndeep");
    assert_eq!(out(&run("work/deep", "cat file")), "deep");
    for text in [
        "cat ../private/file",
        "cat ../../private/file",
        "touch new",
        "ls ../state/keys",
    ] {
        let tried = run("work", text);
        assert!(!tried.status.success(), "{text}: {}", out(&tried));
    }
    // the home itself stays covered: what is listed is nothing but the way to what is shown
    assert_eq!(
        out(&run("", "ls; pwd; find . -type f")),
        format!("work\n{}\n", home.display())
    );
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn no_volume_shows_what_pods_do_not_see() {
    if !is_root("no_volume_shows_what_pods_do_not_see") {
        return;
    }
    let home = std::path::Path::new("/root");
    let pod = |name: &str, host: &str, sub: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: open}}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n  - name: c\n    command: [sleep, infinity]\n    readinessProbe: {{exec: {{command: [\"true\"]}}}}\n    volumeMounts: [{{name: host, mountPath: /host{sub}}}]\n  volumes: [{{name: host, hostPath: {{path: {host}}}}}]\n"
        )
    };
    // an init container makes a link, which the next mount must not follow out of its volume
    let link = "apiVersion: v1\nkind: Pod\nmetadata: {name: link, namespace: open}\nspec:\n  initContainers:\n  - name: make\n    command: [ln, -s, /etc, /v/out]\n    volumeMounts: [{name: v, mountPath: /v}]\n  containers:\n  - name: c\n    command: [cat, /out/shadow]\n    volumeMounts: [{name: v, mountPath: /out, subPath: out}]\n  volumes: [{name: v, emptyDir: {}}]\n";
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: open, labels: {pod-security.kubernetes.io/enforce: privileged}}\n";
    let folder = crate::harness::written(&[
        ("namespace.yaml", namespace),
        ("whole.yaml", &pod("whole", "/", "")),
        ("home.yaml", &pod("home", "/root", "")),
        ("link.yaml", link),
        ("sub.yaml", &pod("sub", "/", ", subPath: root")),
    ]);
    let mut up = Up::begin(&folder, &[]);
    let mut reason = |pod: &'static str| {
        let event = up.wait_for("pod", |event| event["pod"] == pod);
        event["reason"].as_str().unwrap().to_owned()
    };
    let covered = "which pods do not see: name it by --mount";
    assert!(reason("home").contains(covered));
    let link = reason("link");
    assert!(link.contains("open out below"), "{link}");
    assert!(reason("sub").contains(covered));
    assert_eq!(reason("whole"), "ready");
    up.wait("settled");
    let state = up.state.to_string_lossy().into_owned();
    for path in [home.to_string_lossy().into_owned(), state] {
        let listing = up.exec("whole", &["ls", "-A", &format!("/host{path}")]);
        assert_eq!(out(&listing), "", "{path}: {}", err(&listing));
        assert!(listing.status.success(), "{path}: {}", err(&listing));
    }
    assert_ne!(out(&up.exec("whole", &["ls", "/host/etc"])), "");
    assert_eq!(up.stop(), Some(1));
}
