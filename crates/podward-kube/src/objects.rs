//! The objects that podward reads and writes by itself.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{ObjectReference, Secret};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{KubeError, Kubernetes};

/// Who writes, as the API server keeps it.
const MANAGER: &str = "podward";

/// What a Secret holds, and which of its versions that was.
pub struct Stored {
    /// By key.
    pub data: BTreeMap<String, Zeroizing<Vec<u8>>>,
    version: Option<String>,
}

/// A webhook configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookKind {
    /// ValidatingWebhookConfiguration.
    Validating,
    /// MutatingWebhookConfiguration.
    Mutating,
}

/// What happened to an object, for who looks at it (events.k8s.io/v1).
#[derive(Clone, Debug)]
pub struct Noticed {
    /// API version of the object.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; none for what is in none, whose events stand in `default`.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// One word: why.
    pub reason: &'static str,
    /// One word: what was done.
    pub action: &'static str,
    /// A sentence.
    pub note: String,
}

/// Longest note of an event, bytes (events.k8s.io/v1).
const MAX_NOTE: usize = 1024;

impl Kubernetes {
    fn secrets(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Reads a Secret; `None` where there is none.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn stored(&self, namespace: &str, name: &str) -> Result<Option<Stored>, KubeError> {
        let found = self.secrets(namespace).get_opt(name).await;
        let what = format!("get secret {namespace}/{name}");
        let Some(secret) = found.map_err(KubeError::of(what))? else {
            return Ok(None);
        };
        let data = secret.data.unwrap_or_default().into_iter();
        Ok(Some(Stored {
            data: data
                .map(|(key, value)| (key, Zeroizing::new(value.0)))
                .collect(),
            version: secret.metadata.resource_version,
        }))
    }

    /// Writes a Secret, unless someone else has written it since it was read as `before`: then it gives `false`.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn store(
        &self,
        namespace: &str,
        name: &str,
        data: &BTreeMap<String, Zeroizing<Vec<u8>>>,
        before: Option<&Stored>,
    ) -> Result<bool, KubeError> {
        let encoded = |value: &Zeroizing<Vec<u8>>| ByteString(value.to_vec());
        let api = self.secrets(namespace);
        let written = match before {
            None => {
                let mut secret = Secret::default();
                secret.metadata.name = Some(name.to_owned());
                let all = data
                    .iter()
                    .map(|(key, value)| (key.clone(), encoded(value)));
                secret.data = Some(all.collect());
                let parameters = PostParams {
                    field_manager: Some(MANAGER.into()),
                    ..PostParams::default()
                };
                api.create(&parameters, &secret).await
            }
            Some(before) => {
                // whose object it is, and what they have written beside the data, stays
                let gone = before.data.keys().filter(|key| !data.contains_key(*key));
                let gone = gone.map(|key| (key.clone(), Value::Null));
                let all = data
                    .iter()
                    .map(|(key, value)| (key.clone(), json!(encoded(value))));
                let all: Map<String, Value> = all.chain(gone).collect();
                let patch = Patch::Merge(json!({
                    "metadata": {"resourceVersion": before.version}, "data": all,
                }));
                let parameters = PatchParams {
                    field_manager: Some(MANAGER.into()),
                    ..PatchParams::default()
                };
                api.patch(name, &parameters, &patch).await
            }
        };
        match written {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(KubeError::of(format!("write secret {namespace}/{name}"))(
                error,
            )),
        }
    }

    /// Has every webhook of a configuration trust these CAs (PEM), where it does not yet. `false` where there is no
    /// such configuration.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn trust(
        &self,
        kind: WebhookKind,
        name: &str,
        bundle: &str,
    ) -> Result<bool, KubeError> {
        let what = format!("trust the webhook's CA in {kind:?}WebhookConfiguration {name}");
        let resource = match kind {
            WebhookKind::Validating => ApiResource::erase::<ValidatingWebhookConfiguration>(&()),
            WebhookKind::Mutating => ApiResource::erase::<MutatingWebhookConfiguration>(&()),
        };
        let api = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        let found = api.get_opt(name).await.map_err(KubeError::of(&*what))?;
        let Some(found) = found else { return Ok(false) };
        let hooks = found.data.get("webhooks").and_then(Value::as_array);
        let hooks = || hooks.into_iter().flatten();
        let bundle = json!(ByteString(bundle.into()));
        if hooks().all(|hook| hook.pointer("/clientConfig/caBundle") == Some(&bundle)) {
            return Ok(true);
        }
        let hooks: Vec<Value> = hooks()
            .filter_map(|hook| hook.get("name"))
            .map(|name| json!({"name": name, "clientConfig": {"caBundle": bundle}}))
            .collect();
        // a strategic merge finds each webhook by its name and leaves the rest of it
        let patch = Patch::Strategic(json!({ "webhooks": hooks }));
        let parameters = PatchParams {
            field_manager: Some(MANAGER.into()),
            ..PatchParams::default()
        };
        let patched = api.patch(name, &parameters, &patch).await;
        patched.map_err(KubeError::of(what))?;
        Ok(true)
    }

    /// Tells who looks at an object what happened to it. Equal ones within a few minutes are counted.
    ///
    /// # Errors
    /// When the API server cannot be asked or refuses.
    pub async fn notice(&self, recorder: &Recorder, noticed: Noticed) -> Result<(), KubeError> {
        let Noticed {
            api_version,
            kind,
            namespace,
            name,
            reason,
            action,
            mut note,
        } = noticed;
        let of = namespace.as_deref().unwrap_or_default();
        let what = format!("event of {kind} {of}/{name}");
        if note.len() > MAX_NOTE {
            note.truncate(note.floor_char_boundary(MAX_NOTE - '…'.len_utf8()));
            note.push('…');
        }
        let event = Event {
            type_: EventType::Warning,
            reason: reason.into(),
            note: Some(note),
            action: action.into(),
            secondary: None,
        };
        let about = ObjectReference {
            api_version: Some(api_version),
            kind: Some(kind),
            namespace,
            name: Some(name),
            ..ObjectReference::default()
        };
        let published = recorder.publish(&event, &about).await;
        published.map_err(KubeError::of(what))
    }

    /// What counts events: one for each process.
    #[must_use]
    pub fn recorder(&self, instance: Option<String>) -> Recorder {
        let reporter = Reporter {
            controller: MANAGER.into(),
            instance,
        };
        Recorder::new(self.client.clone(), reporter)
    }
}
