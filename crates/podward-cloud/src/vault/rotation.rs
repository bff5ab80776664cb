//! Rotation of keys: when a client asks for it, and by the policies of keys.

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::door::Call;
use super::fault::Fault;
use super::key::{Key, add};
use super::objects::{DAY, Object, Sent, read};
use super::shelf::{Attributes, Tags};
use super::step::Step;
use super::x509::months_later;

/// The latest version: its key, what may be done with it, and its tags.
fn latest(call: &Call<'_>, name: &str) -> Result<(Key, Option<Tags>, Option<i64>), Fault> {
    let store = call.store();
    let item = store.keys.live(name);
    Call::own(item)?;
    let latest = item.and_then(|item| item.version(None));
    let latest = latest.ok_or_else(|| call.missing::<Key>(name, None))?;
    let policy = item.and_then(|item| item.policy.as_ref());
    let end = policy.and_then(|policy| end_of(policy, call.now()));
    Ok((latest.body.clone(), latest.tags.clone(), end))
}

pub(super) fn rotate(call: &Call<'_>, name: &str) -> Result<Value, Fault> {
    call.may(Key::KIND, "rotate", name)?;
    let (key, tags, end) = latest(call, name)?;
    let made = key.material().map(|material| material.another());
    let made = made.ok_or_else(|| Fault::unavailable("the key was never made"))??;
    let sent: Result<Sent, _> =
        serde_json::from_value(json!({"tags": tags, "attributes": {"exp": end}}));
    let sent = sent.unwrap_or_default();
    add(call, name, "rotate", made, key.operations, sent)
}

/// The action that every policy has, as recorded, where it names no other of its type.
fn notice() -> Value {
    json!({"trigger": {"timeBeforeExpiry": "P30D"}, "action": {"type": "Notify"}})
}

/// The policy of a key that was given none.
fn usual() -> Value {
    json!({"lifetimeActions": [notice()], "attributes": {}})
}

fn told_policy(call: &Call<'_>, name: &str, policy: Option<&Value>) -> Value {
    let mut told = policy.cloned().unwrap_or_else(usual);
    if let Some(told) = told.as_object_mut() {
        let id = format!("{}/rotationpolicy", call.id(Key::KIND, name, None));
        told.insert("id".into(), json!(id));
    }
    told
}

pub(super) fn policy(call: &Call<'_>, name: &str) -> Result<Value, Fault> {
    call.may(Key::KIND, "getrotationpolicy", name)?;
    let store = call.store();
    let item = store
        .keys
        .live(name)
        .ok_or_else(|| call.missing::<Key>(name, None))?;
    call.granted(Key::KIND, "getrotationpolicy", name, "")?;
    Ok(told_policy(call, &item.name, item.policy.as_ref()))
}

pub(super) fn set_policy(call: &Call<'_>, name: &str, body: &[u8]) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wanted {
        #[serde(default)]
        lifetime_actions: Vec<Action>,
        attributes: Option<Expiry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Expiry {
        expiry_time: Option<String>,
    }
    #[derive(Deserialize)]
    struct Action {
        trigger: Trigger,
        action: ActionType,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Trigger {
        time_after_create: Option<String>,
        time_before_expiry: Option<String>,
    }
    #[derive(Deserialize)]
    struct ActionType {
        r#type: String,
    }
    call.may(Key::KIND, "setrotationpolicy", name)?;
    let wanted: Wanted = read(body)?;
    let expiry = wanted
        .attributes
        .and_then(|attributes| attributes.expiry_time);
    let mut durations = expiry.iter().collect::<Vec<_>>();
    let mut actions = Vec::new();
    for one in &wanted.lifetime_actions {
        let kind = match one.action.r#type.to_ascii_lowercase().as_str() {
            "rotate" => "Rotate",
            "notify" => "Notify",
            _ => return Err(Fault::bad("A lifetime action is Rotate or Notify")),
        };
        let trigger = match (
            &one.trigger.time_after_create,
            &one.trigger.time_before_expiry,
        ) {
            (Some(time), None) => {
                durations.push(time);
                json!({"timeAfterCreate": time})
            }
            (None, Some(time)) => {
                durations.push(time);
                json!({"timeBeforeExpiry": time})
            }
            _ => {
                let text = "A trigger has one of timeAfterCreate and timeBeforeExpiry";
                return Err(Fault::bad(text));
            }
        };
        actions.push(json!({"trigger": trigger, "action": {"type": kind}}));
    }
    if !durations.into_iter().all(|text| Span::of(text).is_some()) {
        return Err(Fault::bad(
            "Times are durations of ISO 8601 in years, months or days, as P90D",
        ));
    }
    in_bounds(&actions, expiry.as_deref())?;
    let notifies = |action: &Value| action.pointer("/action/type") == Some(&json!("Notify"));
    if !actions.iter().any(notifies) {
        actions.push(notice());
    }
    let mut store = call.store();
    let now = call.now();
    let item = store.keys.live(name);
    let item = item.ok_or_else(|| call.missing::<Key>(name, None))?;
    Call::own(Some(item))?;
    call.granted(Key::KIND, "setrotationpolicy", name, "")?;
    let mut attributes = json!({"created": now, "updated": now});
    if let (Some(expiry), Some(attributes)) = (expiry, attributes.as_object_mut()) {
        attributes.insert("expiryTime".into(), json!(expiry));
    }
    let policy = json!({"lifetimeActions": actions, "attributes": attributes});
    store.commit(vec![Step::Policy(Key::KIND, name.to_owned(), policy)])?;
    let item = store.keys.live(name);
    let item = item.ok_or_else(|| call.missing::<Key>(name, None))?;
    Ok(told_policy(call, &item.name, item.policy.as_ref()))
}

/// Refuses times that the service refuses: too short, or not apart.
fn in_bounds(actions: &[Value], expiry: Option<&str>) -> Result<(), Fault> {
    // each is counted from the same moment: months have lengths of their own
    let days = |span: Span| Some(span.after(0)? / DAY);
    let expiry = expiry.and_then(Span::of).and_then(days);
    if expiry.is_some_and(|days| days < 28) {
        return Err(Fault::bad("The expiryTime must be at least 28 days"));
    }
    for action in actions {
        let time = |path: &str| action.pointer(path).and_then(Value::as_str);
        let (after, before) = (
            time("/trigger/timeAfterCreate"),
            time("/trigger/timeBeforeExpiry"),
        );
        let span = after.or(before).and_then(Span::of).and_then(days);
        let left = span.zip(expiry).map(|(span, expiry)| expiry - span);
        if span.is_some_and(|days| days < 7) || left.is_some_and(|days| days < 7) {
            let text = "A lifetime action must be at least 7 days after the creation and 7 days before the expiry";
            return Err(Fault::bad(text));
        }
    }
    Ok(())
}

/// When a version that is made now ends, by the policy of its key.
pub(super) fn end_of(policy: &Value, now: i64) -> Option<i64> {
    let text = policy.pointer("/attributes/expiryTime")?.as_str()?;
    Span::of(text)?.after(now)
}

/// Whether a policy wants a new version now, by the latest one.
pub(super) fn is_due(policy: &Value, latest: &Attributes, now: i64) -> bool {
    let actions = policy.get("lifetimeActions").and_then(Value::as_array);
    actions.into_iter().flatten().any(|action| {
        let text = |path: &str| action.pointer(path).and_then(Value::as_str);
        if text("/action/type") != Some("Rotate") {
            return false;
        }
        let span = |path: &str| text(path).and_then(Span::of);
        let after = span("/trigger/timeAfterCreate").and_then(|span| span.after(latest.created));
        let reaches = span("/trigger/timeBeforeExpiry").and_then(|span| span.after(now));
        after.is_some_and(|due| due <= now)
            || reaches.zip(latest.exp).is_some_and(|(end, exp)| end >= exp)
    })
}

/// A time of whole years, months and days, as `P1Y6M`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    months: u32,
    days: u32,
}

impl Span {
    fn of(text: &str) -> Option<Self> {
        let mut span = Self { months: 0, days: 0 };
        let rest = text.strip_prefix('P').filter(|rest| !rest.is_empty())?;
        let mut units = "YMD".chars();
        let mut number = String::new();
        for c in rest.chars() {
            if c.is_ascii_digit() {
                number.push(c);
                continue;
            }
            let value: u32 = std::mem::take(&mut number).parse().ok()?;
            if !units.any(|unit| unit == c) {
                return None;
            }
            match c {
                'Y' => span.months = value.checked_mul(12)?,
                'M' => span.months = span.months.checked_add(value)?,
                _ => span.days = value,
            }
        }
        number.is_empty().then_some(span)
    }

    /// The time that is so much later, unix seconds.
    fn after(self, from: i64) -> Option<i64> {
        let from = OffsetDateTime::from_unix_timestamp(from).ok()?;
        let later = months_later(from, self.months)?;
        let later = later.checked_add(time::Duration::days(self.days.into()))?;
        Some(later.unix_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::Trial;
    use super::*;

    #[test]
    fn the_key_of_a_certificate_has_no_policy_of_its_own() {
        let trial = Trial::new();
        trial.create_certificate("Self");
        let set = |name: &str| {
            let path = format!("/keys/{name}/rotationpolicy");
            trial.ask("PUT", &path, &json!({"lifetimeActions": []})).0
        };
        assert_eq!((set("web"), set("none")), (403, 404));
    }

    #[test]
    fn every_policy_notifies_once() {
        let trial = Trial::new();
        trial.ask("POST", "/keys/k/create", &json!({"kty": "EC"}));
        let action =
            |kind: &str, trigger: Value| json!({"trigger": trigger, "action": {"type": kind}});
        let rotate = action("Rotate", json!({"timeAfterCreate": "P30D"}));
        let own = action("Notify", json!({"timeBeforeExpiry": "P9D"}));
        for (sent, kept) in [
            (json!([rotate]), json!([rotate, notice()])),
            (json!([]), json!([notice()])),
            (json!([own, rotate]), json!([own, rotate])),
        ] {
            let body = json!({"lifetimeActions": sent});
            let (status, told) = trial.ask("PUT", "/keys/k/rotationpolicy", &body);
            assert_eq!((status, &told["lifetimeActions"]), (200, &kept));
            let (_, told) = trial.ask("GET", "/keys/k/rotationpolicy", &Value::Null);
            assert_eq!(told["lifetimeActions"], kept);
        }
    }

    #[test]
    fn spans_are_of_whole_days() {
        let span = |months, days| Some(Span { months, days });
        assert_eq!(Span::of("P90D"), span(0, 90));
        assert_eq!(Span::of("P1Y"), span(12, 0));
        assert_eq!(Span::of("P1Y6M"), span(18, 0));
        assert_eq!(Span::of("P2Y3M4D"), span(27, 4));
        for text in [
            "",
            "P",
            "90D",
            "PT1H",
            "P1D1Y",
            "PD",
            "P1",
            "P99999999999D",
            "P999999999Y",
        ] {
            assert!(Span::of(text).is_none(), "{text}");
        }
        assert!(Span::of("P4294967295D").unwrap().after(0).is_none());
    }

    #[test]
    fn a_policy_says_when() {
        let policy = |trigger: Value, kind: &str| {
            let action = json!({"trigger": trigger, "action": {"type": kind}});
            json!({"lifetimeActions": [action], "attributes": {"expiryTime": "P100D"}})
        };
        let day = 86_400;
        let latest = Attributes {
            exp: Some(100 * day),
            ..Attributes::new(0)
        };
        let after = policy(json!({"timeAfterCreate": "P30D"}), "Rotate");
        assert!(!is_due(&after, &latest, 30 * day - 1) && is_due(&after, &latest, 30 * day));
        let before = policy(json!({"timeBeforeExpiry": "P10D"}), "Rotate");
        assert!(!is_due(&before, &latest, 90 * day - 1) && is_due(&before, &latest, 90 * day));
        assert!(!is_due(&before, &Attributes::new(0), 90 * day));
        let notify = policy(json!({"timeAfterCreate": "P30D"}), "Notify");
        assert!(!is_due(&notify, &latest, 99 * day));
        assert_eq!(end_of(&after, day), Some(101 * day));
        assert_eq!(end_of(&json!({}), day), None);
    }
}
