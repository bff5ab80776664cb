//! CSI volumes, by the calls that a kubelet makes.

use std::path::Path;

use podward_api::pod::Volume;
use podward_csi::proto::node_client::NodeClient;
use podward_csi::proto::volume_capability::{AccessType, MountVolume};
use podward_csi::proto::{NodePublishVolumeRequest, NodeUnpublishVolumeRequest, VolumeCapability};

use super::node::Node;
use super::pods::Admitted;
use super::volumes::Places;

/// Calls the CSI driver as a kubelet does.
pub(super) async fn publish(
    node: &Node,
    admitted: &Admitted,
    volume: &Volume,
    group: Option<u32>,
    target: &Path,
) -> Result<(), String> {
    let Some(csi) = &volume.csi else {
        return Ok(());
    };
    if csi.driver != podward_api::secrets_store::DRIVER_NAME {
        return Err(format!(
            "the CSI driver {:?} is not here; {} is",
            csi.driver,
            podward_api::secrets_store::DRIVER_NAME
        ));
    }
    let pod = &admitted.pod;
    let mut context: std::collections::HashMap<String, String> = csi
        .volume_attributes
        .iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let own = [
        ("pod.name", pod.name.as_str()),
        ("pod.namespace", &pod.namespace),
        ("pod.uid", &pod.uid),
        ("serviceAccount.name", &pod.service_account),
        ("ephemeral", "true"),
    ];
    context
        .extend(own.map(|(name, value)| (format!("csi.storage.k8s.io/{name}"), value.to_owned())));
    let mount = MountVolume {
        volume_mount_group: group.map(|group| group.to_string()).unwrap_or_default(),
        ..MountVolume::default()
    };
    let request = NodePublishVolumeRequest {
        volume_id: format!("csi-{}-{}", pod.uid, volume.name),
        target_path: target.to_string_lossy().into_owned(),
        volume_capability: Some(VolumeCapability {
            access_type: Some(AccessType::Mount(mount)),
            access_mode: None,
        }),
        readonly: csi.read_only.unwrap_or(false),
        volume_context: context,
        ..NodePublishVolumeRequest::default()
    };
    NodeClient::new(node.csi.clone())
        .node_publish_volume(request)
        .await
        .map(|_| ())
        .map_err(|status| format!("{:?}: {}", status.code(), status.message()))
}

/// Takes the CSI volumes of a pod down.
pub(super) async fn unpublish(node: &Node, admitted: &Admitted, places: &Places) {
    for volume in admitted
        .spec
        .volumes
        .iter()
        .filter(|volume| volume.csi.is_some())
    {
        let Some(target) = places.get(&volume.name) else {
            continue;
        };
        let request = NodeUnpublishVolumeRequest {
            volume_id: format!("csi-{}-{}", admitted.pod.uid, volume.name),
            target_path: target.to_string_lossy().into_owned(),
        };
        // what is left ends with the mount namespace
        let _ = NodeClient::new(node.csi.clone())
            .node_unpublish_volume(request)
            .await;
    }
}
