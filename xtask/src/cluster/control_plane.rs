//! etcd, the API server, the controllers and the scheduler.

use std::time::Duration;

use serde_json::json;

use super::layout::{Layout, text, write};
use super::namespaces::Inside;
use super::wait;
use crate::shell::{output, program};

/// The controllers that something here needs. With all of them, the first service account comes five seconds later.
const CONTROLLERS: [&str; 18] = [
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "daemonset-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "job-controller",
    "endpointslice-controller",
    "endpoints-controller",
    "node-lifecycle-controller",
    "pod-garbage-collector-controller",
    "taint-eviction-controller",
    "ephemeral-volume-controller",
    "persistentvolume-binder-controller",
    "validatingadmissionpolicy-status-controller",
];

const ETCD: &str = "http://127.0.0.1:2379";
pub(super) const APISERVER: &str = "kube-apiserver";

/// Starts etcd and the API server, and waits until it is ready.
pub(super) fn start(layout: &Layout, inside: &Inside, flags: &[String]) -> Result<(), String> {
    let peer = "http://127.0.0.1:2380";
    let etcd = [
        "--name=etcd",
        "--data-dir=/var/lib/etcd",
        &format!("--listen-client-urls={ETCD}"),
        &format!("--advertise-client-urls={ETCD}"),
        &format!("--listen-peer-urls={peer}"),
        &format!("--initial-advertise-peer-urls={peer}"),
        &format!("--initial-cluster=etcd={peer}"),
        // what a power failure would take is of no worth here
        "--unsafe-no-fsync",
        "--log-level=warn",
    ];
    inside.start("etcd", &name(layout, "etcd"), &etcd.map(str::to_owned))?;
    apiserver(layout, inside, flags)
}

/// A program of the one binary.
pub(super) fn name(layout: &Layout, program: &str) -> String {
    text(&layout.bin().join(program))
}

/// Starts the API server. The flags come after its own: of one that is given twice, the last counts.
pub(super) fn apiserver(layout: &Layout, inside: &Inside, flags: &[String]) -> Result<(), String> {
    let audit = layout.config("audit.json");
    write(&audit, audit_policy().to_string())?;
    let node = layout.node_address();
    let own = [
        format!("--etcd-servers={ETCD}"),
        format!("--advertise-address={node}"),
        "--secure-port=6443".to_owned(),
        "--endpoint-reconciler-type=lease".to_owned(),
        format!("--tls-cert-file={}", layout.pki("apiserver.crt")),
        format!("--tls-private-key-file={}", layout.pki("apiserver.key")),
        format!("--client-ca-file={}", layout.pki("ca.crt")),
        format!("--token-auth-file={}", layout.pki("tokens.csv")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--allow-privileged=true".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
        format!(
            "--service-account-jwks-uri={}/openid/v1/jwks",
            layout.server()
        ),
        format!(
            "--service-account-signing-key-file={}",
            layout.pki("accounts.key")
        ),
        format!("--service-account-key-file={}", layout.pki("accounts.pub")),
        format!("--service-cluster-ip-range={}", layout.services()),
        format!("--kubelet-client-certificate={}", layout.pki("client.crt")),
        format!("--kubelet-client-key={}", layout.pki("client.key")),
        format!("--kubelet-certificate-authority={}", layout.pki("ca.crt")),
        "--kubelet-preferred-address-types=InternalIP,Hostname".to_owned(),
        format!("--audit-policy-file={}", text(&audit)),
        format!(
            "--audit-log-path={}",
            text(&layout.logs().join("audit.log"))
        ),
    ];
    let arguments = [&own[..], flags].concat();
    inside.start(APISERVER, &name(layout, APISERVER), &arguments)?;
    wait::until(
        layout,
        APISERVER,
        "it was ready",
        Duration::from_secs(90),
        || is_ready(layout),
    )
}

/// Whether the API server says that it can serve. It is asked from outside, as tests ask it.
pub(super) fn is_ready(layout: &Layout) -> bool {
    output(kubectl(
        layout,
        &["get", "--raw", "/readyz", "--request-timeout=2s"],
    ))
    .is_ok()
}

/// kubectl on this machine, as the administrator of the cluster.
pub(crate) fn kubectl(layout: &Layout, arguments: &[&str]) -> std::process::Command {
    let mut kubectl = program(&name(layout, "kubectl"), arguments);
    kubectl.env("KUBECONFIG", layout.kubeconfig());
    kubectl.env("KUBECACHEDIR", layout.kubectl_cache());
    // a proxy of this machine's does not lead to the cluster
    kubectl.env("NO_PROXY", "*");
    kubectl
}

/// Starts what works on the API server's objects.
pub(super) fn controllers(layout: &Layout, inside: &Inside) -> Result<(), String> {
    let kubeconfig = |name: &str| text(&layout.config(&format!("{name}.kubeconfig")));
    let manager = "kube-controller-manager";
    let config = kubeconfig(manager);
    let arguments = [
        format!("--kubeconfig={config}"),
        format!("--authentication-kubeconfig={config}"),
        format!("--authorization-kubeconfig={config}"),
        format!("--controllers={}", CONTROLLERS.join(",")),
        "--use-service-account-credentials".to_owned(),
        format!(
            "--service-account-private-key-file={}",
            layout.pki("accounts.key")
        ),
        format!("--root-ca-file={}", layout.pki("ca.crt")),
        "--leader-elect=false".to_owned(),
    ];
    inside.start(manager, &name(layout, manager), &arguments)?;
    let scheduler = "kube-scheduler";
    let config = kubeconfig(scheduler);
    let arguments = [
        format!("--kubeconfig={config}"),
        format!("--authentication-kubeconfig={config}"),
        format!("--authorization-kubeconfig={config}"),
        "--leader-elect=false".to_owned(),
    ];
    inside.start(scheduler, &name(layout, scheduler), &arguments)
}

/// What is said of requests for pods: who, what, the answer, and the annotations of admission.
fn audit_policy() -> serde_json::Value {
    json!({
        "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            // the kubelet's reports are no news
            {"level": "None", "userGroups": ["system:nodes"]},
            {"level": "None", "verbs": ["get", "list", "watch"]},
            {"level": "Metadata", "resources": [
                {"group": "", "resources": ["pods", "pods/ephemeralcontainers", "podtemplates",
                    "replicationcontrollers", "namespaces"]},
                {"group": "apps"}, {"group": "batch"},
            ]},
            {"level": "None"},
        ],
    })
}
