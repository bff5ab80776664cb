//! What guidance asks for beyond the Pod Security Standards, each rule with its reason and its mend.

mod added_capability;
mod capability_name;
mod feature_version;
mod fs_group;
mod fs_group_change_policy;
mod host_users;
mod ineffective_capability;
mod linux_pod_windows_field;
mod metadata_host_alias;
mod old_annotations;

mod os_mismatch;
mod os_unset;
mod pod_identity_binding;
mod privileged_port;
mod read_only_root_filesystem;
mod run_as_group;
mod run_as_user_missing;
mod runtime_socket;
mod secret_provider_class;
mod service_account_token;
mod share_process_namespace;
mod shared_service_principal;
mod supplemental_groups;
mod supplemental_groups_policy;
mod windows_administrator;
mod windows_pod_linux_field;
mod workload_identity;
mod workload_identity_client;
mod writable_host_path;

use crate::practice::Practice;

/// Every practice.
pub(crate) const PRACTICES: &[&Practice] = &[
    // what the pod is for comes first: its fix decides what else is asked of it
    &os_unset::PRACTICE,
    &run_as_user_missing::PRACTICE,
    &run_as_group::PRACTICE,
    &fs_group::PRACTICE,
    &fs_group_change_policy::PRACTICE,
    &supplemental_groups::PRACTICE,
    &supplemental_groups_policy::PRACTICE,
    &capability_name::PRACTICE,
    &ineffective_capability::PRACTICE,
    &added_capability::PRACTICE,
    &privileged_port::PRACTICE,
    &old_annotations::PRACTICE,
    &host_users::PRACTICE,
    &writable_host_path::PRACTICE,
    &runtime_socket::PRACTICE,
    &service_account_token::PRACTICE,
    &share_process_namespace::PRACTICE,
    &metadata_host_alias::PRACTICE,
    &windows_pod_linux_field::PRACTICE,
    &linux_pod_windows_field::PRACTICE,
    &os_mismatch::PRACTICE,
    &windows_administrator::PRACTICE,
    &feature_version::PRACTICE,
    &pod_identity_binding::PRACTICE,
    &workload_identity::PRACTICE,
    &shared_service_principal::PRACTICE,
    &workload_identity_client::PRACTICE,
    &secret_provider_class::PRACTICE,
    &read_only_root_filesystem::PRACTICE,
];
