//! A pod's network namespace and the listeners in it. The namespace a connection comes from is the proof of
//! which pod it is.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketType, socket};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::{Doing, SysError, veth};

/// A pod's network namespace, in which there is one way only: to our listeners.
#[derive(Debug)]
pub struct PodNetwork {
    /// The namespace.
    pub namespace: OwnedFd,
    /// A listener for each address that was asked for, in their order; non-blocking.
    pub listeners: Vec<TcpListener>,
}

/// The interface in the pod.
const POD_SIDE: &str = "eth0";
/// Its other end.
const DOOR_SIDE: &str = "door0";
/// Length of the prefix that an address of ours and the pod's address beside it share.
const NETMASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 252);

/// Makes a network namespace from which `addresses` are reached, and nothing else. The pod's own
/// address is the other one of the first address's network of two.
///
/// The listeners are in a second namespace, at the other end of a pair of interfaces, which only
/// this pod is connected to: so the pod's own ports are all free, and who connects is that pod.
///
/// # Errors
/// Without CAP_SYS_ADMIN and CAP_NET_ADMIN, or when an address cannot be bound.
pub fn pod_network(addresses: &[SocketAddrV4]) -> Result<PodNetwork, SysError> {
    let wanted = addresses.to_vec();
    // a thread of its own enters the namespaces and ends: sockets stay where they were made
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

/// Moves this thread into a new network namespace whose `lo` is up.
fn new_namespace() -> Result<(OwnedFd, OwnedFd), SysError> {
    // SAFETY: NEWNET shares no file table and changes this thread alone.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.doing(|| "make a network namespace".into())?;
    let control =
        socket(AddressFamily::INET, SocketType::DGRAM, None).doing(|| "open a socket".into())?;
    up(&control, "lo").doing(|| "bring lo up".into())?;
    let namespace =
        File::open("/proc/thread-self/ns/net").doing(|| "open the network namespace".into())?;
    Ok((namespace.into(), control))
}

/// The other host of an address's network of two.
fn beside(ip: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from_bits(ip.to_bits() ^ 3)
}

fn make(addresses: &[SocketAddrV4]) -> Result<PodNetwork, SysError> {
    let ours: Vec<Ipv4Addr> = addresses.iter().map(|address| *address.ip()).collect();
    let theirs: Vec<Ipv4Addr> = ours.iter().copied().map(beside).collect();
    let (door, door_control) = new_namespace()?;
    let (namespace, control) = new_namespace()?;
    veth::pair(POD_SIDE, DOOR_SIDE, &door)?;
    configure(&control, POD_SIDE, &theirs)?;
    move_into_link_name_space(door.as_fd(), Some(LinkNameSpaceType::Network))
        .doing(|| "enter the door's network".into())?;
    configure(&door_control, DOOR_SIDE, &ours)?;
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).doing(|| format!("listen on {address}"))?;
        listener
            .set_nonblocking(true)
            .doing(|| format!("listen on {address}"))?;
        listeners.push(listener);
    }
    Ok(PodNetwork {
        namespace,
        listeners,
    })
}

fn configure(control: &OwnedFd, interface: &str, addresses: &[Ipv4Addr]) -> Result<(), SysError> {
    for (index, ip) in addresses.iter().enumerate() {
        // a name with a colon is a further address of the same interface
        let name = if index == 0 {
            interface.to_owned()
        } else {
            format!("{interface}:{index}")
        };
        set_address(control, &name, libc::SIOCSIFADDR, *ip)
            .and_then(|()| set_address(control, &name, libc::SIOCSIFNETMASK, NETMASK))
            .doing(|| format!("give {interface} the address {ip}"))?;
    }
    up(control, interface).doing(|| format!("bring {interface} up"))
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
            move_into_link_name_space(network, Some(LinkNameSpaceType::Network))
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
    // SAFETY: every code in use reads one ifreq, which lives over the call.
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

fn set_address(control: &OwnedFd, name: &str, code: libc::c_ulong, ip: Ipv4Addr) -> io::Result<()> {
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
    ioctl(control, code, &wanted)
}
