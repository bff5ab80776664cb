//! Readiness probes, run as a kubelet runs them.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::BorrowedFd;
use std::process::{Command, Stdio};
use std::time::Duration;

use podward_api::pod::Probe;
use podward_sys::Enter;
use serde_json::Value;

use super::node::POD_IP;

/// How long one probe may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs a probe once, in the pod's network or, where it has none of its own, in the machine's.
/// Blocks.
pub(super) fn succeeds(probe: &Probe, container: &Enter, network: Option<BorrowedFd<'_>>) -> bool {
    if let Some(exec) = &probe.exec {
        let mut wanted = container.clone();
        wanted.process.args.clone_from(&exec.command);
        return run(&wanted).unwrap_or(false);
    }
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    let (path, port) = match (&probe.http_get, &probe.tcp_socket) {
        (Some(http), _) => (Some(http.path.as_str()), port(&http.port)),
        (None, Some(tcp)) => (None, port(&tcp.port)),
        (None, None) => return true,
    };
    let Some(port) = port else {
        return false;
    };
    let stream = match network {
        Some(network) => {
            podward_sys::connect_in(network, SocketAddr::from((POD_IP, port)), PATIENCE).ok()
        }
        None => {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            TcpStream::connect_timeout(&address, PATIENCE).ok()
        }
    };
    stream.is_some_and(|stream| path.is_none_or(|path| answers(stream, path)))
}

/// Whether a GET is answered with 200 to 399.
fn answers(mut stream: TcpStream, path: &str) -> bool {
    use std::io::Read;
    let path = if path.is_empty() { "/" } else { path };
    let asked = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| {
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: kube-probe/podward\r\n\r\n"
        )
    });
    let mut head = [0; 12];
    asked.is_ok()
        && stream.read_exact(&mut head).is_ok()
        && matches!(head.get(9), Some(b'2' | b'3'))
}

/// Runs a program in a container by a process of one thread.
fn run(wanted: &Enter) -> std::io::Result<bool> {
    let mut child = Command::new("/proc/self/exe")
        .arg(crate::exec::ENTER_ARGUMENT)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&serde_json::to_vec(wanted)?)?;
    }
    child.wait().map(|status| status.success())
}
