//! The access log as users read it.

use serde_json::Value;

use crate::harness::{is_root, out, podward, scratch};

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
