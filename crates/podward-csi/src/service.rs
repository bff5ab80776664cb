//! The CSI services on their unix socket: thin, the driver decides.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, Server, Uri};
use tonic::{Request, Response, Status};

use crate::node::Driver;
use crate::proto::identity_server::{Identity, IdentityServer};
use crate::proto::node_server::{Node, NodeServer};
use crate::proto::{
    BoolValue, GetPluginCapabilitiesRequest, GetPluginCapabilitiesResponse, GetPluginInfoRequest,
    GetPluginInfoResponse, NodeGetCapabilitiesRequest, NodeGetCapabilitiesResponse,
    NodeGetInfoRequest, NodeGetInfoResponse, NodePublishVolumeRequest, NodePublishVolumeResponse,
    NodeServiceCapability, NodeStageVolumeRequest, NodeStageVolumeResponse,
    NodeUnpublishVolumeRequest, NodeUnpublishVolumeResponse, NodeUnstageVolumeRequest,
    NodeUnstageVolumeResponse, PluginCapability, ProbeRequest, ProbeResponse,
    node_service_capability, plugin_capability,
};

/// `NodeServiceCapability.RPC.STAGE_UNSTAGE_VOLUME`.
const STAGE_UNSTAGE_VOLUME: i32 = 1;
/// `NodeServiceCapability.RPC.VOLUME_MOUNT_GROUP`: the kubelet hands `fsGroup` over.
const VOLUME_MOUNT_GROUP: i32 = 6;
/// `PluginCapability.Service.CONTROLLER_SERVICE`.
const CONTROLLER_SERVICE: i32 = 1;

struct Services(Arc<Driver>);

/// Serves CSI on a unix socket (mode 0600) until `stop` resolves.
///
/// # Errors
/// When the socket cannot be bound.
pub async fn serve(
    driver: Arc<Driver>,
    socket: &Path,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let _ = std::fs::remove_file(socket);
    let listener = UnixListener::bind(socket)?;
    std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o600))?;
    Server::builder()
        .add_service(IdentityServer::new(Services(Arc::clone(&driver))))
        .add_service(NodeServer::new(Services(driver)))
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), stop)
        .await
        .map_err(io::Error::other)
}

/// Connects to a CSI socket, as a kubelet does.
///
/// # Errors
/// When nobody listens.
pub async fn connect(socket: PathBuf) -> Result<Channel, tonic::transport::Error> {
    Endpoint::from_static("http://localhost")
        .connect_with_connector(tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move {
                UnixStream::connect(socket)
                    .await
                    .map(hyper_util::rt::TokioIo::new)
            }
        }))
        .await
}

#[tonic::async_trait]
impl Identity for Services {
    async fn get_plugin_info(
        &self,
        _: Request<GetPluginInfoRequest>,
    ) -> Result<Response<GetPluginInfoResponse>, Status> {
        Ok(Response::new(GetPluginInfoResponse {
            name: podward_api::secrets_store::DRIVER_NAME.into(),
            vendor_version: env!("CARGO_PKG_VERSION").into(),
        }))
    }

    async fn get_plugin_capabilities(
        &self,
        _: Request<GetPluginCapabilitiesRequest>,
    ) -> Result<Response<GetPluginCapabilitiesResponse>, Status> {
        let service = plugin_capability::Service {
            r#type: CONTROLLER_SERVICE,
        };
        let capability = PluginCapability {
            r#type: Some(plugin_capability::Type::Service(service)),
        };
        Ok(Response::new(GetPluginCapabilitiesResponse {
            capabilities: vec![capability],
        }))
    }

    async fn probe(&self, _: Request<ProbeRequest>) -> Result<Response<ProbeResponse>, Status> {
        Ok(Response::new(ProbeResponse {
            ready: Some(BoolValue { value: true }),
        }))
    }
}

fn required(present: bool, what: &str) -> Result<(), Status> {
    if present {
        Ok(())
    } else {
        Err(Status::invalid_argument(format!(
            "{what} missing in request"
        )))
    }
}

#[tonic::async_trait]
impl Node for Services {
    async fn node_stage_volume(
        &self,
        request: Request<NodeStageVolumeRequest>,
    ) -> Result<Response<NodeStageVolumeResponse>, Status> {
        let request = request.into_inner();
        required(!request.volume_id.is_empty(), "Volume ID")?;
        required(
            !request.staging_target_path.is_empty(),
            "Staging target path",
        )?;
        required(request.volume_capability.is_some(), "Volume capability")?;
        Ok(Response::new(NodeStageVolumeResponse {}))
    }

    async fn node_unstage_volume(
        &self,
        request: Request<NodeUnstageVolumeRequest>,
    ) -> Result<Response<NodeUnstageVolumeResponse>, Status> {
        let request = request.into_inner();
        required(!request.volume_id.is_empty(), "Volume ID")?;
        required(
            !request.staging_target_path.is_empty(),
            "Staging target path",
        )?;
        Ok(Response::new(NodeUnstageVolumeResponse {}))
    }

    async fn node_publish_volume(
        &self,
        request: Request<NodePublishVolumeRequest>,
    ) -> Result<Response<NodePublishVolumeResponse>, Status> {
        self.0.publish(request.get_ref()).await?;
        Ok(Response::new(NodePublishVolumeResponse {}))
    }

    async fn node_unpublish_volume(
        &self,
        request: Request<NodeUnpublishVolumeRequest>,
    ) -> Result<Response<NodeUnpublishVolumeResponse>, Status> {
        let request = request.into_inner();
        required(!request.volume_id.is_empty(), "Volume ID")?;
        required(!request.target_path.is_empty(), "Target path")?;
        let target = PathBuf::from(request.target_path);
        let below = target.starts_with(&self.0.root)
            && !target
                .components()
                .any(|part| part == std::path::Component::ParentDir);
        if !below {
            return Err(Status::invalid_argument(
                "the target path is not below the kubelet's root",
            ));
        }
        self.0.unpublish(&target).await?;
        Ok(Response::new(NodeUnpublishVolumeResponse {}))
    }

    async fn node_get_capabilities(
        &self,
        _: Request<NodeGetCapabilitiesRequest>,
    ) -> Result<Response<NodeGetCapabilitiesResponse>, Status> {
        let capability = |kind| NodeServiceCapability {
            r#type: Some(node_service_capability::Type::Rpc(
                node_service_capability::Rpc { r#type: kind },
            )),
        };
        let capabilities = vec![
            capability(STAGE_UNSTAGE_VOLUME),
            capability(VOLUME_MOUNT_GROUP),
        ];
        Ok(Response::new(NodeGetCapabilitiesResponse { capabilities }))
    }

    async fn node_get_info(
        &self,
        _: Request<NodeGetInfoRequest>,
    ) -> Result<Response<NodeGetInfoResponse>, Status> {
        Ok(Response::new(NodeGetInfoResponse {
            node_id: self.0.node.clone(),
        }))
    }
}
