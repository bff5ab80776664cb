//! What the API server asks, and what it is told (admission.k8s.io/v1).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// `AdmissionReview` as it comes. Objects stay text: who judges them reads what it needs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review<'a> {
    /// `admission.k8s.io/v1`.
    #[serde(borrow)]
    pub api_version: Cow<'a, str>,
    /// `AdmissionReview`.
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
    /// The request.
    #[serde(borrow)]
    pub request: Request<'a>,
}

/// `request` of a review.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// What the answer repeats.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// Kind of the object.
    #[serde(borrow)]
    pub kind: Kind<'a>,
    /// Resource that is asked for.
    #[serde(borrow)]
    pub resource: Resource<'a>,
    /// Subresource, such as `ephemeralcontainers`; empty for the object itself.
    #[serde(borrow, default)]
    pub sub_resource: Cow<'a, str>,
    /// Name of the object; empty where the server is to make one.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// Its namespace; empty for what has none.
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    #[serde(borrow)]
    pub operation: Cow<'a, str>,
    /// Who asks.
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    /// The object as it is to be.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// The object as it is.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    /// Whether nothing will come of it.
    #[serde(default)]
    pub dry_run: Option<bool>,
}

/// A kind with its group.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Kind<'a> {
    /// Group; empty for core.
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    /// Kind.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
}

/// A resource with its group.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Resource<'a> {
    /// Group; empty for core.
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    /// Resource, in the plural.
    #[serde(borrow)]
    pub resource: Cow<'a, str>,
}

impl Resource<'_> {
    /// As the API server names it in messages: `pods`, `deployments.apps`.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.resource.clone().into_owned()
        } else {
            format!("{}.{}", self.resource, self.group)
        }
    }

    /// Whether it is this one of the core group.
    #[must_use]
    pub fn is_core(&self, resource: &str) -> bool {
        self.group.is_empty() && self.resource == resource
    }
}

/// Who asks.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    /// Name of the user.
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
}

/// `response` of a review.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// That of the request.
    pub uid: String,
    /// Whether it may go on.
    pub allowed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// What `kubectl` shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What the audit log keeps, below the webhook's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub audit_annotations: BTreeMap<&'static str, String>,
    /// `JSONPatch`, where there is a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<&'static str>,
    /// The patch (RFC 6902), in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
}

/// A refusal, as the API server answers it (meta/v1 Status).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Status of HTTP.
    pub code: u16,
    /// `Forbidden`, `Invalid`, …
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
}

impl Answer {
    /// It may go on.
    #[must_use]
    pub fn allowed() -> Self {
        Self {
            allowed: true,
            ..Self::default()
        }
    }

    /// It may not.
    #[must_use]
    pub fn refused(code: u16, reason: &'static str, message: String) -> Self {
        Self {
            status: Some(Status {
                code,
                reason,
                message,
            }),
            ..Self::default()
        }
    }

    /// With an annotation for the audit log.
    #[must_use]
    pub fn noting(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.audit_annotations.insert(key, value.into());
        self
    }

    /// The review that carries it.
    #[must_use]
    pub fn review(&self) -> Reviewed<'_> {
        Reviewed {
            api_version: "admission.k8s.io/v1",
            kind: "AdmissionReview",
            response: self,
        }
    }
}

/// `AdmissionReview` as it goes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reviewed<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: &'a Answer,
}
