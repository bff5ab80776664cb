//! The access log as users read it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{PODWARD, Up, err, is_root, out, podward, quickstart, scratch};

/// The events of the log, with more arguments.
fn log(state: &Path, arguments: &[&str]) -> Vec<Value> {
    let output = podward(
        &[&["access", "log", "-o", "json"], arguments].concat(),
        state,
    );
    assert!(output.status.success(), "{}", err(&output));
    out(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_log_has_one_object_a_line_and_no_secret() {
    if !is_root("the_log_has_one_object_a_line_and_no_secret") {
        return;
    }
    let state = scratch();
    podward(&["up", "examples/quickstart", "--once"], &state);
    let text = out(&podward(&["access", "log", "-o", "json"], &state));
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events.len() > 10);
    for event in &events {
        for field in [
            "time",
            "node",
            "door",
            "asked",
            "outcome",
            "rule",
            "reason",
            "requestId",
        ] {
            assert!(event[field].is_string(), "{field}: {event}");
        }
        assert_ne!(event["requestId"], "", "{event}");
    }
    let csi: Vec<_> = events.iter().filter(|e| e["door"] == "csi").collect();
    assert_eq!(csi.len(), 3);
    for event in csi {
        assert_eq!(event["namespace"], "shop");
        assert_eq!(event["serviceAccount"], "web");
        assert_eq!(event["object"]["vault"], "shop");
        assert!(
            event["object"]["version"]
                .as_str()
                .is_some_and(|v| v.len() == 32)
        );
    }
    let tokens: Vec<_> = events
        .iter()
        .filter(|e| e["door"] == "token-service" && e["outcome"] == "granted")
        .collect();
    assert!(!tokens.is_empty());
    for event in tokens {
        assert!(event["token"].is_object(), "{event}");
    }
    // no JSON web token, in whole or in part
    assert!(!text.contains("eyJ"));
    let of_web = out(&podward(
        &["access", "log", "--pod", "web", "-o", "json"],
        &state,
    ));
    assert!(of_web.lines().count() > 3 && of_web.lines().count() < events.len());
    assert!(of_web.lines().all(|line| line.contains("\"pod\":\"web-")));
}

#[test]
fn one_request_has_one_id_through_all_doors() {
    if !is_root("one_request_has_one_id_through_all_doors") {
        return;
    }
    let state = scratch();
    podward(&["up", "examples/quickstart", "--once"], &state);
    let events = log(&state, &[]);
    let doors = |id: &Value| -> Vec<&str> {
        let same = events.iter().filter(|event| event["requestId"] == *id);
        same.filter_map(|event| event["door"].as_str()).collect()
    };
    let imds = events.iter().find(|event| event["door"] == "imds").unwrap();
    assert_eq!(doors(&imds["requestId"]), ["token-service", "imds"]);
    let csi = events.iter().find(|event| event["door"] == "csi").unwrap();
    let through = doors(&csi["requestId"]);
    assert_eq!(
        through,
        [
            "token-service",
            "vault",
            "csi",
            "vault",
            "csi",
            "vault",
            "csi"
        ]
    );
}

/// Asks for a token at 169.254.169.254, twice.
const TWICE: &str = "
import urllib.request
for _ in range(2):
    urllib.request.urlopen(urllib.request.Request(
        'http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net',
        headers={'Metadata': 'true'})).read()
";

#[test]
fn repeats_are_counted_and_filters_find_them() {
    if !is_root("repeats_are_counted_and_filters_find_them") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    let exec = |text: &str| up.exec("legacy", &["/usr/bin/python3", "-c", text]);
    let state = up.state.clone();
    let follow = Command::new(PODWARD)
        .args([
            "access", "log", "-f", "--pod", "legacy", "--limit", "1", "-o", "json",
        ])
        .env("PODWARD_STATE", &state)
        .stdout(Stdio::piped())
        .spawn();
    let mut follow = follow.unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    for _ in 0..2 {
        let output = exec(TWICE);
        assert!(output.status.success(), "{}", err(&output));
    }
    // what is counted is written at the latest now
    assert_eq!(up.stop(), Some(0));
    let counted = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .find(|event| event["count"].is_u64())
        .unwrap();
    follow.kill().unwrap();
    follow.wait().unwrap();
    // four repeats, unless a slow machine made two intervals of them
    assert!(counted["count"].as_u64() >= Some(2), "{counted}");
    assert_eq!(counted["pod"], "legacy");
    assert_eq!(counted["outcome"], "granted");

    let all = log(&state, &[]);
    let number = |arguments: &[&str], wanted: &dyn Fn(&Value) -> bool| {
        let found = log(&state, arguments);
        let expected: Vec<_> = all.iter().filter(|event| wanted(event)).cloned().collect();
        assert!(!expected.is_empty(), "{arguments:?}");
        assert_eq!(found, expected, "{arguments:?}");
    };
    number(&["--door", "imds"], &|e| e["door"] == "imds");
    number(&["-n", "shop"], &|e| e["namespace"] == "shop");
    number(&["--outcome", "refused"], &|e| e["outcome"] == "refused");
    number(&["--pod", "legacy", "--door", "imds"], &|e| {
        e["pod"] == "legacy" && e["door"] == "imds"
    });
    let identity = counted["identity"].as_str().unwrap();
    number(&["--identity", identity], &|e| e["identity"] == identity);
    number(&["--since", "1h"], &|_| true);
    let time = all[all.len() / 2]["time"].as_str().unwrap();
    number(&["--since", time], &|e| e["time"].as_str().unwrap() >= time);
    assert_eq!(log(&state, &["--limit", "2"]), all[all.len() - 2..]);
    assert_eq!(
        podward(&["access", "log", "--door", "window"], &state)
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn the_space_of_the_log_is_an_option() {
    if !is_root("the_space_of_the_log_is_an_option") {
        return;
    }
    let state = scratch();
    let up = |size: &str| {
        podward(
            &[
                "up",
                "examples/quickstart",
                "--once",
                "--access-log-size",
                size,
            ],
            &state,
        )
    };
    assert!(err(&up("1000KiB")).contains("1MiB to 1024GiB"));
    assert!(err(&up("16MB")).contains("KiB, MiB and GiB"));
    assert_eq!(up("1MiB").status.code(), Some(0));
    let reserved: u64 = std::fs::read_dir(state.join("access"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name().to_string_lossy().ends_with(".jsonl"))
        .map(|entry| entry.metadata().unwrap().blocks() * 512)
        .sum();
    assert!((1 << 20..2 << 20).contains(&reserved), "{reserved}");
}

/// Asks with a token that is none, for what is not served, for a vault that is not there, and of a
/// tenant that nobody has.
const STRAYS: &str = r#"
import os, ssl, urllib.error, urllib.request
trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
client = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust)
def ask(url, **headers):
    try:
        client.open(urllib.request.Request(url, headers=headers), timeout=10)
    except urllib.error.HTTPError as error:
        print(error.code)
ask("https://shop.vault.azure.net/secrets/db-password?api-version=7.4")
ask("https://shop.vault.azure.net/secrets/db-password?api-version=7.4", Authorization="Bearer a.b.c")
ask("https://shop.vault.azure.net/x", Host="nowhere.vault.azure.net")
ask("https://login.microsoftonline.com/nobody/v2.0/.well-known/openid-configuration")
"#;

#[test]
fn every_refusal_is_an_event_and_a_challenge_is_none() {
    if !is_root("every_refusal_is_an_event_and_a_challenge_is_none") {
        return;
    }
    let up = Up::start(&quickstart(), &[]);
    let before = log(&up.state, &[]).len();
    let asked = up.exec("web", &["/usr/bin/python3", "-c", STRAYS]);
    assert_eq!(out(&asked), "401\n401\n404\n400\n", "{}", err(&asked));
    let all = log(&up.state, &[]);
    let new = all.get(before..).unwrap_or_default();
    let told: Vec<_> = new
        .iter()
        .map(|event| {
            assert_eq!(event["outcome"], "refused", "{event}");
            assert!(
                event["pod"].as_str().unwrap().starts_with("web-"),
                "{event}"
            );
            (
                event["door"].as_str().unwrap(),
                event["rule"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("vault", "vault shop token"),
            ("vault", "cloud.yaml"),
            ("token-service", "AADSTS90002"),
        ]
    );
    assert!(
        all.iter()
            .all(|event| event["door"] != "token-service" || event["pod"] != "")
    );
    assert_eq!(up.stop(), Some(0));
}
