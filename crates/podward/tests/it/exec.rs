//! What a program in a pod is, and what it ends with.

use crate::harness::{Up, folder, is_root, out, quickstart};

/// The fields of `/proc/self/status` of a program in a pod.
fn status(up: &Up, pod: &str) -> Vec<(String, String)> {
    let text = out(&up.exec(pod, &["cat", "/proc/self/status"]));
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| {
            let words: Vec<_> = value.split_whitespace().collect();
            (name.to_owned(), words.join(" "))
        })
        .collect()
}

#[test]
fn the_kernel_says_what_the_security_context_says() {
    if !is_root("the_kernel_says_what_the_security_context_says") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    let web = [
        ("Uid", "1000 1000 1000 1000"),
        ("Gid", "3000 3000 3000 3000"),
        ("Groups", "2000 3000"),
        ("CapInh", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
        ("CapEff", "0000000000000000"),
        ("CapBnd", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ];
    let demo = [
        ("Uid", "1000 1000 1000 1000"),
        ("Gid", "0 0 0 0"),
        ("Groups", "0 2000"),
        ("CapPrm", "0000000000000000"),
        ("CapEff", "0000000000000000"),
        ("CapBnd", "00000000aa0435fb"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "0"),
    ];
    for (pod, wanted) in [("web", &web[..]), ("security-context-demo", &demo[..])] {
        let found = status(&up, pod);
        for (name, value) in wanted {
            let is = found
                .iter()
                .find(|(field, _)| field == name)
                .map(|(_, v)| v.as_str());
            assert_eq!(is, Some(*value), "{name} of {pod}");
        }
    }
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn the_status_is_the_programs() {
    if !is_root("the_status_is_the_programs") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    for (command, code) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["no-such-program"], 127),
        (&["/etc/passwd"], 126),
    ] {
        assert_eq!(
            up.exec("web", command).status.code(),
            Some(code),
            "{command:?}"
        );
    }
    let named = up.exec("web/web", &["printenv", "AZURE_CLIENT_ID"]);
    assert_eq!(out(&named), "c71eca57-4e8b-4230-8b99-603cd345f104\n");
    for pod in ["nobody", "web/nothing", "careless"] {
        assert_eq!(up.exec(pod, &["true"]).status.code(), Some(2), "{pod}");
    }
    assert_eq!(up.stop(), Some(0));
}

const BIND: &str = "import socket, sys; s = socket.socket(); s.bind(('0.0.0.0', int(sys.argv[1])))";

#[test]
fn low_ports_need_the_safe_sysctl() {
    if !is_root("low_ports_need_the_safe_sysctl") {
        return;
    }
    let bind = |up: &Up, pod: &str, port: &str| {
        up.exec(pod, &["/usr/bin/python3", "-c", BIND, port])
            .status
            .success()
    };
    let up = Up::start(&folder("ports"), &[]);
    assert!(!bind(&up, "closed", "80"));
    assert!(bind(&up, "closed", "8080"));
    assert!(bind(&up, "open", "80"));
    assert_eq!(up.stop(), Some(0));
}
