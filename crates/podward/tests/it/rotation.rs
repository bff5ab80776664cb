//! A new version of a secret.

use std::time::{Duration, Instant};

use crate::harness::{Up, err, is_root, out, podward, quickstart};

#[test]
fn a_new_version_arrives_in_the_mounted_file() {
    if !is_root("a_new_version_arrives_in_the_mounted_file") {
        return;
    }
    let up = Up::start(&quickstart(), &["--rotation-interval", "1s"]);
    let read = || out(&up.exec("web", &["cat", "/mnt/secrets/db-password"]));
    let before = read();
    let set = up.set_secret("shop/db-password", "the new password\n");
    assert!(set.status.success(), "{}", err(&set));
    assert!(
        out(&set).starts_with("shop/db-password has the new version "),
        "{}",
        out(&set)
    );
    let end = Instant::now() + Duration::from_secs(20);
    while read() == before && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(read(), "the new password");
    let log = out(&podward(&["access", "log", "--pod", "web"], &up.state));
    assert!(!log.contains("the new password"));
    assert_eq!(up.stop(), Some(0));
}

#[test]
fn what_cannot_be_set_is_said() {
    if !is_root("what_cannot_be_set_is_said") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    for (name, value, part) in [
        ("db-password", "x", "names no vault"),
        ("nowhere/db-password", "x", "nowhere"),
        ("shop/no_such_name", "x", "name"),
        ("shop/db-password", "", "no value on standard input"),
        ("shop/db-password", &"x".repeat(30_000), "25 KiB"),
    ] {
        let set = up.set_secret(name, value);
        assert_eq!(set.status.code(), Some(2), "{name}");
        assert!(err(&set).contains(part), "{name}: {}", err(&set));
    }
    assert_eq!(up.stop(), Some(0));
}
