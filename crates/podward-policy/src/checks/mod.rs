//! The controls, each with its rule, its reason and its mend.

mod allow_privilege_escalation;
mod app_armor_profile;
mod capabilities_baseline;
mod capabilities_restricted;
mod host_namespaces;
mod host_path_volumes;
mod host_ports;
mod host_probes_and_host_lifecycle;
mod privileged;
mod proc_mount;
mod restricted_volumes;
mod run_as_non_root;
mod run_as_user;
mod se_linux_options;
mod seccomp_profile_baseline;
mod seccomp_profile_restricted;
mod sysctls;
mod windows_host_process;

use crate::Check;

/// Where the controls come from.
const STANDARDS: &str =
    "Pod Security Standards: https://kubernetes.io/docs/concepts/security/pod-security-standards/";

pub use capabilities_baseline::DEFAULT as DEFAULT_CAPABILITIES;
pub use restricted_volumes::ALLOWED as RESTRICTED_VOLUMES;
pub use se_linux_options::TYPES as SE_LINUX_TYPES;
pub use sysctls::SAFE as SAFE_SYSCTLS;

/// Every control, in the order of the server: baseline, then restricted, each sorted by name.
pub const ALL: &[&Check] = &[
    &app_armor_profile::CHECK,
    &capabilities_baseline::CHECK,
    &host_namespaces::CHECK,
    &host_path_volumes::CHECK,
    &host_ports::CHECK,
    &host_probes_and_host_lifecycle::CHECK,
    &privileged::CHECK,
    &proc_mount::BASELINE,
    &se_linux_options::CHECK,
    &seccomp_profile_baseline::CHECK,
    &sysctls::CHECK,
    &windows_host_process::CHECK,
    &allow_privilege_escalation::CHECK,
    &capabilities_restricted::CHECK,
    &proc_mount::RESTRICTED,
    &restricted_volumes::CHECK,
    &run_as_non_root::CHECK,
    &run_as_user::CHECK,
    &seccomp_profile_restricted::CHECK,
];

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn the_order_is_that_of_the_server() {
        let keys: Vec<_> = ALL
            .iter()
            .map(|check| (check.level(), check.rule.id))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(keys.len(), 19);
    }
}
