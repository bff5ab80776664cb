//! Faults on demand: what a client meets on a bad day, for tests. Rules are put and taken at `/_podward/faults`.

mod rule;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Value, json};

use self::rule::{Outcome, Rule};
use crate::names::{Place, Service};
use crate::{answer, whole};

/// Where rules are put and taken.
const PATH: &str = "/_podward/faults";
/// Most rules at once.
const MAX_RULES: usize = 100;
/// Largest list of rules, bytes.
const MAX_BODY: usize = 64 << 10;

/// What the server that has the connection does to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
    /// It closes the connection without an answer.
    HangUp,
    /// It closes the connection after so many bytes of the body.
    Cut(usize),
}

/// A rule, and how many requests met it.
struct Counted {
    rule: Rule,
    met: u32,
}

/// The rules of one cloud.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Counted>>);

impl Faults {
    /// A service, with the faults that are asked for.
    pub fn around(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), meet))
    }

    /// The same, and where rules are put and taken.
    pub fn with_control(self: &Arc<Self>, router: Router) -> Router {
        Router::new()
            .route(PATH, any(control))
            .with_state(Arc::clone(self))
            .fallback_service(self.around(router))
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first rule that is for a request, counted.
    fn rule_for(&self, host: &str, path: &str, method: &Method) -> Option<Rule> {
        let mut rules = self.rules();
        let open = |one: &&mut Counted| one.rule.times.is_none_or(|times| one.met < times);
        let found = rules
            .iter_mut()
            .filter(open)
            .find(|one| one.rule.is_for(host, path, method))?;
        found.met = found.met.saturating_add(1);
        Some(found.rule.clone())
    }

    /// Adds rules, all or none.
    fn add(&self, body: &[u8]) -> Result<(), String> {
        let added: Vec<Rule> = serde_json::from_slice(body)
            .map_err(|e| format!("the body is no list of rules: {e}"))?;
        for (index, rule) in added.iter().enumerate() {
            rule.check().map_err(|e| format!("rule {index}: {e}"))?;
        }
        let mut rules = self.rules();
        if rules.len() + added.len() > MAX_RULES {
            return Err(format!("there are at most {MAX_RULES} rules: DELETE them"));
        }
        rules.extend(added.into_iter().map(|rule| Counted { rule, met: 0 }));
        Ok(())
    }

    fn told(&self) -> Value {
        let rules = self.rules();
        let told = rules.iter().map(|one| {
            let mut told = json!(one.rule);
            if let Some(told) = told.as_object_mut() {
                told.insert("met".into(), json!(one.met));
            }
            told
        });
        Value::Array(told.collect())
    }
}

async fn meet(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let rule = faults.rule_for(host, request.uri().path(), request.method());
    let Some(rule) = rule else {
        return next.run(request).await;
    };
    let outcome = rule.outcome(host, request.uri().path());
    let of_vault = matches!(
        Place::of(host).map(|place| place.service),
        Some(Service::Vault(_))
    );
    if let Some(delay) = rule.delay {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    match outcome {
        Outcome::Right => next.run(request).await,
        // who is refused is told where to get a token
        Outcome::Answer(mut response) if of_vault && rule.status == Some(401) => {
            let mut request = request;
            request.headers_mut().remove(header::AUTHORIZATION);
            let asked = next.run(request).await;
            if let Some(challenge) = asked.headers().get(header::WWW_AUTHENTICATE) {
                let headers = response.headers_mut();
                headers.insert(header::WWW_AUTHENTICATE, challenge.clone());
            }
            *response
        }
        Outcome::Answer(response) => *response,
        Outcome::Spoil(spoil) => {
            let mut response = match spoil {
                Spoil::HangUp => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                Spoil::Cut(_) => next.run(request).await,
            };
            response.extensions_mut().insert(spoil);
            response
        }
    }
}

async fn control(State(faults): State<Arc<Faults>>, request: Request) -> Response {
    let refused = |status: u16, text: &str| {
        let error = json!({"error": "invalid_request", "error_description": text});
        answer(status, &error)
    };
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    if !peer.is_some_and(|ConnectInfo(peer)| is_own(peer.ip())) {
        return refused(403, "faults are asked for on this machine alone");
    }
    if !is_meant(&parts.headers) {
        // no page in a browser can send it
        return refused(400, "Required metadata header not specified");
    }
    let added = match parts.method {
        Method::GET => Ok(()),
        Method::DELETE => {
            faults.rules().clear();
            Ok(())
        }
        Method::POST => match whole(body, MAX_BODY).await {
            Ok(body) => faults.add(&body),
            Err((status, _, text)) => return refused(status, text),
        },
        _ => {
            let refused = refused(405, "GET, POST and DELETE are served");
            return ([(header::ALLOW, "DELETE, GET, POST")], refused).into_response();
        }
    };
    match added {
        Ok(()) => answer(200, &faults.told()),
        Err(text) => refused(400, &text),
    }
}

fn is_own(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

fn is_meant(headers: &HeaderMap) -> bool {
    let metadata = headers.get("metadata").map(|value| value.as_bytes());
    metadata.is_some_and(|value| value.eq_ignore_ascii_case(b"true"))
        && !headers.contains_key("x-forwarded-for")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(rules: &Value) -> Result<Faults, String> {
        let faults = Faults::default();
        faults.add(rules.to_string().as_bytes()).map(|()| faults)
    }

    #[test]
    fn the_first_rule_that_fits_counts_its_requests() {
        let faults = added(&json!([
            {"match": {"host": "Dev.", "path": "/secrets/", "method": "GET"}, "status": 503, "times": 2},
            {"match": {"path": "/secrets"}, "drop": true},
        ]))
        .unwrap();
        let meets = |host: &str, path: &str, method: Method| {
            let rule = faults.rule_for(host, path, &method);
            rule.map(|rule| rule.status.unwrap_or_default())
        };
        let host = "dev.vault.localhost:8443";
        assert_eq!(meets(host, "/secrets/a", Method::GET), Some(503));
        assert_eq!(meets(host, "/secrets/a", Method::PUT), Some(0));
        assert_eq!(meets("d", "/secrets/a", Method::GET), Some(0));
        assert_eq!(meets(host, "/secrets/b", Method::GET), Some(503));
        assert_eq!(meets(host, "/secrets/b", Method::GET), Some(0));
        assert_eq!(meets(host, "/keys", Method::GET), None);
        let told = faults.told();
        assert_eq!((&told[0]["met"], &told[1]["met"]), (&json!(2), &json!(3)));
    }

    #[test]
    fn rules_that_say_nothing_or_too_much_are_refused() {
        for wrong in [
            json!([{}]),
            json!([{"status": 200}]),
            json!([{"status": 500, "drop": true}]),
            json!([{"drop": true, "truncate": 1}]),
            json!([{"drop": true, "code": "x"}]),
            json!([{"delay": 60_001}]),
            json!([{"drop": true, "times": 0}]),
            json!([{"drop": true, "match": {"paths": "/"}}]),
            json!([{"drop": true, "match": {"path": "x".repeat(1025)}}]),
            json!({"drop": true}),
            json!(vec![json!({"drop": true}); 101]),
        ] {
            assert!(added(&wrong).is_err(), "{wrong}");
        }
        let faults = added(&json!(vec![json!({"delay": 1}); 100])).unwrap();
        assert!(faults.add(br#"[{"delay": 1}]"#).is_err());
    }

    #[test]
    fn an_error_has_the_form_of_the_service_that_was_asked() {
        let told = |rule: Value, host: &str, path: &str| {
            let rule: Rule = serde_json::from_value(rule).unwrap();
            let Outcome::Answer(response) = rule.outcome(host, path) else {
                panic!("no answer")
            };
            let body = axum::body::to_bytes(response.into_body(), 1 << 16);
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let body = runtime.unwrap().block_on(body).unwrap();
            serde_json::from_slice::<Value>(&body).unwrap()
        };
        let login = |rule: Value| told(rule, "login.localhost:8443", "/t/oauth2/v2.0/token");
        let error = login(json!({"status": 503}));
        assert_eq!(error["error"], "temporarily_unavailable");
        assert_eq!(error["error_codes"], json!([90033]));
        let text = error["error_description"].as_str().unwrap();
        assert!(text.starts_with("AADSTS90033: ") && text.contains(" Trace ID: "));
        let error = login(json!({"status": 429, "code": "AADSTS50196", "message": "loop"}));
        assert_eq!(error["error_codes"], json!([50196]));
        let error = login(json!({"status": 400, "code": "invalid_grant"}));
        assert_eq!(error["error"], "invalid_grant");
        let vault = "dev.vault.localhost:8443";
        let error = told(json!({"status": 404}), vault, "/secrets/a");
        assert_eq!(error["error"]["code"], "SecretNotFound");
        let error = told(json!({"status": 401}), vault, "/secrets/a");
        assert_eq!(error["error"]["code"], "Unauthorized");
        let error = told(json!({"status": 429}), "127.0.0.1:8169", "/msi/token");
        assert_eq!(error["statusCode"], 429);
        assert!(error["message"].is_string());
    }

    #[test]
    fn only_this_machine_asks_for_faults() {
        assert!(is_own("127.0.0.1".parse().unwrap()) && is_own("::1".parse().unwrap()));
        assert!(is_own("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!is_own("10.0.0.1".parse().unwrap()));
    }
}
