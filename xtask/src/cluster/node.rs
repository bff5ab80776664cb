//! The node: containerd with the images, the kubelet, kube-proxy.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::control_plane::{kubectl, name};
use super::layout::{CONTAINERD, Layout, NODE, text, write};
use super::namespaces::Inside;
use super::packages::Packages;
use super::wait;
use crate::shell::output;

/// Starts containerd and gives it the images.
pub(super) fn containerd(
    layout: &Layout,
    inside: &Inside,
    packages: &Packages,
    images: &[PathBuf],
) -> Result<(), String> {
    let network = layout.config("cni/10-bridge.conf");
    write(&network, bridge(layout).to_string())?;
    let config = layout.config("containerd.toml");
    write(&config, containerd_config(layout, packages)?)?;
    let component = "containerd";
    let program = packages.file(&["usr/bin/containerd"])?;
    let arguments = ["--config".to_owned(), text(&config)];
    inside.start(component, &text(&program), &arguments)?;
    let limit = Duration::from_secs(30);
    wait::until(layout, component, "it answered", limit, || {
        let mut version = inside.command("ctr");
        version.args(["--address", CONTAINERD, "version"]);
        output(version).is_ok()
    })?;
    for image in images {
        let mut import = inside.command("ctr");
        import.args(["--address", CONTAINERD, "--namespace", "k8s.io"]);
        import.args(["images", "import", &text(image)]);
        output(import)?;
    }
    Ok(())
}

fn containerd_config(layout: &Layout, packages: &Packages) -> Result<String, String> {
    let cri = "plugins.\"io.containerd.grpc.v1.cri\"";
    Ok(format!(
        r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "{CONTAINERD}"
[{cri}]
disable_tcp_service = true
# where root may not make itself less likely to be killed, no pod would start
restrict_oom_score_adj = true
sandbox_image = "podward.dev/pause:e2e"
[{cri}.cni]
bin_dir = "{cni}"
conf_dir = "{conf}"
[{cri}.containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.runc.options]
BinaryName = "{runc}"
SystemdCgroup = false
"#,
        cni = packages.cni()?.display(),
        conf = layout.config("cni").display(),
        runc = packages.runc()?.display(),
    ))
}

/// One bridge for all pods; what is not theirs goes to the node.
fn bridge(layout: &Layout) -> serde_json::Value {
    json!({
        "cniVersion": "0.4.0", "name": "bridge", "type": "bridge", "bridge": "cni0",
        "isGateway": true, "hairpinMode": true,
        "ipam": {
            "type": "host-local", "dataDir": "/var/lib/cni",
            "ranges": [[{"subnet": layout.pods(), "gateway": layout.node_address()}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    })
}

/// Starts the kubelet and kube-proxy, and waits until pods can come.
pub(super) fn kubelet(layout: &Layout, inside: &Inside) -> Result<(), String> {
    let config = layout.config("kubelet.json");
    write(&config, kubelet_config(layout)?.to_string())?;
    let component = "kubelet";
    let arguments = [
        format!("--config={}", text(&config)),
        format!(
            "--kubeconfig={}",
            text(&layout.config("kubelet.kubeconfig"))
        ),
        format!("--hostname-override={NODE}"),
        format!("--node-ip={}", layout.node_address()),
    ];
    inside.start(component, &name(layout, component), &arguments)?;
    let proxy = "kube-proxy";
    let config = layout.config("kube-proxy.json");
    write(&config, proxy_config(layout).to_string())?;
    let arguments = [format!("--config={}", text(&config))];
    inside.start(proxy, &name(layout, proxy), &arguments)?;
    let limit = Duration::from_secs(60);
    wait::until(layout, component, "the node was ready", limit, || {
        let ready = r#"{.status.conditions[?(@.type=="Ready")].status}"#;
        let jsonpath = format!("jsonpath={ready}");
        let node = kubectl(layout, &["get", "node", NODE, "-o", &jsonpath]);
        output(node).is_ok_and(|status| status == b"True")
    })?;
    let manager = "kube-controller-manager";
    let what = "namespaces had their service accounts";
    wait::until(layout, manager, what, limit, || {
        output(kubectl(layout, &["get", "serviceaccount", "default"])).is_ok()
    })?;
    let what = "its rules were there";
    wait::until(layout, proxy, what, limit, || {
        let rules = inside.command("iptables-save");
        let service = format!("-d {}/32", layout.service_address());
        output(rules).is_ok_and(|rules| String::from_utf8_lossy(&rules).contains(&service))
    })
}

fn kubelet_config(layout: &Layout) -> Result<serde_json::Value, String> {
    Ok(json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": format!("unix://{CONTAINERD}"),
        "address": layout.node_address(),
        "tlsCertFile": layout.pki("kubelet.crt"),
        "tlsPrivateKeyFile": layout.pki("kubelet.key"),
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": layout.pki("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", layout.control_group()?),
        "failCgroupV1": false,
        "enforceNodeAllocatable": [],
        "failSwapOn": false,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": false,
        "resolvConf": "",
        "clusterDomain": "cluster.local",
        // nobody answers there; without it every pod gets a warning
        "clusterDNS": [layout.dns_address()],
        // the images come from no registry: one that is removed stays away
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "50Mi", "nodefs.available": "100Mi", "nodefs.inodesFree": "1%",
            "imagefs.available": "100Mi",
        },
    }))
}

fn proxy_config(layout: &Layout) -> serde_json::Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "hostnameOverride": NODE,
        "clusterCIDR": layout.pods(),
        "clientConnection": {"kubeconfig": text(&layout.config("kube-proxy.kubeconfig"))},
        "oomScoreAdj": 0,
        // nothing of the kernel's table of connections is changed
        "conntrack": {
            "maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s",
        },
    })
}

/// The programs by their names, for the inside and for whoever uses the cluster.
pub(super) fn link_programs(layout: &Layout, kubernetes: &std::path::Path) -> Result<(), String> {
    let bin = layout.bin();
    fs::create_dir_all(&bin).map_err(super::layout::at(&bin))?;
    let names = [
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-proxy",
        "kube-scheduler",
        "kubelet",
        "kubectl",
    ];
    for name in names {
        let link = bin.join(name);
        std::os::unix::fs::symlink(kubernetes.join("kubernetes"), &link)
            .map_err(super::layout::at(&link))?;
    }
    Ok(())
}
