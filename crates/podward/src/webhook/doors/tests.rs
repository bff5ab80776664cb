use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::Request;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tower::ServiceExt;

use super::*;

/// The identity endpoint of pods that ask for one.
const ENDPOINT: &str = "http://169.254.169.254/x";

/// Doors whose API server does not answer, and which have seen one namespace.
async fn doors(health: &Arc<Health>) -> Router {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("podward-webhook-{}-{number}", std::process::id());
    let file = std::env::temp_dir().join(name);
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    });
    std::fs::write(&file, config.to_string()).unwrap();
    let kubernetes = Kubernetes::connect(Some(&file)).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let cluster = Cluster::default();
    let labels = json!({"podward.dev/enforce": "restricted"});
    cluster.change(|view| {
        view.insert(
            "Namespace",
            "",
            "ns",
            json!({"metadata": {"labels": labels}}),
        );
    });
    let (notices, _) = tokio::sync::mpsc::channel(1);
    router(Arc::new(Doors {
        gate: Gate::default(),
        cluster: Arc::new(cluster),
        kubernetes,
        notices,
        metrics: Arc::default(),
        health: Arc::clone(health),
        io: Io::new(),
        room: Room::default(),
        turn: Arc::new(Semaphore::new(1)),
        survey: Semaphore::new(1),
        given: Environment {
            workload_identity: true,
            tenant: String::new(),
            authority_host: String::new(),
            audience: String::new(),
            token_endpoint: None,
            endpoint: ENDPOINT.into(),
            header: SecretString::new(String::new()),
        },
    }))
}

fn review(namespace: &str, object: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1","kind":"Pod"}},"resource":{{"group":"","version":"v1","resource":"pods"}},"operation":"CREATE","namespace":"{namespace}","name":"p","object":{object}}}}}"#
    )
}

async fn asked(path: &str, body: Vec<u8>) -> (u16, String) {
    let request = Request::post(path).body(Body::from(body)).unwrap();
    let response = doors(&Arc::default()).await.oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_review_gets_its_answer() {
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostPID":true,"containers":[]}}"#;
    let (status, body) = asked("/validate", review("ns", pod).into_bytes()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &answer["response"]["uid"]), (200, &json!("u")));
    assert_eq!(answer["response"]["allowed"], false);
    assert_eq!(answer["response"]["status"]["code"], 403);
    let (status, body) = asked("/mutate", review("ns", pod).into_bytes()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &answer["response"]["allowed"]),
        (200, &json!(true))
    );
    assert_eq!(answer["response"]["patch"], Value::Null);
}

#[tokio::test]
async fn a_second_call_knows_the_header_of_the_first() {
    let pod = |env: &Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "p", "labels": {"podward.dev/identity": "true"}},
            "spec": {"containers": [{"name": "a", "env": env}, {"name": "b"}]}})
    };
    let patched = async |pod: Value| {
        let (_, body) = asked("/mutate", review("ns", &pod.to_string()).into_bytes()).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        let patch = answer["response"]["patch"].as_str().unwrap();
        String::from_utf8(STANDARD.decode(patch).unwrap()).unwrap()
    };
    let own = [json!({"name": "IDENTITY_HEADER", "value": "weak"})];
    let first: Value = serde_json::from_str(&patched(pod(&json!(own))).await).unwrap();
    let steps = first.as_array().unwrap();
    let of_b = steps
        .iter()
        .find(|one| one["path"] == "/spec/containers/1/env");
    let env = &of_b.unwrap()["value"];
    let header = env[1]["value"].as_str().unwrap();
    assert_eq!((&env[0]["value"], header.len()), (&json!(ENDPOINT), 32));
    let second = patched(pod(env)).await;
    assert!(second.contains(header), "{second}");
}

#[tokio::test]
async fn who_ends_closes_the_connections_that_it_answers_on() {
    let pod =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[]}}"#;
    let health: Arc<Health> = Arc::default();
    for ending in [false, true] {
        if ending {
            health.end();
        }
        let body = Body::from(review("ns", pod));
        let request = Request::post("/validate").body(body).unwrap();
        let response = doors(&health).await.oneshot(request).await.unwrap();
        assert_eq!(response.headers().contains_key("connection"), ending);
    }
}

#[tokio::test]
async fn what_is_no_review_is_refused_and_not_repeated() {
    let truncated = review("ns", r#"{"secret":"hunter2""#);
    let old = review("ns", "{}").replace("k8s.io/v1", "k8s.io/v1beta1");
    let other = review("ns", "{}").replace("AdmissionReview", "Foo");
    for body in ["", "hunter2", "[]", "{}", "null", &truncated, &old, &other] {
        for path in ["/validate", "/mutate"] {
            let (status, text) = asked(path, body.as_bytes().to_vec()).await;
            assert_eq!(status, 400, "{body}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
    let (status, _) = asked("/validate", vec![b' '; 10 << 20]).await;
    assert_eq!(status, 413);
    let invalid = review("ns", "{}").replace("\"p\"", "\"\u{fffd}\"");
    let mut invalid = invalid.into_bytes();
    invalid.retain(|byte| *byte != 0xbf);
    assert_eq!(asked("/validate", invalid).await.0, 400);
}

#[tokio::test]
async fn a_hostile_object_is_refused_and_judged_in_bounds() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let many = format!(
        r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p"}},"spec":{{"containers":[{}]}}}}"#,
        vec![r#"{"name":"c"}"#; 10_000].join(",")
    );
    for object in ["null", "1", "\"x\"", "[]", "{}", &deep, &many] {
        for path in ["/validate", "/mutate"] {
            let begun = Instant::now();
            let (status, body) = asked(path, review("ns", object).into_bytes()).await;
            assert_eq!(status, 200, "{path} {}", object.get(..20).unwrap_or(object));
            let answer: Value = serde_json::from_str(&body).unwrap();
            let allowed = answer["response"]["allowed"] == true;
            assert!(!allowed || path == "/mutate", "{path} {body}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{path}");
        }
    }
}

#[tokio::test]
async fn a_namespace_that_nobody_knows_lets_no_pod_through() {
    let pod =
        r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[]}}"#;
    let (_, body) = asked("/validate", review("other", pod).into_bytes()).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["response"]["status"]["code"], 500);
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("failed to lookup namespace \"other\""),
        "{message}"
    );
}
