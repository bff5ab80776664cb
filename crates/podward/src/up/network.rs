//! Where pods find the cloud: in networks of their own, or in the machine's.

use std::net::{Ipv4Addr, SocketAddrV4};

use podward_sys::Ids;
use serde_json::json;
use tokio::net::TcpListener;

use super::container::CA_VARIABLES;
use super::node::CA_BUNDLE;
use crate::io::{Io, Tone};
use crate::report::Report;

/// Where the cloud listens in the machine's network: an address of the loopback network that hardly
/// anything else is bound to.
const SHARED: Ipv4Addr = Ipv4Addr::new(127, 198, 18, 1);
/// Port of https.
const HTTPS: u16 = 443;

/// Which network pods are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    /// One of its own for each pod, which proves who asks.
    Pod,
    /// The machine's, with the cloud at this port of [`SHARED`].
    Host(u16),
}

/// `--network`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// A network of its own for each pod, with nothing in it but the local cloud
    Pod,
    /// This machine's network: no network proves which pod asks
    Host,
}

impl Network {
    /// As `--network` and `--cloud-port` say. Where no port is given it is that of https, or any for
    /// an ordinary user, who may not have that.
    pub(super) fn new(kind: Kind, port: Option<u16>, ids: Ids) -> Self {
        let default = if ids == Ids::All { HTTPS } else { 0 };
        match kind {
            Kind::Pod => Self::Pod,
            Kind::Host => Self::Host(port.unwrap_or(default)),
        }
    }
}

/// Listens for the cloud, and says where.
pub(super) async fn listen(network: Network) -> Result<(TcpListener, SocketAddrV4), Report> {
    let (ip, port) = match network {
        Network::Pod => (Ipv4Addr::LOCALHOST, 0),
        Network::Host(port) => (SHARED, port),
    };
    let failed = |e: std::io::Error| {
        Report::new(format!("cannot listen on {ip}:{port}: {e}")).help(
            "stop what listens there (ss -ltnp shows it), or choose another port by --cloud-port",
        )
    };
    let listener = TcpListener::bind((ip, port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, SocketAddrV4::new(ip, port)))
}

/// The token service at `shared`, as `AZURE_AUTHORITY_HOST` names it.
pub(super) fn authority_host(shared: SocketAddrV4) -> String {
    format!(
        "https://{}{}/",
        podward_cloud::AUTHORITY,
        suffix(shared.port())
    )
}

fn suffix(port: u16) -> String {
    match port {
        HTTPS => String::new(),
        port => format!(":{port}"),
    }
}

/// Says where the cloud is.
pub(super) fn tell(io: &Io, shared: Option<SocketAddrV4>, hosts: &[String]) {
    let up = io.tone(Tone::Good, "up");
    let port = shared.map_or_else(String::new, |at| suffix(at.port()));
    for host in hosts {
        io.line(format_args!("  {up} https://{host}{port}"));
    }
    let mut set = Vec::new();
    if let Some(at) = shared {
        set.push(("AZURE_AUTHORITY_HOST", authority_host(at)));
        set.extend(CA_VARIABLES.map(|name| (name, CA_BUNDLE.to_owned())));
        io.line(format_args!(
            "  {} the pods share this machine's network, and these variables, set in each, lead an SDK to the local cloud:",
            io.tone(Tone::Warn, "note")
        ));
        for (name, value) in &set {
            io.line(format_args!("         {name}={value}"));
        }
        io.line(format_args!(
            "       /etc/hosts of the pods has the cloud's names at {}",
            at.ip()
        ));
        io.line("       no network proves which pod asks: 169.254.169.254 and IDENTITY_ENDPOINT are not served, federated tokens are");
    } else {
        io.line(format_args!("  {up} http://169.254.169.254 in each pod"));
    }
    let set: serde_json::Map<_, _> = set
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    io.emit(
        "cloud",
        json!({"hosts": hosts, "address": shared.map(|at| at.to_string()), "variables": set}),
    );
}
