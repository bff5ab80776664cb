//! Who is who in the cluster: one CA, the certificates that TLS wants, and a token for each component.

use std::fs;

use super::layout::{Layout, NODE, at, write};
use crate::shell::{output, program};

/// A component, its user and its groups.
const USERS: [(&str, &str, &str); 5] = [
    ("admin", "admin", "system:masters"),
    (
        "kube-controller-manager",
        "system:kube-controller-manager",
        "",
    ),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kube-proxy", "system:kube-proxy", ""),
    ("kubelet", "system:node:", "system:nodes"),
];

/// Makes all keys, certificates, tokens and kubeconfigs.
pub(super) fn make(layout: &Layout) -> Result<(), String> {
    let folder = layout.run().join("pki");
    fs::create_dir_all(&folder).map_err(at(&folder))?;
    let curve = ("EC", "ec_paramgen_curve:P-256");
    // Microsoft Entra takes statements that are signed by RS256 alone
    let modulus = ("RSA", "rsa_keygen_bits:2048");
    for (key, (algorithm, option)) in [
        ("ca", curve),
        ("apiserver", curve),
        ("kubelet", curve),
        ("client", curve),
        ("accounts", modulus),
    ] {
        let key = layout.pki(&format!("{key}.key"));
        openssl(&[
            "genpkey",
            "-algorithm",
            algorithm,
            "-pkeyopt",
            option,
            "-out",
            &key,
        ])?;
    }
    let (key, public) = (layout.pki("accounts.key"), layout.pki("accounts.pub"));
    openssl(&["pkey", "-in", &key, "-pubout", "-out", &public])?;
    let (ca_key, ca) = (layout.pki("ca.key"), layout.pki("ca.crt"));
    let of_ca = "basicConstraints=critical,CA:TRUE";
    openssl(&[
        "req",
        "-x509",
        "-new",
        "-key",
        &ca_key,
        "-subj",
        "/CN=cluster",
        "-days",
        "365",
        "-addext",
        of_ca,
        "-out",
        &ca,
    ])?;
    let (node, service) = (layout.node_address(), layout.service_address());
    let names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
    let names = names.map(|name| format!("DNS:{name}")).join(",");
    let names = format!("{names},IP:{node},IP:{service},IP:127.0.0.1");
    sign(
        layout,
        "apiserver",
        "/CN=kube-apiserver",
        "serverAuth",
        &names,
    )?;
    let names = format!("DNS:{NODE},IP:{node}");
    sign(layout, "kubelet", "/CN=kubelet", "serverAuth", &names)?;
    // by which the API server is known to the kubelet
    let subject = "/O=system:masters/CN=kube-apiserver";
    sign(
        layout,
        "client",
        subject,
        "clientAuth",
        "DNS:kube-apiserver",
    )?;
    tokens(layout)
}

fn sign(
    layout: &Layout,
    name: &str,
    subject: &str,
    usage: &str,
    names: &str,
) -> Result<(), String> {
    let file = |end: &str| layout.pki(&format!("{name}.{end}"));
    let (key, request, certificate) = (file("key"), file("csr"), file("crt"));
    openssl(&[
        "req", "-new", "-key", &key, "-subj", subject, "-out", &request,
    ])?;
    let extensions = file("ext");
    let text = format!("extendedKeyUsage={usage}\nsubjectAltName={names}\n");
    write(extensions.as_ref(), text)?;
    let (ca_key, ca) = (layout.pki("ca.key"), layout.pki("ca.crt"));
    openssl(&[
        "x509",
        "-req",
        "-in",
        &request,
        "-CA",
        &ca,
        "-CAkey",
        &ca_key,
        "-CAcreateserial",
        "-days",
        "365",
        "-extfile",
        &extensions,
        "-out",
        &certificate,
    ])
}

fn openssl(arguments: &[&str]) -> Result<(), String> {
    output(program("openssl", arguments)).map(drop)
}

/// One token and one kubeconfig for each component, and the API server's list of them.
fn tokens(layout: &Layout) -> Result<(), String> {
    let mut list = String::new();
    for (name, user, groups) in USERS {
        let token = output(program("openssl", &["rand", "-hex", "16"]))?;
        let token = String::from_utf8_lossy(&token).trim().to_owned();
        let user = if user.ends_with(':') {
            format!("{user}{NODE}")
        } else {
            user.to_owned()
        };
        list.push_str(&format!("{token},{user},{name},\"{groups}\"\n"));
        let path = match name {
            "admin" => layout.kubeconfig(),
            _ => layout.config(&format!("{name}.kubeconfig")),
        };
        write(&path, kubeconfig(layout, &token))?;
    }
    write(layout.pki("tokens.csv").as_ref(), list)
}

fn kubeconfig(layout: &Layout, token: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "cluster",
        "clusters": [{"name": "cluster", "cluster": {
            "server": layout.server(), "certificate-authority": layout.pki("ca.crt"),
        }}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "cluster", "context": {"cluster": "cluster", "user": "user"}}],
    })
    .to_string()
}
