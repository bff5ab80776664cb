//! An event as a line: its time, its length, its text.

use podward_api::access::{Event, Outcome};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::request::request_id;

/// Longest name in an event, bytes. Kubernetes' names have at most 253, resource ids of Azure some 300.
const LONGEST_NAME: usize = 512;
/// Longest text in an event, bytes.
const LONGEST_TEXT: usize = 2048;

/// The event as it stands in a segment.
///
/// # Errors
/// Not for an event; the serializer has the type.
pub(crate) fn line(event: &Event) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(640);
    serde_json::to_writer(&mut line, event)?;
    line.push(b'\n');
    Ok(line)
}

/// Always with six digits of the second, so that times have one length and sort as text.
pub(crate) fn now() -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

/// Fills in time and node where the event has none, and cuts what is too long to be a name.
pub(crate) fn stamp(event: &mut Event, node: &str) {
    if event.time.is_empty() {
        event.time = now();
    }
    if event.node.is_empty() {
        node.clone_into(&mut event.node);
    }
    bounded(event);
}

/// An event as the log would keep it, without the end of the line: for who sends events elsewhere.
///
/// # Errors
/// Not for an event; the serializer has the type.
pub fn told(mut event: Event) -> serde_json::Result<String> {
    stamp(&mut event, "");
    serde_json::to_string(&event)
}

/// What a client sent may be as long as a request; an event is not.
fn bounded(event: &mut Event) {
    let names = [
        &mut event.time,
        &mut event.node,
        &mut event.namespace,
        &mut event.pod,
        &mut event.pod_uid,
        &mut event.service_account,
        &mut event.identity,
        &mut event.rule,
        &mut event.request_id,
    ];
    let token = event
        .token
        .iter_mut()
        .flat_map(|token| [&mut token.jti, &mut token.hash]);
    let object = event.object.iter_mut().flat_map(|object| {
        [
            &mut object.vault,
            &mut object.kind,
            &mut object.name,
            &mut object.version,
        ]
    });
    for name in names.into_iter().chain(token.flatten()).chain(object) {
        cut(name, LONGEST_NAME);
    }
    cut(&mut event.asked, LONGEST_TEXT);
    cut(&mut event.reason, LONGEST_TEXT);
}

fn cut(text: &mut String, longest: usize) {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
}

/// The event of a drop.
pub(crate) fn dropped(node: &str, segment: &str) -> Event {
    Event {
        time: now(),
        node: node.to_owned(),
        asked: "access log".into(),
        outcome: Outcome::Granted,
        rule: "bounded".into(),
        request_id: request_id().to_string(),
        reason: format!("dropped the oldest segment {segment} to stay within the bound"),
        ..Event::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_sent_is_cut() {
        let mut event = Event {
            asked: "\u{1}ä".repeat(30_000),
            identity: "x".repeat(60_000),
            reason: "short".into(),
            ..Event::default()
        };
        bounded(&mut event);
        assert!(event.asked.len() <= LONGEST_TEXT + '…'.len_utf8() && event.asked.ends_with('…'));
        assert_eq!(event.identity.len(), LONGEST_NAME + '…'.len_utf8());
        assert_eq!(event.reason, "short");
        assert!(line(&event).unwrap().len() < 64 << 10);
    }

    #[test]
    fn times_have_one_length() {
        assert_eq!(now().len(), "2026-01-15T09:30:00.125000Z".len());
    }
}
