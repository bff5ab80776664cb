//! The part of a pod (core/v1) that podward carries out.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `spec` of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Containers.
    pub containers: Vec<Container>,
    /// Init containers.
    pub init_containers: Vec<Container>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Security context of the pod.
    pub security_context: PodSecurityContext,
    /// Service account.
    pub service_account_name: Option<String>,
    /// Whether the kube-api-access token is mounted.
    pub automount_service_account_token: Option<bool>,
    /// The host's network.
    pub host_network: bool,
    /// Host name.
    pub hostname: Option<String>,
    /// Added lines of `/etc/hosts`.
    pub host_aliases: Vec<HostAlias>,
    /// Seconds from SIGTERM to SIGKILL; 30 where absent.
    pub termination_grace_period_seconds: Option<u64>,
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HostAlias {
    /// Address.
    pub ip: String,
    /// Names.
    pub hostnames: Vec<String>,
}

/// `securityContext` of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSecurityContext {
    /// User id.
    pub run_as_user: Option<u32>,
    /// Primary group id.
    pub run_as_group: Option<u32>,
    /// Refuses user 0.
    pub run_as_non_root: Option<bool>,
    /// Group of the volumes.
    pub fs_group: Option<u32>,
    /// More groups.
    pub supplemental_groups: Vec<u32>,
    /// Seccomp profile.
    pub seccomp_profile: Option<SeccompProfile>,
    /// Sysctls.
    pub sysctls: Vec<Sysctl>,
}

/// `securityContext` of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityContext {
    /// User id.
    pub run_as_user: Option<u32>,
    /// Primary group id.
    pub run_as_group: Option<u32>,
    /// Refuses user 0.
    pub run_as_non_root: Option<bool>,
    /// All rights.
    pub privileged: Option<bool>,
    /// `false` sets no_new_privs.
    pub allow_privilege_escalation: Option<bool>,
    /// Read-only root.
    pub read_only_root_filesystem: Option<bool>,
    /// Capabilities.
    pub capabilities: Capabilities,
    /// Seccomp profile.
    pub seccomp_profile: Option<SeccompProfile>,
    /// `Default` or `Unmasked`.
    pub proc_mount: Option<String>,
}

/// `capabilities`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Added.
    pub add: Vec<String>,
    /// Dropped.
    pub drop: Vec<String>,
}

/// `seccompProfile`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SeccompProfile {
    /// `Unconfined`, `RuntimeDefault` or `Localhost`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A sysctl.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Sysctl {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// A container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Entrypoint.
    pub command: Vec<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Working directory.
    pub working_dir: Option<String>,
    /// Environment.
    pub env: Vec<EnvVar>,
    /// Environment from whole objects.
    pub env_from: Vec<EnvFrom>,
    /// Mounts.
    pub volume_mounts: Vec<VolumeMount>,
    /// Security context.
    pub security_context: SecurityContext,
    /// Readiness probe.
    pub readiness_probe: Option<Probe>,
    /// `Always` makes an init container a sidecar.
    pub restart_policy: Option<String>,
}

/// A probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// Runs a program.
    pub exec: Option<ExecAction>,
    /// Asks over HTTP.
    pub http_get: Option<HttpGet>,
    /// Opens a connection.
    pub tcp_socket: Option<TcpSocket>,
}

/// `exec` of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ExecAction {
    /// Program and arguments.
    pub command: Vec<String>,
}

/// `httpGet` of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HttpGet {
    /// Path.
    pub path: String,
    /// Port, number or name.
    pub port: serde_json::Value,
}

/// `tcpSocket` of a probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TcpSocket {
    /// Port, number or name.
    pub port: serde_json::Value,
}

/// An environment variable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Literal value; `$(VAR)` is expanded.
    pub value: Option<String>,
    /// From elsewhere.
    pub value_from: Option<EnvSource>,
}

/// `valueFrom`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvSource {
    /// A key of a ConfigMap.
    pub config_map_key_ref: Option<KeyRef>,
    /// A key of a Secret.
    pub secret_key_ref: Option<KeyRef>,
    /// A field of the pod.
    pub field_ref: Option<FieldRef>,
}

/// `envFrom`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvFrom {
    /// Put before each name.
    pub prefix: String,
    /// All keys of a ConfigMap.
    pub config_map_ref: Option<KeyRef>,
    /// All keys of a Secret.
    pub secret_ref: Option<KeyRef>,
}

/// An object, or one key of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyRef {
    /// Name of the object.
    pub name: String,
    /// Key.
    pub key: String,
    /// A missing one is no error.
    pub optional: bool,
}

/// `fieldRef`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FieldRef {
    /// E.g. `metadata.name`.
    pub field_path: String,
}

/// A mount of a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeMount {
    /// Volume.
    pub name: String,
    /// Where.
    pub mount_path: String,
    /// Read-only.
    pub read_only: bool,
    /// Only this path of the volume.
    pub sub_path: Option<String>,
}

/// A volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Name.
    pub name: String,
    /// An empty folder.
    pub empty_dir: Option<serde_json::Value>,
    /// A ConfigMap.
    pub config_map: Option<KeyedSource>,
    /// A Secret.
    pub secret: Option<KeyedSource>,
    /// Fields of the pod.
    pub downward_api: Option<DownwardApi>,
    /// Several in one.
    pub projected: Option<Projected>,
    /// An inline CSI volume.
    pub csi: Option<CsiSource>,
    /// A path of the node.
    pub host_path: Option<HostPath>,
}

/// A ConfigMap or Secret as files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyedSource {
    /// Name of the ConfigMap, or of a projected Secret.
    pub name: String,
    /// Name of the Secret.
    pub secret_name: String,
    /// Which keys, under which paths; all where empty.
    pub items: Vec<KeyToPath>,
    /// Mode of the files.
    pub default_mode: Option<u32>,
    /// A missing object is no error.
    pub optional: bool,
}

/// One key as a file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyToPath {
    /// Key.
    pub key: String,
    /// Path below the volume.
    pub path: String,
    /// Mode of the file.
    pub mode: Option<u32>,
}

/// `downwardAPI`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownwardApi {
    /// Files.
    pub items: Vec<DownwardFile>,
}

/// One file of `downwardAPI`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownwardFile {
    /// Path below the volume.
    pub path: String,
    /// Field.
    pub field_ref: Option<FieldRef>,
}

/// `projected`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Projected {
    /// Sources.
    pub sources: Vec<Projection>,
    /// Mode of the files.
    pub default_mode: Option<u32>,
}

/// One source of a projected volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Projection {
    /// A service account token.
    pub service_account_token: Option<TokenProjection>,
    /// A ConfigMap.
    pub config_map: Option<KeyedSource>,
    /// A Secret.
    pub secret: Option<KeyedSource>,
    /// Fields of the pod.
    pub downward_api: Option<DownwardApi>,
}

/// A projected token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TokenProjection {
    /// Audience; the API server's own where empty.
    pub audience: String,
    /// Lifetime, seconds; an hour where absent.
    pub expiration_seconds: Option<u64>,
    /// Path below the volume.
    pub path: String,
}

/// `csi`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CsiSource {
    /// Driver.
    pub driver: String,
    /// Read-only.
    pub read_only: Option<bool>,
    /// Attributes handed to the driver.
    pub volume_attributes: BTreeMap<String, String>,
}

/// `hostPath`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HostPath {
    /// Path of the node.
    pub path: String,
}
