//! Capability names and the sets that containerd and runc give a process.

use serde::{Deserialize, Serialize};

/// Names in the order of their numbers (`linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// All capabilities this crate knows.
const ALL: u64 = (1 << NAMES.len()) - 1;

/// The 14 capabilities containerd gives a container that asks for none.
pub const CONTAINERD_DEFAULT: u64 = 0xa804_25fb;

/// The bit of a capability, by its name with or without `CAP_`, in any case; `None` for an unknown one.
#[must_use]
pub fn parse_capability(name: &str) -> Option<u64> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    if bare == "ALL" {
        return Some(ALL);
    }
    NAMES.iter().position(|n| *n == bare).map(|bit| 1 << bit)
}

/// The five sets of a process, one bit a capability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilitySets {
    /// What no exec can exceed.
    pub bounding: u64,
    /// What may be raised.
    pub permitted: u64,
    /// What is in force.
    pub effective: u64,
    /// Kept over exec by files that ask for it; empty since containerd 1.6.
    pub inheritable: u64,
    /// Kept over exec by any file; Kubernetes sets none.
    pub ambient: u64,
}

impl CapabilitySets {
    /// The sets containerd and runc make of a container's bounding set: a process that is not root
    /// starts with nothing in force.
    #[must_use]
    pub fn of_process(bounding: u64, uid: u32) -> Self {
        let own = if uid == 0 { bounding } else { 0 };
        Self {
            bounding,
            permitted: own,
            effective: own,
            inheritable: 0,
            ambient: 0,
        }
    }

    /// Every capability: a privileged container.
    #[must_use]
    pub fn privileged(uid: u32) -> Self {
        Self::of_process(ALL, uid)
    }

    /// containerd's bounding set for `capabilities.add` and `drop`: additions first, unless `ALL` is
    /// dropped, which is then the start.
    #[must_use]
    pub fn bounding_of(add: &[u64], drop: &[u64]) -> u64 {
        let drops_all = drop.contains(&ALL);
        let start = if add.contains(&ALL) {
            ALL
        } else if drops_all {
            0
        } else {
            CONTAINERD_DEFAULT
        };
        let added = add.iter().fold(start, |set, bit| set | bit);
        drop.iter()
            .filter(|bit| **bit != ALL)
            .fold(added, |set, bit| set & !bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_in_every_spelling() {
        assert_eq!(parse_capability("NET_ADMIN"), Some(1 << 12));
        assert_eq!(parse_capability("cap_sys_time"), Some(1 << 25));
        assert_eq!(parse_capability("nonsense"), None);
    }

    #[test]
    fn the_well_known_example_has_sixteen() {
        let add = [1 << 12, 1 << 25];
        assert_eq!(CapabilitySets::bounding_of(&add, &[]), 0xaa04_35fb);
        assert_eq!(CapabilitySets::bounding_of(&add, &[ALL]), 0x200_1000);
        let sets = CapabilitySets::of_process(0xaa04_35fb, 1000);
        assert_eq!((sets.permitted, sets.effective), (0, 0));
    }
}
