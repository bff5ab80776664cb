//! The node: cloud, CSI driver and token source, and what every pod needs of them.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use podward_access::Recorder;
use podward_admission::Environment;
use podward_api::{Guid, SecretString};
use podward_cloud::{Caller, Cloud, Keys, LocalIssuer, Signer, SystemClock};
use podward_cluster::{Cluster, Pod};
use podward_csi::Driver;
use podward_http::{HttpClient, Overrides};
use podward_identity::{Door, ENDPOINT_PATH, Federation};
use podward_keyvault::KeyVault;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tonic::transport::Channel;

use super::environment;
use super::load::Folder;
use super::network::{self, Network};
use super::pods::Admitted;
use super::tokens::Issuer;
use crate::io::{Io, Tone};
use crate::issuers;
use crate::report::Report;
use crate::servers;

/// Where the token service and the vaults are inside a pod (RFC 2544: an address of no real network).
const CLOUD_ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(198, 18, 0, 1), 443);
/// The metadata service's address.
const IMDS_ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(169, 254, 169, 254), 80);
/// The address of a pod, in a network that no other pod is in.
pub(super) const POD_IP: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// Where a CA bundle is inside a pod.
pub(super) const CA_BUNDLE: &str = "/etc/podward/ca-bundle.pem";

/// Everything that serves pods.
pub(super) struct Node {
    pub(super) name: String,
    pub(super) cluster: Arc<Cluster>,
    pub(super) access: Arc<dyn Recorder>,
    pub(super) issuer: Arc<Issuer>,
    pub(super) csi: Channel,
    pub(super) ca_bundle: String,
    pub(super) ids: podward_sys::Ids,
    pub(super) visible: Vec<PathBuf>,
    pub(super) covers: Vec<PathBuf>,
    pub(super) run_folder: PathBuf,
    pub(super) cloud: Arc<Cloud>,
    /// Where the cloud is, where pods share the machine's network.
    pub(super) shared: Option<SocketAddrV4>,
    driver: Arc<Driver>,
    tokens: Arc<Federation>,
    tls: TlsAcceptor,
    tasks: Vec<JoinHandle<()>>,
    stop_csi: tokio::sync::watch::Sender<bool>,
}

/// A random id that nobody guesses.
pub(super) fn unique_id() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(Guid::from_random(bytes).to_string())
}

impl Node {
    /// Starts the cloud, the CSI driver and the token source.
    pub(super) async fn start(
        io: &Io,
        folder: &Folder,
        own: &super::Own<'_>,
        access: Arc<dyn Recorder>,
    ) -> Result<Self, Report> {
        let state = own.state;
        let name = environment::node_name();
        let keys_at = state.keys();
        let failed = |what: &str, e: &dyn std::fmt::Display| Report::new(format!("{what}: {e}"));
        let keys =
            Keys::load(Some(&keys_at)).map_err(|e| failed("cannot load the local CA", &e))?;
        let signer = Signer::load(Some(&keys_at), "service-account")
            .map_err(|e| failed("cannot load the issuer's key", &e))?;
        let issuer = Arc::new(Issuer {
            signer: Arc::new(signer),
            node: name.clone(),
        });
        let published: LocalIssuer = issuer.published();
        let ca_pem = keys.ca_pem();
        let config = folder.cloud.clone().unwrap_or_default();
        let server_config = keys
            .server_config(
                &[
                    "login.microsoftonline.com".into(),
                    "*.vault.azure.net".into(),
                ],
                Arc::new(SystemClock),
            )
            .map_err(|e| failed("cannot make the cloud's certificate", &e))?;
        let cloud = Cloud::new(
            config,
            published,
            keys,
            Arc::clone(&access),
            Arc::new(SystemClock),
            None,
        )
        .map_err(|e| folder.not_applied(&e))?;
        cloud.ask_issuers_by(Arc::new(issuers::ByHttps));
        let tls = TlsAcceptor::from(server_config);
        let (listener, address) = network::listen(own.network).await?;
        let node_itself = Caller {
            node: name.clone(),
            ..Caller::default()
        };
        let mut tasks = vec![servers::serve(
            listener,
            Some(tls.clone()),
            cloud.router(),
            node_itself,
        )];

        // vaults that are not there are not looked for elsewhere
        let hosts = [
            podward_cloud::AUTHORITY.to_owned(),
            format!("*.{}", podward_cloud::VAULT_DOMAIN),
        ];
        let overrides: Overrides = hosts
            .into_iter()
            .map(|host| (host, SocketAddr::V4(address)))
            .collect();
        let http = HttpClient::new(&ca_pem, overrides)
            .map_err(|e| failed("cannot make the client", &e))?;
        let cluster = Arc::new(Cluster::new(folder.view()));
        let tokens = Arc::new(Federation::new(
            http.clone(),
            podward_api::workload_identity::AUTHORITY_HOST,
            Arc::clone(&issuer) as Arc<dyn podward_identity::ServiceAccountTokens>,
        ));
        let run_folder = state.run();
        let driver = Arc::new(Driver {
            root: run_folder.join("pods"),
            node: name.clone(),
            cluster: Arc::clone(&cluster),
            vault: KeyVault::new(http),
            tokens: Arc::clone(&tokens),
            access: Arc::clone(&access),
            volumes: podward_csi::Volumes::default(),
        });
        let socket = run_folder.join("csi.sock");
        let (stop_csi, mut stopped) = tokio::sync::watch::channel(false);
        let (served, at) = (Arc::clone(&driver), socket.clone());
        tasks.push(tokio::spawn(async move {
            let stop = async move {
                // an error is the sender gone, which is the end as well
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            let _ = podward_csi::serve(served, &at, stop).await;
        }));
        let csi = connect(socket)
            .await
            .map_err(|e| failed("the CSI driver does not answer", &e))?;
        let roots = issuers::system_roots().unwrap_or_default();
        io.section("Cloud");
        let shared = (own.network != Network::Pod).then_some(address);
        network::tell(io, shared, &cloud.host_names());
        let mut covers = environment::home_folders();
        covers.push(state.folder().to_owned());
        Ok(Self {
            name,
            cluster,
            access,
            issuer,
            csi,
            ca_bundle: format!("{roots}\n{ca_pem}"),
            ids: own.ids,
            visible: own.visible.clone(),
            covers,
            run_folder,
            cloud,
            shared,
            driver,
            tokens,
            tls,
            tasks,
            stop_csi,
        })
    }

    /// Makes a pod known, so that every door can answer for it.
    pub(super) fn know(&self, pod: &Pod) {
        self.cluster.change(|view| view.insert_pod(pod.clone()));
    }

    /// Forgets a pod that has ended.
    pub(super) fn forget(&self, pod_uid: &str) {
        self.cluster.change(|view| view.remove_pod(pod_uid));
    }

    /// Takes over what a folder holds now; the pods stay as they are.
    ///
    /// # Errors
    /// Where its cloud contradicts itself; then nothing changes.
    pub(super) fn take_over(&self, folder: &Folder) -> Result<(), Report> {
        self.cloud
            .apply(folder.cloud.clone().unwrap_or_default())
            .map_err(|e| folder.not_applied(&e))?;
        self.cluster.change(|view| {
            let mut next = folder.view();
            next.take_pods(view);
            *view = next;
        });
        Ok(())
    }

    /// What admission gives a pod that asks for an identity.
    pub(super) fn environment(&self, header: &SecretString) -> Environment {
        // where no network proves who asks, the door is not served
        let (endpoint, header) = match self.shared {
            None => (
                format!("http://{}{ENDPOINT_PATH}", IMDS_ADDRESS.ip()),
                header.clone(),
            ),
            Some(_) => (String::new(), SecretString::new(String::new())),
        };
        Environment {
            workload_identity: true,
            tenant: self.tenant(),
            audience: podward_api::workload_identity::AUDIENCE.to_owned(),
            token_endpoint: None,
            authority_host: self.shared.map_or_else(
                || podward_api::workload_identity::AUTHORITY_HOST.to_owned(),
                network::authority_host,
            ),
            endpoint,
            header,
        }
    }

    /// Tenant of identities that name none: the cloud's first.
    pub(super) fn tenant(&self) -> String {
        self.cloud.first_tenant()
    }

    /// The address that a pod knows itself by.
    pub(super) fn pod_ip(&self) -> Ipv4Addr {
        match self.shared {
            Some(_) => Ipv4Addr::LOCALHOST,
            None => POD_IP,
        }
    }

    /// The `/etc/hosts` of a pod.
    pub(super) fn hosts(&self, admitted: &Admitted) -> String {
        let mut text = format!(
            "127.0.0.1\tlocalhost\n{}\t{}\n",
            self.pod_ip(),
            admitted.pod.name
        );
        let cloud = self.shared.map_or(*CLOUD_ADDRESS.ip(), |at| *at.ip());
        for host in self.cloud.host_names() {
            text.push_str(&format!("{cloud}\t{host}\n"));
        }
        for alias in &admitted.spec.host_aliases {
            text.push_str(&format!("{}\t{}\n", alias.ip, alias.hostnames.join(" ")));
        }
        text
    }

    /// A network namespace for a pod, with the cloud and the identity door in it; none where pods
    /// share the machine's.
    pub(super) fn network(
        &self,
        admitted: &Admitted,
    ) -> Result<(Option<OwnedFd>, Vec<JoinHandle<()>>), String> {
        let pod = &admitted.pod;
        if self.shared.is_some() {
            return Ok((None, Vec::new()));
        }
        if admitted.spec.host_network {
            return Err("hostNetwork: true needs `podward up --network host`, in which no network proves which pod asks".into());
        }
        let made =
            podward_sys::pod_network(&[CLOUD_ADDRESS, IMDS_ADDRESS]).map_err(|e| e.to_string())?;
        let caller = Caller {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            service_account: pod.service_account.clone(),
            node: self.name.clone(),
        };
        let mut listeners = made
            .listeners
            .into_iter()
            .map(|listener| TcpListener::from_std(listener).map_err(|e| e.to_string()))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let door = Door {
            pod_uid: pod.uid.clone(),
            cluster: Arc::clone(&self.cluster),
            tokens: Arc::clone(&self.tokens),
            tenant: self.tenant(),
            access: Arc::clone(&self.access),
        };
        let mut tasks = Vec::new();
        if let (Some(cloud), Some(imds)) = (listeners.next(), listeners.next()) {
            tasks.push(servers::serve(
                cloud,
                Some(self.tls.clone()),
                self.cloud.router(),
                caller.clone(),
            ));
            tasks.push(servers::serve(imds, None, door.router(), caller));
        }
        Ok((Some(made.namespace), tasks))
    }

    /// Looks at the vault again for every volume, and says what changed.
    pub(super) async fn rotate(&self, io: &Io) {
        for rotated in self.driver.rotate().await {
            match rotated.outcome {
                Ok(true) => {
                    io.line(format_args!(
                        "  {} secrets of {}",
                        io.tone(Tone::Good, "rotated"),
                        rotated.pod
                    ));
                    io.emit("rotated", json!({"pod": rotated.pod}));
                }
                Ok(false) => {}
                Err(error) => {
                    io.line(format_args!(
                        "  {} {}: {error}",
                        io.tone(Tone::Warn, "not rotated"),
                        rotated.pod
                    ));
                    io.emit(
                        "not-rotated",
                        json!({"pod": rotated.pod, "reason": error.to_string()}),
                    );
                }
            }
        }
    }

    /// Stops the servers.
    pub(super) async fn stop(&self) {
        // the receiver is gone where the driver ended by itself
        let _ = self.stop_csi.send(true);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Connects to the driver's socket, which appears a moment after its task has begun.
async fn connect(socket: PathBuf) -> Result<Channel, tonic::transport::Error> {
    let mut tries = 0;
    loop {
        match podward_csi::connect(socket.clone()).await {
            Err(_) if tries < 200 => {
                tries += 1;
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            outcome => return outcome,
        }
    }
}

/// A header value that nobody guesses.
pub(super) fn random_header() -> Result<SecretString, Report> {
    unique_id()
        .map(SecretString::new)
        .map_err(|_unspecified| Report::new("the machine gives no random numbers"))
}
