//! The kernel: namespaces, mounts, credentials, capabilities, seccomp.
