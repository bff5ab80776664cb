//! The volumes of this node: published once all their objects are there, rotated, taken down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use podward_access::{Door, Event, ObjectRef, Outcome, Recorder, request_id};
use podward_api::{Guid, SecretString};
use podward_cluster::{Cluster, Pod};
use podward_identity::{Asked, Federation, choose};
use podward_keyvault::{Fetched, KeyVault, Mode, TokenSource, VaultObject};

use crate::atomic_writer::{Payload, write};
use crate::proto::NodePublishVolumeRequest;
use crate::publish::{PublishError, Wanted, wanted};

/// Bytes a volume may hold: far above the vault's 25 KiB a secret, far below what would hurt a node.
const VOLUME_SIZE: u64 = 16 << 20;
/// Mode of a file whose object names none, as the replaced driver has it.
const DEFAULT_MODE: u32 = 0o644;

/// The driver's state on this node.
pub struct Driver {
    /// Folder that all targets lie in.
    pub root: PathBuf,
    /// Name of the node.
    pub node: String,
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// The vault client.
    pub vault: KeyVault,
    /// Where tokens come from.
    pub tokens: Arc<Federation>,
    /// Where events go.
    pub access: Arc<dyn Recorder>,
    /// Volumes by target; the inner lock serialises what happens to one.
    pub volumes: Volumes,
}

/// Volumes by target path.
#[derive(Default)]
pub struct Volumes(Mutex<BTreeMap<PathBuf, Arc<tokio::sync::Mutex<Option<Wanted>>>>>);

/// What a rotation did to one volume.
#[derive(Debug)]
pub struct Rotated {
    /// `namespace/name` of the pod.
    pub pod: String,
    /// Whether content changed; or why it could not be looked at.
    pub outcome: Result<bool, String>,
}

impl Volumes {
    fn slot(&self, target: &Path) -> Arc<tokio::sync::Mutex<Option<Wanted>>> {
        Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(target.into())
                .or_default(),
        )
    }

    fn all(&self) -> Vec<Arc<tokio::sync::Mutex<Option<Wanted>>>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    fn forget(&self, target: &Path) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(target);
    }
}

/// The pod's own tokens, as one client.
struct PodTokens<'a> {
    driver: &'a Driver,
    pod: &'a Pod,
    tenant: &'a str,
    client_id: &'a str,
    id: Guid,
}

impl TokenSource for PodTokens<'_> {
    async fn token(&self, resource: &str) -> Result<SecretString, String> {
        self.driver
            .tokens
            .token(self.pod, self.tenant, self.client_id, resource, self.id)
            .await
            .map(|token| token.token)
            .map_err(|e| e.to_string())
    }
}

impl Driver {
    /// Publishes a volume. `Ok` means that it is mounted and holds every object.
    pub(crate) async fn publish(
        &self,
        request: &NodePublishVolumeRequest,
    ) -> Result<(), PublishError> {
        let id = request_id();
        let wanted = match wanted(request, &self.cluster.snapshot(), &self.root) {
            Ok(wanted) => wanted,
            Err(error) => {
                self.refuse(request, id, &error);
                return Err(error);
            }
        };
        let slot = self.volumes.slot(&wanted.target);
        let mut volume = slot.lock().await;
        if volume.is_some() && podward_sys::is_mounted(&wanted.target).unwrap_or(false) {
            return Ok(());
        }
        let payload = self.fetch(&wanted, id).await?;
        self.mount(&wanted, &payload)?;
        *volume = Some(wanted);
        Ok(())
    }

    /// A request that never got to its objects leaves one event.
    fn refuse(&self, request: &NodePublishVolumeRequest, id: Guid, error: &PublishError) {
        let get = |name: &str| {
            request
                .volume_context
                .get(name)
                .cloned()
                .unwrap_or_default()
        };
        // a refusal stays one whether or not it could be written
        let _ = self.access.record(Event {
            namespace: get("csi.storage.k8s.io/pod.namespace"),
            pod: get("csi.storage.k8s.io/pod.name"),
            pod_uid: get("csi.storage.k8s.io/pod.uid"),
            service_account: get("csi.storage.k8s.io/serviceAccount.name"),
            door: Door::Csi,
            asked: "volume".into(),
            rule: format!("SecretProviderClass/{}", get("secretProviderClass")),
            reason: error.to_string(),
            request_id: id.to_string(),
            ..Event::default()
        });
    }

    fn mount(&self, wanted: &Wanted, payload: &Payload) -> Result<(), PublishError> {
        let failed = |reason: String| PublishError::Volume {
            pod: format!("{}/{}", wanted.pod.namespace, wanted.pod.name),
            reason,
        };
        std::fs::create_dir_all(&wanted.target).map_err(|e| failed(e.to_string()))?;
        podward_sys::unmount_all(&wanted.target).map_err(|e| failed(e.to_string()))?;
        podward_sys::mount_tmpfs(&wanted.target, VOLUME_SIZE, 0o755)
            .map_err(|e| failed(e.to_string()))?;
        let written = wanted
            .group
            .map_or(Ok(()), |group| {
                podward_sys::apply_fs_group(&wanted.target, group, true)
                    .map_err(|e| failed(e.to_string()))
            })
            .and_then(|()| {
                write(&wanted.target, payload, wanted.group)
                    .map_err(|e| PublishError::volume(&wanted.pod, &e))
            });
        if let Err(error) = written {
            let _ = podward_sys::unmount_all(&wanted.target);
            return Err(error);
        }
        Ok(())
    }

    /// Fetches all objects of a volume, at once, each recorded before it counts as had.
    async fn fetch(&self, wanted: &Wanted, id: Guid) -> Result<Payload, PublishError> {
        let failed = |reason: String| PublishError::Objects {
            pod: format!("{}/{}", wanted.pod.namespace, wanted.pod.name),
            reason,
        };
        let (client_id, rule) = self.identity(wanted).map_err(|reason| {
            self.record(wanted, id, None, ("", ""), Some(&reason))
                .err()
                .unwrap_or_else(|| failed(reason))
        })?;
        let rule = format!("SecretProviderClass/{} {rule}", wanted.class);
        let tokens = PodTokens {
            driver: self,
            pod: &wanted.pod,
            tenant: &wanted.parameters.tenant,
            client_id: &client_id,
            id,
        };
        let mut payload = Payload::new();
        for object in &wanted.parameters.objects {
            match self
                .vault
                .get(&wanted.parameters.vault, object, &tokens, id)
                .await
            {
                Ok(Fetched { contents, version }) => {
                    self.record(
                        wanted,
                        id,
                        Some((object, &version)),
                        (&client_id, &rule),
                        None,
                    )?;
                    payload.insert(
                        object.file.clone(),
                        (object.mode.unwrap_or(DEFAULT_MODE), contents),
                    );
                }
                Err(error) => {
                    let reason = format!(
                        "failed to get objectType:{}, objectName:{}, objectVersion:{}: {error}",
                        object.kind.word(),
                        object.name,
                        object.version
                    );
                    self.record(
                        wanted,
                        id,
                        Some((object, "")),
                        (&client_id, &rule),
                        Some(&error.to_string()),
                    )?;
                    return Err(failed(reason));
                }
            }
        }
        Ok(payload)
    }

    /// The client id whose token fetches the objects, and what gives it to the pod.
    fn identity(&self, wanted: &Wanted) -> Result<(String, String), String> {
        let asked = match &wanted.parameters.mode {
            Mode::WorkloadIdentity(client_id) => {
                return Ok((
                    client_id.clone(),
                    format!("ServiceAccount/{}", wanted.pod.service_account),
                ));
            }
            Mode::PodIdentity => None,
            Mode::ManagedIdentity(client_id) => client_id.clone(),
        };
        let asked = Asked {
            resource: podward_api::KEY_VAULT_RESOURCE.into(),
            client_id: asked,
            ..Asked::default()
        };
        choose(&self.cluster.snapshot(), &wanted.pod, &asked)
            .map(|identity| (identity.client_id, identity.via.to_string()))
            .map_err(|refusal| refusal.reason)
    }

    fn record(
        &self,
        wanted: &Wanted,
        id: Guid,
        object: Option<(&VaultObject, &str)>,
        (client_id, rule): (&str, &str),
        refused: Option<&str>,
    ) -> Result<(), PublishError> {
        let event = Event {
            namespace: wanted.pod.namespace.clone(),
            pod: wanted.pod.name.clone(),
            pod_uid: wanted.pod.uid.clone(),
            service_account: wanted.pod.service_account.clone(),
            identity: client_id.to_owned(),
            door: Door::Csi,
            asked: object.map_or_else(
                || "volume".to_owned(),
                |(object, _)| format!("{}/{}", object.kind.word(), object.name),
            ),
            outcome: if refused.is_some() {
                Outcome::Refused
            } else {
                Outcome::Granted
            },
            rule: rule.to_owned(),
            reason: refused
                .unwrap_or("the vault gave it to the pod's own identity")
                .to_owned(),
            object: object.map(|(object, version)| ObjectRef {
                vault: wanted.parameters.vault.clone(),
                kind: object.kind.word().into(),
                name: object.name.clone(),
                version: version.to_owned(),
            }),
            request_id: id.to_string(),
            ..Event::default()
        };
        self.access
            .record(event)
            .map_err(|e| PublishError::NotRecorded(e.to_string()))
    }

    /// Looks at every volume again and writes what changed. A volume whose objects cannot be had keeps what it
    /// holds.
    pub async fn rotate(&self) -> Vec<Rotated> {
        let mut done = Vec::new();
        for slot in self.volumes.all() {
            let volume = slot.lock().await;
            let Some(wanted) = volume.as_ref() else {
                continue;
            };
            let outcome = match self.fetch(wanted, request_id()).await {
                Ok(payload) => {
                    write(&wanted.target, &payload, wanted.group).map_err(|e| e.to_string())
                }
                Err(error) => Err(error.to_string()),
            };
            done.push(Rotated {
                pod: format!("{}/{}", wanted.pod.namespace, wanted.pod.name),
                outcome,
            });
        }
        done
    }

    /// Takes a volume down: files wiped by the end of their tmpfs, target removed.
    pub(crate) async fn unpublish(&self, target: &Path) -> Result<(), PublishError> {
        let slot = self.volumes.slot(target);
        let mut volume = slot.lock().await;
        let failed = |reason: String| PublishError::Volume {
            pod: target.display().to_string(),
            reason,
        };
        podward_sys::unmount_all(target).map_err(|e| failed(e.to_string()))?;
        match std::fs::remove_dir(target) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error.to_string()));
            }
            _ => {}
        }
        *volume = None;
        self.volumes.forget(target);
        Ok(())
    }
}
