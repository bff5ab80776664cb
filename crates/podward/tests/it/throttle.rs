//! A vault that does not answer everything.

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::durable::config;
use crate::harness::scratch;
use crate::python;

/// A cloud whose vault has these limits, in memory.
fn limited(throttle: &str) -> Cloud {
    let folder = scratch();
    let file = folder.join("cloud.yaml");
    std::fs::write(&file, config(&format!("    throttle: {throttle}\n"))).unwrap();
    Cloud::start(folder, &["--in-memory", "--config", file.to_str().unwrap()])
}

#[test]
fn what_is_too_much_is_refused_in_the_words_of_the_service() {
    let cloud = limited("published");
    let token = cloud.token();
    let create = |name: &str| {
        let path = format!("/keys/{name}/create");
        cloud.vault("POST", &path, &token, &json!({"kty": "EC"}))
    };
    for i in 0..20 {
        assert_eq!(create(&format!("k{i}")).0, 200, "{i}");
    }
    let (status, body) = create("more");
    assert_eq!((status, &body["error"]["code"]), (429, &json!("Throttled")));
    let text = body["error"]["message"].as_str().unwrap();
    assert!(
        text.ends_with("Reason: VaultRequestTypeLimitReached"),
        "{text}"
    );
    assert_eq!(cloud.vault("GET", "/keys/k1", &token, &Value::Null).0, 200);
    assert_eq!(
        cloud.vault("GET", "/keys/more", &token, &Value::Null).0,
        404
    );
}

#[test]
fn the_sdk_waits_and_succeeds() {
    let Some(sdk) = python::sdk("the_sdk_waits_and_succeeds") else {
        return;
    };
    let cloud = limited("{others: 5, seconds: 2}");
    let told = python::run(
        &sdk,
        &cloud,
        r#"
client.set_secret("db", "one")
started = time.monotonic()
values = {client.get_secret("db").value for _ in range(12)}
print(values, time.monotonic() - started > 2)
"#,
    );
    assert_eq!(told, "{'one'} True");
}
