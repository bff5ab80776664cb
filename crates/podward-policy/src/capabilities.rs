//! The capabilities of Linux: what each opens, and what does the same with less (capabilities(7)).

/// Name, what it opens, and what to use in its place; empty where there is nothing.
type Capability = (&'static str, &'static str, &'static str);

/// Every capability of Linux 6, by name.
const ALL: &[Capability] = &[
    (
        "AUDIT_CONTROL",
        "it may switch the kernel's audit log off",
        "",
    ),
    (
        "AUDIT_READ",
        "it may read the kernel's audit log, of the whole node",
        "",
    ),
    (
        "AUDIT_WRITE",
        "it may write records into the node's audit log",
        "",
    ),
    ("BLOCK_SUSPEND", "it may keep the node from sleeping", ""),
    (
        "BPF",
        "it may load programs into the kernel, which see every process of the node",
        "run the tracer as a DaemonSet of its own, apart from what it watches",
    ),
    (
        "CHECKPOINT_RESTORE",
        "it may read and rebuild the memory of other processes",
        "",
    ),
    (
        "CHOWN",
        "it may give any file to any user",
        "set fsGroup, or give the files to the user when the image is built",
    ),
    (
        "DAC_OVERRIDE",
        "it may read and write every file, whatever its mode",
        "set fsGroup, or mend the modes when the image is built",
    ),
    (
        "DAC_READ_SEARCH",
        "it may read every file, and open files of the node by their number",
        "set fsGroup, or mend the modes when the image is built",
    ),
    (
        "FOWNER",
        "it may change the mode of every file",
        "set fsGroup, or mend the modes when the image is built",
    ),
    (
        "FSETID",
        "it may keep set-uid marks on files that it changes",
        "",
    ),
    (
        "IPC_LOCK",
        "it may lock any amount of the node's memory",
        "raise the limit of locked memory in the runtime, or turn the lock off in the program, as Vault's disable_mlock does",
    ),
    (
        "IPC_OWNER",
        "it may use every shared memory of its namespace",
        "",
    ),
    (
        "KILL",
        "it may send signals to processes of other users",
        "run both as one user",
    ),
    ("LEASE", "it may put leases on files", ""),
    (
        "LINUX_IMMUTABLE",
        "it may mark files so that nobody can change them",
        "",
    ),
    (
        "MAC_ADMIN",
        "it may change the node's mandatory access control",
        "",
    ),
    (
        "MAC_OVERRIDE",
        "it may pass over mandatory access control",
        "",
    ),
    (
        "MKNOD",
        "it may make devices, and reach a disk by one",
        "use a volume of mode Block or a device plugin",
    ),
    (
        "NET_ADMIN",
        "it may change interfaces, routes and firewalls of its network, and listen to all that passes",
        "let a CNI plugin or an init container of the mesh's own do it; for one kernel setting use securityContext.sysctls",
    ),
    (
        "NET_BIND_SERVICE",
        "it may listen on ports below 1024",
        "listen on a port from 1024 on and let a Service map it, or set the sysctl net.ipv4.ip_unprivileged_port_start in the pod",
    ),
    (
        "NET_BROADCAST",
        "nothing: the kernel does not ask for it",
        "take it out",
    ),
    (
        "NET_RAW",
        "it may forge packets of other pods, such as ARP and DNS answers",
        "for ping, the sysctl net.ipv4.ping_group_range in the pod lets unprivileged programs send echo requests",
    ),
    (
        "PERFMON",
        "it may watch every process of the node",
        "run the profiler as a DaemonSet of its own",
    ),
    (
        "SETFCAP",
        "it may give capabilities to files",
        "set them when the image is built",
    ),
    (
        "SETGID",
        "it may be in any group",
        "set runAsGroup and supplementalGroups",
    ),
    (
        "SETPCAP",
        "it may change the capabilities of its processes",
        "",
    ),
    (
        "SETUID",
        "it may become any user, root as well",
        "set runAsUser",
    ),
    (
        "SYSLOG",
        "it may read the kernel's messages and addresses",
        "",
    ),
    (
        "SYS_ADMIN",
        "it may mount, enter namespaces and much more: it is as good as root on the node",
        "for mounts use volumes and CSI drivers; for FUSE a device plugin; for user namespaces hostUsers: false",
    ),
    (
        "SYS_BOOT",
        "it may restart the node and load another kernel",
        "",
    ),
    (
        "SYS_CHROOT",
        "it may change its root directory, and break out of one",
        "",
    ),
    (
        "SYS_MODULE",
        "it may load modules into the node's kernel: it is root on the node",
        "let the node load the module when it starts",
    ),
    (
        "SYS_NICE",
        "it may take processor time from every other process",
        "ask for processors by resources.requests",
    ),
    (
        "SYS_PACCT",
        "it may switch process accounting on and off",
        "",
    ),
    (
        "SYS_PTRACE",
        "it may read and change the memory of other processes, with their secrets",
        "an ephemeral container (kubectl debug --profile general) has it as long as it is needed",
    ),
    (
        "SYS_RAWIO",
        "it may read the node's memory and write to its disks past the file system",
        "",
    ),
    (
        "SYS_RESOURCE",
        "it may pass over limits and quotas",
        "set the limits in the runtime",
    ),
    (
        "SYS_TIME",
        "it may set the clock of the whole node, on which certificates, tokens and logs count",
        "the node's own time service sets the clock",
    ),
    ("SYS_TTY_CONFIG", "it may change terminals", ""),
    ("WAKE_ALARM", "it may wake the node", ""),
];

fn find(name: &str) -> Option<&'static Capability> {
    let upper = name.to_ascii_uppercase();
    let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
    let at = ALL
        .binary_search_by(|(known, ..)| (*known).cmp(bare))
        .ok()?;
    ALL.get(at)
}

/// Whether Linux knows a capability, written as Kubernetes does.
pub(crate) fn is_known(name: &str) -> bool {
    ALL.iter().any(|(known, ..)| *known == name)
}

/// What a capability opens.
pub(crate) fn opens(name: &str) -> &'static str {
    let is_all = name.eq_ignore_ascii_case("ALL") || name.eq_ignore_ascii_case("CAP_ALL");
    match find(name) {
        Some((_, opens, _)) => opens,
        None if is_all => "it may do all that root may on the node",
        None => "no kernel knows it, and the runtime may refuse the container",
    }
}

/// What does the same with less; a sentence that says that there is nothing where there is.
pub(crate) fn instead(name: &str) -> &'static str {
    match find(name) {
        Some((.., instead)) if !instead.is_empty() => instead,
        Some(_) => "nothing else gives it",
        None => "name the capabilities that the program needs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found_in_every_spelling() {
        assert!(ALL.is_sorted());
        for name in ["NET_RAW", "net_raw", "CAP_NET_RAW"] {
            assert!(opens(name).contains("packets"), "{name}");
        }
        assert!(opens("all").contains("root"));
        assert!(opens("NET_EVERYTHING").contains("no kernel"));
        assert!(!is_known("net_raw") && is_known("NET_RAW"));
    }
}
