//! The folder changes while `up` runs.

use std::path::Path;

use crate::harness::{Up, err, is_root, out, podward, quickstart, scratch, written};

/// A copy of the example that may be changed.
fn copied() -> std::path::PathBuf {
    let folder = scratch();
    for entry in std::fs::read_dir(quickstart()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    folder
}

fn replace(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from:?} is not in {file}");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

const SLEEPER: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: low}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: sleeper}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  - name: c\n    command: [sleep, infinity]\n    env: [{name: LEVEL, value: first}]\n    readinessProbe: {exec: {command: [\"true\"]}}\n    volumeMounts: [{name: settings, mountPath: /etc/settings}]\n  volumes: [{name: settings, configMap: {name: settings}}]\n";

#[test]
fn changes_of_the_folder_are_followed() {
    if !is_root("changes_of_the_folder_are_followed") {
        return;
    }
    let folder = copied();
    let mut up = Up::start(&folder, &[]);
    let met = |pod: &'static str| {
        move |event: &serde_json::Value| {
            event["pod"]
                .as_str()
                .is_some_and(|name| name.starts_with(pod))
                && event["met"] == true
        }
    };

    std::fs::write(folder.join("sleeper.yaml"), SLEEPER).unwrap();
    up.wait_for("workload", |event| event["change"] == "new");
    up.wait_for("pod", met("sleeper"));
    let level = |up: &Up| {
        out(&up.exec(
            "sleeper",
            &["sh", "-c", "cat /etc/settings/level; printf %s $LEVEL"],
        ))
    };
    assert_eq!(level(&up), "lowfirst");

    // what a volume shows changes in the pod that runs; its environment needs a new pod
    replace(&folder, "sleeper.yaml", "{level: low}", "{level: high}");
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while level(&up) != "highfirst" && std::time::Instant::now() < end {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(level(&up), "highfirst");
    replace(&folder, "sleeper.yaml", "value: first", "value: second");
    up.wait_for("workload", |event| event["change"] == "changed");
    up.wait_for("pod", met("sleeper"));
    assert_eq!(level(&up), "highsecond");

    // a fault is told, and everything stays
    std::fs::write(folder.join("wrong.yaml"), "kind: [\n").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(level(&up), "highsecond");
    std::fs::remove_file(folder.join("wrong.yaml")).unwrap();

    // the cloud takes its changes too, and the vault's other versions stay
    let password = || out(&up.exec("web", &["cat", "/mnt/secrets/db-password"]));
    let before = password();
    assert_eq!(before.len(), 32);
    std::fs::remove_file(folder.join("sleeper.yaml")).unwrap();
    replace(
        &folder,
        "cloud.yaml",
        "      - name: api-key\n        generate: true",
        "      - name: api-key\n        value: chosen",
    );
    up.wait_for("workload", |event| {
        event["change"] == "gone" && event["name"] == "sleeper"
    });
    assert_eq!(up.exec("sleeper", &["true"]).status.code(), Some(2));
    let password = || out(&up.exec("web", &["cat", "/mnt/secrets/db-password"]));
    assert_eq!(password(), before);
    assert_eq!(up.stop(), Some(0));
}

/// Ends as it is asked to.
const GOOD: &str = "trap \"echo asked to end; exit 0\" TERM; while :; do sleep 0.05; done";

/// Hears nothing.
const DEAF: &str = "trap \"\" TERM; while :; do sleep 0.05; done";

/// A pod that has so many seconds to end.
fn pod(name: &str, seconds: u32, script: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  terminationGracePeriodSeconds: {seconds}\n  containers:\n  - name: c\n    command: [sh, -c, '{script}']\n    readinessProbe: {{exec: {{command: [\"true\"]}}}}\n"
    )
}

/// A folder with a pod of each kind, which have so many seconds to end.
fn deaf_and_good(seconds: u32) -> std::path::PathBuf {
    let (deaf, good) = (pod("deaf", seconds, DEAF), pod("good", seconds, GOOD));
    written(&[("deaf.yaml", &deaf), ("good.yaml", &good)])
}

#[test]
fn it_ends_while_a_pod_that_is_gone_takes_its_time() {
    if !is_root("it_ends_while_a_pod_that_is_gone_takes_its_time") {
        return;
    }
    let folder = deaf_and_good(600);
    let mut up = Up::start(&folder, &[]);
    std::fs::remove_file(folder.join("deaf.yaml")).unwrap();
    up.wait_for("workload", |event| event["change"] == "gone");
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn pods_are_asked_to_end_and_then_made_to() {
    if !is_root("pods_are_asked_to_end_and_then_made_to") {
        return;
    }
    let folder = deaf_and_good(1);
    let run = podward(&["up", &folder.to_string_lossy(), "--once"], &scratch());
    assert_eq!(run.status.code(), Some(0), "{}{}", out(&run), err(&run));
    assert!(out(&run).contains("good/c | asked to end"), "{}", out(&run));
}
