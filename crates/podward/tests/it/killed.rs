//! A cloud that is killed while it writes, again and again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cloud::{Client, Cloud};
use crate::harness::scratch;

/// How often it is killed.
const ROUNDS: u64 = 100;
/// Rounds on one data folder: what is loaded at each start grows.
const ON_ONE: u64 = 20;
/// Clients that write at once, each with objects of its own.
const WRITERS: usize = 4;

/// An object as a client knows it. The text is a secret's value, or a key's public part.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Live(String),
    Deleted(String),
}

/// One client's objects; of the one that was being changed when the cloud was killed, also what it may have become.
#[derive(Default)]
struct Writer {
    objects: BTreeMap<String, State>,
    unsure: Option<(String, State)>,
    step: u64,
}

impl Writer {
    /// Writes until no answer comes.
    fn write(&mut self, index: usize, client: &Client, token: &str) -> u64 {
        let mut acknowledged = 0;
        loop {
            self.step += 1;
            let kind = if self.step.is_multiple_of(4) {
                "keys"
            } else {
                "secrets"
            };
            let name = format!("{kind}/w{index}-{}", self.step % 5);
            let now = self.objects.get(&name).cloned().unwrap_or(State::Absent);
            let (method, path, body, next) = self.change(kind, &name, now);
            let answer = client.ask(method, &path, token, &body);
            let Some((status, told)) = answer else {
                self.unsure = Some((name, next));
                return acknowledged;
            };
            assert_eq!(status, 200, "{method} {path}: {told}");
            let next = match next {
                // what was made is told in the answer
                State::Live(text) if text.is_empty() => State::Live(text_of(&told)),
                next => next,
            };
            self.objects.insert(name, next);
            acknowledged += 1;
        }
    }

    fn change(&self, kind: &str, name: &str, now: State) -> (&'static str, String, Value, State) {
        let step = self.step;
        match now {
            State::Deleted(text) => {
                let path = format!("/deleted{name}/recover");
                ("POST", path, Value::Null, State::Live(text))
            }
            State::Live(text) if step.is_multiple_of(7) => (
                "DELETE",
                format!("/{name}"),
                Value::Null,
                State::Deleted(text),
            ),
            State::Live(text) if step.is_multiple_of(3) => {
                let body = json!({"tags": {"step": step.to_string()}});
                ("PATCH", format!("/{name}"), body, State::Live(text))
            }
            _ if kind == "keys" => {
                let body = json!({"kty": "EC"});
                (
                    "POST",
                    format!("/{name}/create"),
                    body,
                    State::Live(String::new()),
                )
            }
            _ => {
                let value = format!("value {step}");
                (
                    "PUT",
                    format!("/{name}"),
                    json!({"value": value}),
                    State::Live(value),
                )
            }
        }
    }

    /// Compares what is there with what was acknowledged.
    fn check(&mut self, cloud: &Cloud, token: &str) {
        let unsure = self.unsure.take();
        if let Some((name, _)) = &unsure {
            self.objects.entry(name.clone()).or_insert(State::Absent);
        }
        for (name, known) in &mut self.objects {
            let (status, told) = cloud.vault("GET", &format!("/{name}"), token, &Value::Null);
            let deleted =
                |text| match cloud.vault("GET", &format!("/deleted{name}"), token, &Value::Null) {
                    (200, _) => State::Deleted(text),
                    _ => State::Absent,
                };
            let found = match (status, &*known) {
                (200, _) => State::Live(text_of(&told)),
                (_, State::Live(text) | State::Deleted(text)) => deleted(text.clone()),
                (_, State::Absent) => deleted(String::new()),
            };
            let may_be = unsure.as_ref().filter(|(other, _)| other == name);
            let became = may_be.is_some_and(|(_, next)| match (next, &found) {
                (State::Live(text), State::Live(_)) if text.is_empty() => true,
                (next, found) => next == found,
            });
            assert!(
                found == *known || became,
                "{name} is {found:?}, and was {known:?}; {may_be:?}"
            );
            if name.starts_with("keys") && matches!(found, State::Live(_)) {
                let body = json!({"alg": "ES256", "value": "A".repeat(43)});
                let signed = cloud.vault("POST", &format!("/{name}/sign"), token, &body);
                assert_eq!(signed.0, 200, "{name}: {}", signed.1);
            }
            *known = found;
        }
    }
}

fn text_of(told: &Value) -> String {
    let text = told["value"].as_str().or(told["key"]["x"].as_str());
    text.unwrap_or_default().to_owned()
}

#[test]
fn no_acknowledged_write_is_lost() {
    let mut data = PathBuf::new();
    let mut writers: Vec<Writer> = Vec::new();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        if round % ON_ONE == 0 {
            data = scratch();
            writers = (0..WRITERS).map(|_| Writer::default()).collect();
        }
        let mut cloud = Cloud::start(data.clone(), &[]);
        let token = cloud.token();
        for writer in &mut writers {
            writer.check(&cloud, &token);
        }
        let ready = cloud.ready.clone();
        acknowledged += std::thread::scope(|scope| {
            let all: Vec<_> = writers
                .iter_mut()
                .enumerate()
                .map(|(index, writer)| {
                    let (ready, token) = (&ready, &token);
                    scope.spawn(move || writer.write(index, &Client::of(ready), token))
                })
                .collect();
            std::thread::sleep(Duration::from_millis(20 + round * 37 % 60));
            cloud.process.child.kill().unwrap();
            cloud.process.child.wait().unwrap();
            all.into_iter().map(|one| one.join().unwrap()).sum::<u64>()
        });
    }
    assert!(
        acknowledged > ROUNDS * 5,
        "{acknowledged} writes were acknowledged"
    );
    println!("{acknowledged} acknowledged writes, {ROUNDS} kills");
    let cloud = Cloud::start(data, &[]);
    let token = cloud.token();
    for writer in &mut writers {
        writer.check(&cloud, &token);
    }
}
