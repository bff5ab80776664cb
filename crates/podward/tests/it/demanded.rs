//! Faults on demand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::harness::scratch;
use crate::python;

const PATH: &str = "/_podward/faults";
const MEANT: &str = "Metadata: true\r\n";

fn start() -> Cloud {
    let cloud = Cloud::start(scratch(), &["--in-memory", "--enable-faults"]);
    let token = cloud.token();
    let made = cloud.vault("PUT", "/secrets/db", &token, &json!({"value": "one"}));
    assert_eq!(made.0, 200);
    cloud
}

fn demand(cloud: &Cloud, rules: &Value) -> (u16, Value) {
    cloud.machine("POST", PATH, MEANT, &rules.to_string())
}

/// How often each rule was met.
fn met(cloud: &Cloud) -> Vec<Value> {
    let (_, told) = cloud.machine("GET", PATH, MEANT, "");
    let rules = told.as_array().unwrap().iter();
    rules.map(|rule| rule["met"].clone()).collect()
}

#[test]
fn each_fault_happens_as_often_as_it_was_asked_for() {
    let cloud = start();
    let token = cloud.token();
    let get = || cloud.client.ask("GET", "/secrets/db", &token, &Value::Null);
    let of = |mut rule: Value| {
        rule["match"] = json!({"host": "dev.vault.", "path": "/secrets/db", "method": "GET"});
        rule["times"] = json!(1);
        let (status, told) = demand(&cloud, &json!([rule]));
        assert_eq!(status, 200, "{told}");
    };
    of(json!({"status": 503, "code": "Busy", "message": "later"}));
    let refused = json!({"error": {"code": "Busy", "message": "later"}});
    assert_eq!(get(), Some((503, refused)));
    assert_eq!(get().unwrap().0, 200);
    of(json!({"drop": true}));
    assert_eq!(get(), None);
    assert_eq!(get().unwrap().0, 200);
    of(json!({"truncate": 10}));
    assert_eq!(get(), None);
    assert_eq!(get().unwrap().0, 200);
    of(json!({"delay": 400}));
    let started = Instant::now();
    assert_eq!(get().unwrap().0, 200);
    assert!(started.elapsed() >= Duration::from_millis(400));
    assert_eq!(met(&cloud), [1, 1, 1, 1]);

    // the other services have them too, in their own form
    let path = "/metadata/identity/oauth2/token";
    let rule =
        json!([{"match": {"path": path}, "status": 429, "code": "slow_down", "retryAfter": 7}]);
    assert_eq!(demand(&cloud, &rule).0, 200);
    let (status, told) = cloud.metadata(path, MEANT);
    assert_eq!((status, &told["error"]), (429, &json!("slow_down")));
    assert_eq!(cloud.machine("DELETE", PATH, MEANT, ""), (200, json!([])));
    assert_eq!(cloud.metadata(path, MEANT).0, 400);
}

#[test]
fn who_may_not_ask_is_refused() {
    let cloud = start();
    for headers in ["", "Metadata: true\r\nX-Forwarded-For: 127.0.0.1\r\n"] {
        assert_eq!(
            cloud.machine("GET", PATH, headers, "").0,
            400,
            "{headers:?}"
        );
    }
    assert_eq!(cloud.machine("PUT", PATH, MEANT, "").0, 405);
    let many = json!(vec![json!({"delay": 1}); 101]);
    let large = json!([{"delay": 1, "match": {"path": "x".repeat(70_000)}}]);
    for wrong in [json!([{}]), json!({}), many] {
        assert_eq!(demand(&cloud, &wrong).0, 400);
    }
    assert_eq!(demand(&cloud, &large).0, 413);
    let (_, told) = cloud.machine("GET", PATH, MEANT, "");
    assert_eq!(told, json!([]));
    let without = Cloud::start(scratch(), &["--in-memory"]);
    assert_eq!(without.machine("GET", PATH, MEANT, "").0, 404);
}

#[test]
fn the_sdk_gets_over_faults() {
    let Some(sdk) = python::sdk("the_sdk_gets_over_faults") else {
        return;
    };
    let cloud = start();
    let rule = |what: Value| {
        let mut rule = json!({"match": {"path": "/secrets/db"}, "times": 1});
        rule.as_object_mut()
            .unwrap()
            .extend(what.as_object().unwrap().clone());
        rule
    };
    let rules = json!([
        rule(json!({"status": 503, "retryAfter": 1})), rule(json!({"drop": true})), rule(json!({"delay": 100})),
        {"match": {"path": "/secrets/gone"}, "status": 403, "code": "Forbidden"},
    ]);
    assert_eq!(demand(&cloud, &rules).0, 200);
    let told = python::run(
        &sdk,
        &cloud,
        r#"
print(client.get_secret("db").value)
try:
    client.get_secret("gone")
except HttpResponseError as error:
    print(error.status_code, error.error.code)
"#,
    );
    assert_eq!(told, "one\n403 Forbidden");
    assert_eq!(met(&cloud), [1, 1, 1, 1]);
}

#[test]
fn who_is_slow_is_not_waited_for() {
    let cloud = start();
    let address = cloud.ready["metadata"].as_str().unwrap();
    let answer = |text: &str| {
        let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
        let limit = Some(Duration::from_secs(30));
        stream.set_read_timeout(limit).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\n");
    std::thread::scope(|scope| {
        let body = scope.spawn(|| answer(&format!("{head}{MEANT}Content-Length: 10\r\n\r\n[")));
        let headers = scope.spawn(|| answer(&head));
        let many = (0..65).map(|i| format!("x-{i}: 1\r\n")).collect::<String>();
        assert!(answer(&format!("{head}{many}\r\n")).starts_with("HTTP/1.1 431"));
        assert!(body.join().unwrap().starts_with("HTTP/1.1 408"));
        let told = headers.join().unwrap();
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 408"),
            "{told}"
        );
    });
    assert_eq!(cloud.machine("GET", PATH, MEANT, "").0, 200);
}
