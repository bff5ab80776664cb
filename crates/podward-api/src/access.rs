//! The event that every door writes for every grant and refusal.

use serde::{Deserialize, Serialize};

/// One grant or refusal. Carries names, never a secret or a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// When, RFC 3339 in UTC. The log fills it in where it is empty.
    pub time: String,
    /// Node the pod runs on.
    pub node: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub pod_uid: String,
    /// Service account of the pod.
    pub service_account: String,
    /// Client id or resource name of the identity that was used or asked for.
    pub identity: String,
    /// Which door answered.
    pub door: Door,
    /// What was asked: a resource, an object, a volume, an admission.
    pub asked: String,
    /// Whether it was given.
    pub outcome: Outcome,
    /// The rule that decided, e.g. the name of a binding or of a federated credential.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
    /// Ties the events of one request together.
    pub request_id: String,
    /// The token that was issued, by id or hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenRef>,
    /// The vault object that was read or written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// How many equal grants out of a cache this event stands for, where more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Whether nothing came of it: a review of a request that was a dry run.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The door that answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Door {
    /// Admission.
    #[default]
    Webhook,
    /// 169.254.169.254.
    Imds,
    /// `IDENTITY_ENDPOINT`.
    Endpoint,
    /// aad-pod-identity's host door.
    Host,
    /// The token service (local cloud).
    TokenService,
    /// The CSI driver.
    Csi,
    /// The vault (local cloud).
    Vault,
}

impl Door {
    /// All doors.
    pub const ALL: [Self; 7] = [
        Self::Webhook,
        Self::Imds,
        Self::Endpoint,
        Self::Host,
        Self::TokenService,
        Self::Csi,
        Self::Vault,
    ];

    /// As the log writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Imds => "imds",
            Self::Endpoint => "endpoint",
            Self::Host => "host",
            Self::TokenService => "token-service",
            Self::Csi => "csi",
            Self::Vault => "vault",
        }
    }
}

/// Whether the asker got what it asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was given.
    Granted,
    /// It was not.
    #[default]
    Refused,
}

impl Outcome {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Granted, Self::Refused];

    /// As the log writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }
}

/// A token, named without revealing it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRef {
    /// The token's `jti` (or Entra's `uti`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// Salted hash of the token, where it has no id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
}

/// A vault object, by name and version only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Name of the vault.
    pub vault: String,
    /// `secret`, `key` or `certificate`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the object.
    pub name: String,
    /// Version, 32 hex digits.
    pub version: String,
}

/// The event could not be recorded, so what it stands for must not be granted.
#[derive(Debug, thiserror::Error)]
#[error("the access log cannot be written: {0}")]
pub struct RecordError(pub String);

/// Where events go. A grant is answered only after `record` has returned `Ok`.
pub trait Recorder: Send + Sync {
    /// Records one event.
    ///
    /// # Errors
    /// When the event was not written; the caller must then refuse.
    fn record(&self, event: Event) -> Result<(), RecordError>;

    /// Records a grant that may be repeated out of a cache. `cached` says that this one is such a repeat: it may
    /// then be counted with its equals, and one event with a `count` stands for them later.
    ///
    /// # Errors
    /// When the event could not be written; the caller must then refuse.
    fn record_grant(&self, event: Event, cached: bool) -> Result<(), RecordError> {
        let _ = cached;
        self.record(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_log() {
        for door in Door::ALL {
            assert_eq!(serde_json::to_value(door).unwrap(), door.as_str());
        }
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
    }

    #[test]
    fn fields_and_their_order_are_those_of_the_documentation() {
        let event = Event {
            token: Some(TokenRef {
                jti: Some("1".into()),
                hash: None,
            }),
            object: Some(ObjectRef::default()),
            count: Some(2),
            ..Event::default()
        };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            concat!(
                r#"{"time":"","node":"","namespace":"","pod":"","podUid":"","serviceAccount":"","#,
                r#""identity":"","door":"webhook","asked":"","outcome":"refused","rule":"","#,
                r#""reason":"","requestId":"","token":{"jti":"1"},"#,
                r#""object":{"vault":"","type":"","name":"","version":""},"count":2}"#
            )
        );
        let text = serde_json::to_string(&Event::default()).unwrap();
        assert!(text.ends_with(r#""requestId":""}"#), "{text}");
        let dry = Event {
            dry_run: true,
            ..Event::default()
        };
        let text = serde_json::to_string(&dry).unwrap();
        assert!(text.ends_with(r#""dryRun":true}"#), "{text}");
    }
}
