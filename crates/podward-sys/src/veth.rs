//! One netlink message: a pair of interfaces between two network namespaces (rtnetlink(7), veth(4)).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, send, socket};

use crate::{Doing, SysError};

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

/// Makes the interface `name` in this thread's network namespace and its other end, `peer`, in
/// the one that `other` is open on.
///
/// # Errors
/// Without CAP_NET_ADMIN in either namespace, or in a kernel without veth.
pub(crate) fn pair(name: &str, peer: &str, other: impl AsFd) -> Result<(), SysError> {
    ask(&message(name, peer, other.as_fd().as_raw_fd()))
        .doing(|| format!("make the interface {name}"))
}

/// `struct ifinfomsg`: every field zero, which leaves the choice to the kernel.
const ANY_INTERFACE: [u8; 16] = [0; 16];

fn attribute(kind: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 4).unwrap_or(u16::MAX);
    let mut out = Vec::with_capacity(content.len() + 7);
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(content);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn text(kind: u16, text: &str) -> Vec<u8> {
    attribute(kind, &[text.as_bytes(), b"\0"].concat())
}

fn message(name: &str, peer: &str, other: i32) -> Vec<u8> {
    let peer = [
        ANY_INTERFACE.to_vec(),
        text(IFLA_IFNAME, peer),
        attribute(IFLA_NET_NS_FD, &other.to_ne_bytes()),
    ]
    .concat();
    let info = [
        text(IFLA_INFO_KIND, "veth"),
        attribute(IFLA_INFO_DATA, &attribute(VETH_INFO_PEER, &peer)),
    ]
    .concat();
    let body = [
        ANY_INTERFACE.to_vec(),
        text(IFLA_IFNAME, name),
        attribute(IFLA_LINKINFO, &info),
    ]
    .concat();
    let length = u32::try_from(body.len() + 16).unwrap_or(u32::MAX);
    let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    let (sequence, port) = (1_u32, 0_u32);
    [
        length.to_ne_bytes().to_vec(),
        RTM_NEWLINK.to_ne_bytes().to_vec(),
        flags.to_ne_bytes().to_vec(),
        sequence.to_ne_bytes().to_vec(),
        port.to_ne_bytes().to_vec(),
        body,
    ]
    .concat()
}

/// Sends a request and waits for the kernel's answer to it.
fn ask(message: &[u8]) -> io::Result<()> {
    // protocol 0 is NETLINK_ROUTE
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    send(&socket, message, SendFlags::empty())?;
    let mut answer = [0_u8; 512];
    let (_, length) = recv(&socket, answer.as_mut_slice(), RecvFlags::empty())?;
    let answer = answer.get(..length).unwrap_or_default();
    let kind = answer
        .get(4..6)
        .and_then(|b| b.try_into().ok())
        .map(u16::from_ne_bytes);
    let code = answer
        .get(16..20)
        .and_then(|b| b.try_into().ok())
        .map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_and_their_length_is_not() {
        let one = text(IFLA_IFNAME, "eth0");
        assert_eq!(one.len(), 12);
        assert_eq!(one.get(..2), Some(&9_u16.to_ne_bytes()[..]));
        let whole = message("eth0", "door0", 3);
        assert_eq!(whole.len() % 4, 0);
        let length = u32::try_from(whole.len()).unwrap();
        assert_eq!(whole.get(..4), Some(&length.to_ne_bytes()[..]));
    }
}
