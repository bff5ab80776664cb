//! The access log as users read it.

use std::path::Path;

use serde_json::Value;

use crate::harness::{err, is_root, out, podward, scratch};

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
