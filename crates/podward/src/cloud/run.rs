//! `podward cloud` itself: it serves until it is told to end.

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use podward_access::{AccessLog, Bound};
use podward_api::SecretString;
use podward_api::access::{Event, RecordError, Recorder};
use podward_cloud::{
    AUTHORITY, Caller, Cloud, Data, Faults, Keys, LOCAL_AUTHORITY, LOCAL_MANAGER,
    LOCAL_VAULT_DOMAIN, LocalIssuer, MANAGER, Signer, SystemClock, VAULT_DOMAIN,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::config::File;
use super::{follow, trust};
use crate::io::{Io, Output};
use crate::issuers;
use crate::random::random;
use crate::report::{Exit, Report};
use crate::servers;
use crate::state::State;
use crate::stop::Stop;

/// Key of the issuer of service account tokens, as `podward up` names it.
pub(super) const ISSUER_KEY: &str = "service-account";
/// How often the vaults are looked at for what is due: policies are of days.
const TEND: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Run {
    /// What the cloud holds [default: cloud.yaml, if this folder has one]
    #[arg(long, value_name = "FILE", env = "PODWARD_CLOUD_CONFIG")]
    config: Option<PathBuf>,
    /// Folder for what the vaults hold, the CA, the signing keys and the access log, so that all is the same at the
    /// next start
    #[arg(long, value_name = "DIR", env = "PODWARD_CLOUD_DATA")]
    data: Option<PathBuf>,
    /// Keep no vault, no key and no log: all is made anew at each start
    #[arg(long)]
    in_memory: bool,
    /// Address to listen at
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), env = "PODWARD_CLOUD_LISTEN")]
    listen: IpAddr,
    /// Port of the token service and the vaults, by TLS; 0 takes a free one
    #[arg(long, default_value_t = 8443, env = "PODWARD_CLOUD_TLS_PORT")]
    port: u16,
    /// Port of the metadata service, by plain HTTP; 0 takes a free one
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 8169,
        env = "PODWARD_CLOUD_METADATA_PORT"
    )]
    metadata_port: u16,
    /// Space that the access log reserves and never exceeds (KiB, MiB or GiB)
    #[arg(
        long,
        value_name = "SIZE",
        default_value_t,
        env = "PODWARD_ACCESS_LOG_SIZE"
    )]
    access_log_size: Bound,
    /// Let tests ask for faults and delays, at /_podward/faults of the metadata service's port
    #[arg(long, env = "PODWARD_CLOUD_ENABLE_FAULTS")]
    enable_faults: bool,
    /// Print what makes each language and system trust the cloud's CA and find its names, and end
    #[arg(long)]
    trust: bool,
    /// `text`, or `json` with one event a line
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
}

/// Where a running cloud is reached: what `ready` says, and `podward cloud env` reads.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Addresses {
    /// Token service.
    pub(super) authority_host: String,
    /// Vaults.
    pub(super) vaults: Vec<VaultAddress>,
    /// Metadata service.
    pub(super) metadata: String,
    /// App Service form of it.
    pub(super) identity_endpoint: String,
    /// What its callers send.
    pub(super) identity_header: Zeroizing<String>,
    /// The CA's certificate.
    pub(super) ca_file: PathBuf,
    /// The machine's roots and the CA's certificate.
    pub(super) ca_bundle: PathBuf,
    /// First tenant.
    pub(super) tenant: String,
    /// Address that every name leads to.
    pub(super) address: SocketAddr,
    /// The same services by the names of the public cloud.
    pub(super) public: Public,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VaultAddress {
    pub(super) name: String,
    pub(super) url: String,
    /// Id of the tenant whose tokens it trusts.
    #[serde(default)]
    pub(super) tenant: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Public {
    pub(super) authority_host: String,
    pub(super) vaults: Vec<VaultAddress>,
}

/// Keeps nothing: a cloud in memory has no log.
struct Unrecorded;

impl Recorder for Unrecorded {
    fn record(&self, _: Event) -> Result<(), RecordError> {
        Ok(())
    }
}

impl Run {
    pub(super) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        let started = Instant::now();
        io.set_output(self.output);
        let state = State::of_cloud(self.data.as_deref(), self.in_memory)?;
        if self.trust {
            trust::tell(io, &state);
            return Ok(Exit::Clean);
        }
        let file = File::read(self.config.as_deref())?;
        state.make()?;
        let lock = state.only("podward cloud")?;
        let recorder: Arc<dyn Recorder> = if self.in_memory {
            Arc::new(Unrecorded)
        } else {
            let log = AccessLog::open(&state.access(), "cloud", self.access_log_size);
            Arc::new(log.map_err(|e| {
                Report::new(e).help("make room on the disk, or take less by --access-log-size")
            })?)
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| Report::new(format!("cannot start: {e}")))?;
        let served = runtime.block_on(self.serve(io, file, &state, recorder, started));
        let _ = fs::remove_file(state.addresses());
        drop(lock);
        served.map(|()| Exit::Clean)
    }

    async fn serve(
        &self,
        io: &Io,
        mut file: File,
        state: &State,
        recorder: Arc<dyn Recorder>,
        started: Instant,
    ) -> Result<(), Report> {
        let mut stop = Stop::new()?;
        let keys_at = (!self.in_memory).then(|| state.keys());
        let keys = Keys::load(keys_at.as_deref()).map_err(Report::new)?;
        let signer = Signer::load(keys_at.as_deref(), ISSUER_KEY).map_err(Report::new)?;
        let data = keys_at.map(|keys| Data::open(state.folder(), &keys));
        let data = data
            .transpose()
            .map_err(|e| Report::new(&e).help(e.help()))?;
        let ca = keys.ca_pem();
        let tls = keys
            .server_config(&certified(), Arc::new(SystemClock))
            .map_err(Report::new)?;
        let config = std::mem::take(&mut file.config);
        let cloud = Cloud::new(
            config,
            LocalIssuer::of(Arc::new(signer)),
            keys,
            recorder,
            Arc::new(SystemClock),
            data.clone(),
        )
        .map_err(|e| file.not_applied(&e))?;
        if let Some(data) = &data {
            let kept = data.keep_config(file.json.as_bytes());
            kept.map_err(|e| Report::new(&e).help(e.help()))?;
        }
        cloud.ask_issuers_by(Arc::new(issuers::ByHttps));
        let listener = self.bind(self.port).await?;
        let metadata = self.bind(self.metadata_port).await?;
        let at = |listener: &TcpListener| listener.local_addr().map_err(Report::new);
        let (address, metadata_address) = (at(&listener)?, at(&metadata)?);
        let header = random()?;
        let secret = SecretString::new(header.to_string());
        let (mut router, mut machine) = (cloud.router(), cloud.metadata_router(secret));
        if self.enable_faults {
            let faults = Arc::new(Faults::default());
            (router, machine) = (faults.around(router), faults.with_control(machine));
        }
        let tasks = [
            servers::serve(
                listener,
                Some(TlsAcceptor::from(tls)),
                router,
                Caller::default(),
            ),
            servers::serve(metadata, None, machine, Caller::default()),
        ];
        let mut addresses = Addresses::of(&cloud, state, address, metadata_address, header);
        let roots = issuers::system_roots();
        write(&addresses.ca_file, ca.as_bytes(), 0o644)?;
        let bundle = format!("{}\n{ca}", roots.unwrap_or_default());
        write(&addresses.ca_bundle, bundle.as_bytes(), 0o644)?;
        let text = addresses.publish(state)?;
        addresses.tell(io);
        podward_sys::forget_used_code();
        io.line(format_args!(
            "ready after {} ms; Ctrl-C ends it",
            started.elapsed().as_millis()
        ));
        io.emit("ready", text);
        let tended = tokio::spawn(tend(Arc::clone(&cloud)));
        let mut follower = follow::Follower::new(self.config.as_deref(), cloud, data);
        loop {
            tokio::select! {
                () = stop.asked() => break,
                () = follower.changed() => {
                    if let Some(cloud) = follower.apply(io) {
                        addresses.lead_to(cloud);
                        addresses.publish(state)?;
                    }
                }
            }
        }
        tended.abort();
        for task in tasks {
            task.abort();
        }
        io.emit("stopped", json!({}));
        Ok(())
    }

    async fn bind(&self, port: u16) -> Result<TcpListener, Report> {
        let at = SocketAddr::new(self.listen, port);
        TcpListener::bind(at).await.map_err(|e| {
            Report::new(format!("cannot listen at {at}: {e}"))
                .help("take another port by --port or --metadata-port; 0 takes a free one")
        })
    }
}

/// Makes what becomes due in the vaults, as long as the cloud runs.
async fn tend(cloud: Arc<Cloud>) {
    loop {
        tokio::time::sleep(TEND).await;
        let cloud = Arc::clone(&cloud);
        // one that failed is followed by the next all the same
        let _ = tokio::task::spawn_blocking(move || cloud.tend()).await;
    }
}

/// Names that the server's certificate is good for.
fn certified() -> Vec<String> {
    vec![
        AUTHORITY.into(),
        format!("*.{VAULT_DOMAIN}"),
        MANAGER.into(),
        LOCAL_AUTHORITY.into(),
        LOCAL_MANAGER.into(),
        format!("*.{LOCAL_VAULT_DOMAIN}"),
    ]
}

/// Writes a file aside and puts it in its place, so that who reads it sees all of it.
fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Report> {
    let aside = path.with_extension("new");
    let done = || {
        let _ = fs::remove_file(&aside);
        let mut options = fs::OpenOptions::new();
        options.create_new(true).write(true).mode(mode);
        options.open(&aside)?.write_all(bytes)?;
        fs::rename(&aside, path)
    };
    done().map_err(|e: std::io::Error| Report::new(e).at(&path.to_string_lossy(), None))
}

impl Addresses {
    fn of(
        cloud: &Cloud,
        state: &State,
        address: SocketAddr,
        metadata: SocketAddr,
        identity_header: Zeroizing<String>,
    ) -> Self {
        let port = match address.port() {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let mut addresses = Self {
            authority_host: format!("https://{LOCAL_AUTHORITY}{port}"),
            vaults: Vec::new(),
            metadata: format!("http://{metadata}"),
            identity_endpoint: format!("http://{metadata}/msi/token"),
            identity_header,
            ca_file: state.folder().join("ca.pem"),
            ca_bundle: state.folder().join("ca-bundle.pem"),
            tenant: cloud.first_tenant(),
            address,
            public: Public {
                authority_host: format!("https://{AUTHORITY}{port}"),
                vaults: Vec::new(),
            },
        };
        addresses.lead_to(cloud);
        addresses
    }

    /// Leads to the vaults that are served now.
    fn lead_to(&mut self, cloud: &Cloud) {
        let port = match self.address.port() {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let vaults = |domain: &str| {
            let names = cloud.vaults().into_iter();
            names
                .map(|name| VaultAddress {
                    url: format!("https://{name}.{domain}{port}"),
                    tenant: cloud.tenant_of(&name),
                    name,
                })
                .collect()
        };
        self.vaults = vaults(LOCAL_VAULT_DOMAIN);
        self.public.vaults = vaults(VAULT_DOMAIN);
        self.tenant = cloud.first_tenant();
    }

    /// Writes them where `podward cloud env` reads them; also as JSON.
    fn publish(&self, state: &State) -> Result<Value, Report> {
        let text = serde_json::to_value(self).map_err(Report::new)?;
        write(&state.addresses(), text.to_string().as_bytes(), 0o600)?;
        Ok(text)
    }

    fn tell(&self, io: &Io) {
        io.section("Cloud");
        io.line(format_args!("  token service     {}", self.authority_host));
        for vault in &self.vaults {
            io.line(format_args!("  vault             {}", vault.url));
        }
        io.line(format_args!("  metadata service  {}", self.metadata));
        io.line(format_args!(
            "  CA                {}",
            self.ca_file.display()
        ));
        io.line("\nfor a shell: eval \"$(podward cloud env)\"");
    }
}
