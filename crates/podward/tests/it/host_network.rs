//! Pods that share the machine's network.

use std::net::TcpListener;

use crate::harness::{Up, err, folder, is_root, out, podward, quickstart, scratch};

#[test]
fn federated_tokens_work_and_nothing_that_a_network_would_have_to_prove() {
    if !is_root("federated_tokens_work_and_nothing_that_a_network_would_have_to_prove") {
        return;
    }
    let first_port =
        || std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").unwrap();
    let before = first_port();
    // another port than https, so that the variable has to lead there
    let listener = TcpListener::bind("127.198.18.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let busy = podward(
        &[
            "up",
            "examples/quickstart",
            "--once",
            "--network",
            "host",
            "--cloud-port",
            &port,
        ],
        &scratch(),
    );
    assert_eq!(busy.status.code(), Some(2), "{}", out(&busy));
    assert!(
        err(&busy).contains("in use") && err(&busy).contains("--cloud-port"),
        "{}",
        err(&busy)
    );
    drop(listener);

    let mut up = Up::begin(&quickstart(), &["--network", "host", "--cloud-port", &port]);
    let cloud = up.wait("cloud");
    let authority = format!("https://login.microsoftonline.com:{port}/");
    assert_eq!(
        cloud["variables"]["AZURE_AUTHORITY_HOST"],
        authority.as_str()
    );
    up.wait("settled");
    let env = out(&up.exec("web", &["env"]));
    assert!(
        env.contains(&format!("AZURE_AUTHORITY_HOST={authority}")),
        "{env}"
    );
    assert!(!env.contains("IDENTITY_ENDPOINT"), "{env}");
    let network = |pod: &str| out(&up.exec(pod, &["readlink", "/proc/self/ns/net"]));
    let own = std::fs::read_link("/proc/self/ns/net").unwrap();
    assert_eq!(network("web").trim(), own.to_string_lossy());
    assert_eq!(first_port(), before, "a sysctl of the machine was changed");
    assert_eq!(
        up.stop(),
        Some(1),
        "`legacy` needs the door that is not served"
    );
}

#[test]
fn a_sysctl_of_the_machines_network_is_refused() {
    if !is_root("a_sysctl_of_the_machines_network_is_refused") {
        return;
    }
    let ports = folder("ports");
    let run = podward(
        &[
            "up",
            &ports.to_string_lossy(),
            "--once",
            "--network",
            "host",
            "--cloud-port",
            "0",
        ],
        &scratch(),
    );
    assert_eq!(run.status.code(), Some(1), "{}", err(&run));
    assert!(
        out(&run).contains("missed default/open: SysctlForbidden"),
        "{}",
        out(&run)
    );
}
