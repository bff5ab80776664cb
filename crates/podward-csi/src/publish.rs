//! What a publish request asks for, checked in the order of the driver that podward replaces. Pure.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use podward_cluster::{Pod, View};
use podward_keyvault::{ParameterError, Parameters};
use tonic::Status;

use crate::atomic_writer::WriteError;
use crate::proto::NodePublishVolumeRequest;
use crate::proto::volume_capability::AccessType;

/// A volume was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The request lacks something or asks for what is not served.
    #[error("{0}")]
    Invalid(String),
    /// The class is missing or wrong.
    #[error("{0}")]
    Class(String),
    /// The class's parameters are wrong.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// An object was not had.
    #[error("failed to mount secrets store objects for pod {pod}, err: {reason}")]
    Objects {
        /// `namespace/name`.
        pod: String,
        /// Which object, and why.
        reason: String,
    },
    /// The volume cannot be mounted or written.
    #[error("failed to mount secrets store objects for pod {pod}, err: {reason}")]
    Volume {
        /// `namespace/name`.
        pod: String,
        /// Why.
        reason: String,
    },
    /// The access log cannot be written, so nothing is given.
    #[error("{0}")]
    NotRecorded(String),
}

impl From<PublishError> for Status {
    fn from(error: PublishError) -> Self {
        let text = error.to_string();
        match error {
            PublishError::Invalid(_) => Self::invalid_argument(text),
            PublishError::Class(_) | PublishError::Parameters(_) | PublishError::Objects { .. } => {
                Self::unknown(text)
            }
            PublishError::Volume { .. } => Self::internal(text),
            PublishError::NotRecorded(_) => Self::unavailable(text),
        }
    }
}

impl PublishError {
    pub(crate) fn volume(pod: &Pod, error: &WriteError) -> Self {
        Self::Volume {
            pod: format!("{}/{}", pod.namespace, pod.name),
            reason: error.to_string(),
        }
    }
}

/// A volume that may be published.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) target: PathBuf,
    pub(crate) pod: Arc<Pod>,
    pub(crate) class: String,
    pub(crate) parameters: Parameters,
    pub(crate) group: Option<u32>,
}

/// Reads a request against the cluster. `root` is the folder that every target must lie in.
pub(crate) fn wanted(
    request: &NodePublishVolumeRequest,
    view: &View,
    root: &Path,
) -> Result<Wanted, PublishError> {
    let missing = |what: &str| PublishError::Invalid(format!("{what} missing in request"));
    let capability = request
        .volume_capability
        .as_ref()
        .ok_or_else(|| missing("Volume capability"))?;
    if request.volume_id.is_empty() {
        return Err(missing("Volume ID"));
    }
    if request.target_path.is_empty() {
        return Err(missing("Target path"));
    }
    let context = &request.volume_context;
    if context.is_empty() {
        return Err(missing("Volume attributes"));
    }
    let target = PathBuf::from(&request.target_path);
    let plain = target
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !plain || !target.starts_with(root) || target == root {
        return Err(PublishError::Invalid(
            "the target path is not below the kubelet's root".into(),
        ));
    }
    let get = |name: &str| context.get(name).map(String::as_str).unwrap_or_default();
    let class = get("secretProviderClass");
    if class.is_empty() {
        return Err(PublishError::Class("secretProviderClass is not set".into()));
    }
    let uid = get("csi.storage.k8s.io/pod.uid");
    let pod = view
        .pod(uid)
        .filter(|pod| {
            pod.name == get("csi.storage.k8s.io/pod.name")
                && pod.namespace == get("csi.storage.k8s.io/pod.namespace")
        })
        .cloned()
        .ok_or_else(|| {
            PublishError::Invalid("the pod of the volume context is not known on this node".into())
        })?;
    let named = format!("SecretProviderClass {}/{class}", pod.namespace);
    let spec = view
        .secret_provider_class(&pod.namespace, class)
        .map_err(|e| PublishError::Class(format!("{named} is malformed: {e}")))?
        .ok_or_else(|| PublishError::Class(format!("failed to get {named}: not found")))?;
    if spec.provider.is_empty() {
        return Err(PublishError::Class(format!("{named}: provider is not set")));
    }
    if spec.provider != "azure" {
        return Err(PublishError::Class(format!(
            "{named}: provider {:?} is not served, only azure is",
            spec.provider
        )));
    }
    if spec.parameters.is_empty() {
        return Err(PublishError::Class(format!(
            "{named}: parameters are not set"
        )));
    }
    let own =
        |name: &String| !name.starts_with("csi.storage.k8s.io/") && name != "secretProviderClass";
    let mut all: BTreeMap<String, String> = spec.parameters;
    all.extend(
        context
            .iter()
            .filter(|(name, _)| own(name))
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    if !request.readonly {
        return Err(PublishError::Invalid(
            "readOnly must be true: the volume is only ever written by the driver".into(),
        ));
    }
    let parameters = Parameters::parse(&all)?;
    let group = match &capability.access_type {
        Some(AccessType::Mount(mount)) if !mount.volume_mount_group.is_empty() => Some(
            mount
                .volume_mount_group
                .parse()
                .map_err(|e| PublishError::Invalid(format!("volume_mount_group: {e}")))?,
        ),
        _ => None,
    };
    Ok(Wanted {
        target,
        pod,
        class: class.into(),
        parameters,
        group,
    })
}
