//! A pod's network namespace and the listeners in it. The namespace a connection comes from is the proof of
//! which pod it is.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::{Doing, SysError};

/// A network namespace with nothing but `lo` and our listeners.
#[derive(Debug)]
pub struct PodNetwork {
    /// The namespace.
    pub namespace: OwnedFd,
    /// A listener for each address that was asked for, in their order; non-blocking.
    pub listeners: Vec<TcpListener>,
}

/// Makes a network namespace whose `lo` is up, holds `addresses` besides 127.0.0.1, and listens there.
///
/// # Errors
/// Without CAP_SYS_ADMIN, or when an address cannot be bound.
pub fn pod_network(addresses: &[SocketAddr]) -> Result<PodNetwork, SysError> {
    let wanted = addresses.to_vec();
    // a thread of its own enters the namespace and ends: sockets stay where they were made
    std::thread::Builder::new()
        .name("netns".into())
        .spawn(move || make(&wanted))
        .doing(|| "start a thread".into())?
        .join()
        .unwrap_or_else(|_| {
            Err(io::Error::other("the thread ended early"))
                .doing(|| "make a network namespace".into())
        })
}

fn make(addresses: &[SocketAddr]) -> Result<PodNetwork, SysError> {
    // SAFETY: NEWNET shares no file table and changes this thread alone.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.doing(|| "make a network namespace".into())?;
    let control =
        socket(AddressFamily::INET, SocketType::DGRAM, None).doing(|| "open a socket".into())?;
    let mut given: Vec<Ipv4Addr> = Vec::new();
    for address in addresses {
        if let SocketAddr::V4(v4) = address
            && !v4.ip().is_loopback()
            && !given.contains(v4.ip())
        {
            given.push(*v4.ip());
        }
    }
    up(&control, "lo").doing(|| "bring lo up".into())?;
    for (index, ip) in given.iter().enumerate() {
        // a name with a colon is a second address of the same interface
        let name = format!("lo:{index}");
        set_address(&control, &name, *ip).doing(|| format!("give lo the address {ip}"))?;
    }
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).doing(|| format!("listen on {address}"))?;
        listener
            .set_nonblocking(true)
            .doing(|| format!("listen on {address}"))?;
        listeners.push(listener);
    }
    let namespace =
        File::open("/proc/thread-self/ns/net").doing(|| "open the network namespace".into())?;
    Ok(PodNetwork {
        namespace: namespace.into(),
        listeners,
    })
}

/// Connects from inside a pod's network namespace. Blocks.
///
/// # Errors
/// When the namespace cannot be entered or nobody answers in time.
pub fn connect_in(
    network: BorrowedFd<'_>,
    address: SocketAddr,
    patience: std::time::Duration,
) -> Result<TcpStream, SysError> {
    std::thread::scope(|scope| {
        let work = scope.spawn(|| {
            rustix::thread::move_into_link_name_space(
                network,
                Some(rustix::thread::LinkNameSpaceType::Network),
            )
            .doing(|| "enter the pod's network".into())?;
            TcpStream::connect_timeout(&address, patience).doing(|| format!("connect to {address}"))
        });
        work.join().unwrap_or_else(|_| {
            Err(io::Error::other("the thread ended early")).doing(|| "connect".into())
        })
    })
}

fn request(name: &str) -> libc::ifreq {
    // SAFETY: ifreq is plain data, for which all zeroes is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request
        .ifr_name
        .iter_mut()
        .zip(name.bytes().take(libc::IFNAMSIZ - 1))
    {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request
}

fn ioctl(control: &OwnedFd, code: libc::c_ulong, request: &libc::ifreq) -> io::Result<()> {
    // SAFETY: both codes in use read one ifreq, which lives over the call.
    let result = unsafe { libc::ioctl(control.as_raw_fd(), code, std::ptr::from_ref(request)) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn up(control: &OwnedFd, name: &str) -> io::Result<()> {
    let mut wanted = request(name);
    wanted.ifr_ifru.ifru_flags =
        i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
    ioctl(control, libc::SIOCSIFFLAGS, &wanted)
}

fn set_address(control: &OwnedFd, name: &str, ip: Ipv4Addr) -> io::Result<()> {
    let mut wanted = request(name);
    let address = libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default(),
        sin_port: 0,
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes(ip.octets()),
        },
        sin_zero: [0; 8],
    };
    // SAFETY: sockaddr_in and sockaddr are both 16 bytes of plain data.
    wanted.ifr_ifru.ifru_addr =
        unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address) };
    ioctl(control, libc::SIOCSIFADDR, &wanted)
}
