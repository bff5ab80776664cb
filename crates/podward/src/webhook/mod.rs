//! `podward webhook`: admission in a cluster.

mod authority;
mod certificate;
mod doors;
mod health;
mod identity;
mod metrics;
mod notices;
mod room;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use podward_admission::{Environment, Exemptions, Gate};
use podward_cloud::Caller;
use podward_cluster::Cluster;
use podward_kube::Kubernetes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::io::{Io, Output};
use crate::report::{Exit, Report};
use crate::servers;
use crate::stop::Stop;
use certificate::Certificate;
use doors::Doors;
use health::Health;
use identity::Identity;
use metrics::Metrics;
use room::Room;

/// Judges and completes the pods of a cluster as they are made.
///
/// It serves the API server's admission reviews at /validate and /mutate by TLS, with a certificate of its own CA,
/// which it makes, keeps in a Secret that its replicas share, and renews; and it keeps the CA in the caBundle of its
/// webhook configurations. What it refuses is worded as by Pod Security admission, and followed by what mends it.
/// Each decision is one line of JSON on standard output.
///
/// Labels of a namespace say what its pods must meet: podward.dev/enforce, podward.dev/audit and podward.dev/warn
/// with a profile (privileged, baseline, restricted or podward), podward.dev/enforce-version and so on with a version
/// of Kubernetes (v1.37, latest), and podward.dev/enforce.RULE with true or false for a single rule.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  podward webhook                                   in a pod, as the chart installs it
  podward webhook --kubeconfig ~/.kube/config --name 127.0.0.1
                                                    on this machine, for a configuration with a url
  podward webhook --tls-cert tls.crt --tls-key tls.key
                                                    with a certificate that others make
  podward webhook --pod-security-labels             in place of the API server's own plugin")]
pub(crate) struct Webhook {
    /// How the API server is reached [default: as the pod that this runs in]
    #[arg(long, value_name = "FILE", env = "KUBECONFIG")]
    kubeconfig: Option<PathBuf>,
    /// Address of the reviews, by TLS 1.3
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:9443",
        env = "PODWARD_WEBHOOK_LISTEN"
    )]
    listen: SocketAddr,
    /// Address of /healthz, /readyz and /metrics, by plain HTTP
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:9440",
        env = "PODWARD_WEBHOOK_HEALTH"
    )]
    health: SocketAddr,
    /// Namespace that podward is installed in
    #[arg(long, default_value = "podward-system", env = "PODWARD_NAMESPACE")]
    namespace: String,
    /// Service by which the API server reaches this
    #[arg(
        long,
        default_value = "podward-webhook",
        env = "PODWARD_WEBHOOK_SERVICE"
    )]
    service: String,
    /// Another name or address that the certificate is good for
    #[arg(
        long,
        value_name = "NAME",
        env = "PODWARD_WEBHOOK_NAMES",
        value_delimiter = ','
    )]
    name: Vec<String>,
    /// Certificate to serve with (PEM, the server's first) in place of one of podward's own: it is read anew when it
    /// changes. The caBundle of the webhook configurations, and the Secret of the CA, are then left to who makes it
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "PODWARD_WEBHOOK_TLS_CERT"
    )]
    tls_cert: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "PODWARD_WEBHOOK_TLS_KEY"
    )]
    tls_key: Option<PathBuf>,
    /// Name of the webhook configurations whose caBundle is kept right
    #[arg(long, default_value = "podward", env = "PODWARD_WEBHOOK_CONFIGURATION")]
    configuration: String,
    /// How long a CA is good, in hours; it is replaced when two thirds of that have passed
    #[arg(long, value_name = "HOURS", default_value_t = 8760, value_parser = clap::value_parser!(u32).range(1..=87600), env = "PODWARD_WEBHOOK_CA_HOURS")]
    ca_hours: u32,
    /// Act on the labels pod-security.kubernetes.io/* too, where the API server's own plugin is switched off
    #[arg(long, env = "PODWARD_POD_SECURITY_LABELS")]
    pod_security_labels: bool,
    /// Namespaces that are let through, beside kube-system and that of podward
    #[arg(
        long,
        value_name = "NAMESPACE",
        value_delimiter = ',',
        env = "PODWARD_EXEMPT_NAMESPACES"
    )]
    exempt_namespaces: Vec<String>,
    /// Users who are let through
    #[arg(
        long,
        value_name = "USER",
        value_delimiter = ',',
        env = "PODWARD_EXEMPT_USERNAMES"
    )]
    exempt_usernames: Vec<String>,
    /// Runtime classes whose pods are let through
    #[arg(
        long,
        value_name = "CLASS",
        value_delimiter = ',',
        env = "PODWARD_EXEMPT_RUNTIME_CLASSES"
    )]
    exempt_runtime_classes: Vec<String>,
    #[command(flatten)]
    identity: Identity,
    /// `text`, or `json` with one event a line
    #[arg(short, long, value_enum, default_value_t = Output::Text, env = "PODWARD_OUTPUT")]
    output: Output,
}

/// How long it goes on when it is told to end. New connections go elsewhere as soon as the Service has left this replica
/// out; those that are there are closed with their next answer.
const FAREWELL: Duration = Duration::from_secs(8);

impl Webhook {
    pub(crate) fn run(self, io: &mut Io) -> Result<Exit, Report> {
        io.set_output(self.output);
        let given = self.identity.given()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, usize::from))
            .enable_all()
            .build()
            .map_err(|e| Report::new(format!("cannot start: {e}")))?;
        runtime.block_on(self.serve(given, io))
    }

    async fn serve(self, given: Environment, io: &Io) -> Result<Exit, Report> {
        let mut stop = Stop::new()?;
        let kubernetes = Kubernetes::connect(self.kubeconfig.as_deref())
            .await
            .map_err(|e| {
                Report::new(e).help(
                    "run it in a pod with a service account, or name a kubeconfig by --kubeconfig",
                )
            })?;
        let cluster = Arc::new(Cluster::default());
        let metrics = Arc::new(Metrics::default());
        let health = Arc::new(Health::default());
        let health_at = bind(self.health).await?;
        let tended = servers::serve(
            health_at,
            None,
            health::router(Arc::clone(&health), Arc::clone(&metrics)),
            Caller::default(),
        );
        let teller = io.clone();
        let following = kubernetes.follow(&cluster, move |kind, error| {
            teller.note(format_args!(
                "the watch of {kind} broke off and is tried again: {error}"
            ));
        });
        let certificate = Certificate::of(&self, &kubernetes)?;
        tokio::select! {
            () = stop.asked() => return Ok(Exit::Clean),
            () = following.complete() => {}
        }
        let tls = tokio::select! {
            () = stop.asked() => return Ok(Exit::Clean),
            tls = certificate.begin(io) => tls?,
        };
        let listener = bind(self.listen).await?;
        let address = listener.local_addr().map_err(Report::new)?;
        let doors = Doors {
            gate: self.gate(),
            cluster,
            notices: notices::tell(&kubernetes, io.clone()),
            kubernetes,
            metrics: Arc::clone(&metrics),
            health: Arc::clone(&health),
            io: io.clone(),
            room: Room::default(),
            turn: Arc::new(Semaphore::new(1)),
            survey: Semaphore::new(1),
            given,
        };
        let served = servers::serve(
            listener,
            Some(TlsAcceptor::from(tls)),
            doors::router(Arc::new(doors)),
            Caller::default(),
        );
        health.follow(following);
        io.line(format_args!("reviews are answered at https://{address}"));
        podward_sys::forget_used_code();
        io.emit("ready", json!({"address": address}));
        tokio::select! {
            () = stop.asked() => {}
            () = certificate.tend(io) => {}
        }
        health.end();
        tokio::time::sleep(FAREWELL).await;
        served.abort();
        tended.abort();
        io.emit("stopped", json!({}));
        Ok(Exit::Clean)
    }

    fn gate(&self) -> Gate {
        // no webhook configuration of podward's sends their pods: a label there is told to count for nothing
        let never = ["kube-system".to_owned(), self.namespace.clone()];
        Gate {
            pod_security_labels: self.pod_security_labels,
            exemptions: Exemptions {
                namespaces: self
                    .exempt_namespaces
                    .iter()
                    .cloned()
                    .chain(never)
                    .collect(),
                usernames: self.exempt_usernames.clone(),
                runtime_classes: self.exempt_runtime_classes.clone(),
            },
        }
    }
}

async fn bind(at: SocketAddr) -> Result<TcpListener, Report> {
    TcpListener::bind(at).await.map_err(|e| {
        Report::new(format!("cannot listen at {at}: {e}"))
            .help("take another address by --listen or --health; port 0 takes a free one")
    })
}
