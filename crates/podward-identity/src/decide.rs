//! Which of its identities a pod gets. Pure.

use podward_cluster::{AssignedIdentity, Pod, View};

/// What a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// `resource`, as sent.
    pub resource: String,
    /// `client_id`.
    pub client_id: Option<String>,
    /// `object_id`.
    pub object_id: Option<String>,
    /// `msi_res_id` or `mi_res_id`.
    pub resource_id: Option<String>,
}

/// Why no identity is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request itself is wrong.
    BadRequest,
    /// The pod has no such identity.
    NoIdentity,
    /// The token service refused.
    TokenService,
    /// Something podward depends on is away.
    Unavailable,
}

/// A refusal, in the words of the answer and of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind it is.
    pub kind: RefusalKind,
    /// Why, and how to go on.
    pub reason: String,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, reason: impl Into<String>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }
}

/// Chooses the identity that a request means. A request that names none gets the pod's only one; with several,
/// ambiguity is refused rather than guessed.
///
/// # Errors
/// With the reason, which names what to mend.
pub fn choose(view: &View, pod: &Pod, asked: &Asked) -> Result<AssignedIdentity, Refusal> {
    if asked.resource.is_empty() {
        return Err(Refusal::new(
            RefusalKind::BadRequest,
            "parameter resource cannot be empty",
        ));
    }
    let identities = view.identities_of(pod);
    if asked.object_id.is_some() {
        return Err(Refusal::new(
            RefusalKind::NoIdentity,
            "Identity not found: object_id is not known to the cluster; ask by client_id or msi_res_id",
        ));
    }
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let named = asked.client_id.is_some() || asked.resource_id.is_some();
    let mut matching = identities.iter().filter(|identity| {
        asked
            .client_id
            .as_deref()
            .is_none_or(|id| same(id, &identity.client_id))
            && asked.resource_id.as_deref().is_none_or(|id| {
                identity
                    .resource_id
                    .as_deref()
                    .is_some_and(|own| same(own, id))
            })
    });
    match (matching.next(), matching.next()) {
        (Some(identity), None) => Ok(identity.clone()),
        (Some(first), Some(second)) if first.client_id == second.client_id => Ok(first.clone()),
        (Some(_), Some(_)) => Err(Refusal::new(
            RefusalKind::BadRequest,
            format!(
                "pod {}/{} has {} identities: name one by client_id",
                pod.namespace,
                pod.name,
                identities.len()
            ),
        )),
        (None, _) if named => Err(Refusal::new(
            RefusalKind::NoIdentity,
            format!(
                "Identity not found: pod {}/{} is not assigned the identity it asked for",
                pod.namespace, pod.name
            ),
        )),
        (None, _) => Err(Refusal::new(
            RefusalKind::NoIdentity,
            format!(
                "Identity not found: pod {}/{} has no AzureIdentityBinding for its label and its service account {} no client id annotation",
                pod.namespace, pod.name, pod.service_account
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use podward_api::workload_identity::CLIENT_ID_ANNOTATION;
    use serde_json::json;

    fn view() -> View {
        let mut view = View::default();
        let annotated = json!({"metadata": {"annotations": {CLIENT_ID_ANNOTATION: "C1"}}});
        view.insert("ServiceAccount", "a", "default", annotated);
        view
    }

    fn pod() -> Pod {
        Pod {
            namespace: "a".into(),
            name: "p".into(),
            service_account: "default".into(),
            ..Pod::default()
        }
    }

    fn asked(client_id: Option<&str>) -> Asked {
        Asked {
            resource: "https://r".into(),
            client_id: client_id.map(Into::into),
            ..Asked::default()
        }
    }

    #[test]
    fn the_only_identity_is_given_and_client_ids_have_no_case() {
        assert_eq!(
            choose(&view(), &pod(), &asked(None)).unwrap().client_id,
            "C1"
        );
        assert_eq!(
            choose(&view(), &pod(), &asked(Some("c1")))
                .unwrap()
                .client_id,
            "C1"
        );
    }

    #[test]
    fn what_the_pod_does_not_have_is_refused() {
        assert_eq!(
            choose(&view(), &pod(), &asked(Some("c2")))
                .unwrap_err()
                .kind,
            RefusalKind::NoIdentity
        );
        let other = Pod {
            namespace: "b".into(),
            ..pod()
        };
        assert_eq!(
            choose(&view(), &other, &asked(None)).unwrap_err().kind,
            RefusalKind::NoIdentity
        );
        let empty = Asked::default();
        assert_eq!(
            choose(&view(), &pod(), &empty).unwrap_err().kind,
            RefusalKind::BadRequest
        );
    }
}
