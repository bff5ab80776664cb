//! No container reaches the socket of the container runtime or of the kubelet.

use podward_manifest::Node;

use crate::check::Spot;
use crate::practice::{Practice, Run, Scene};
use crate::rule::{PLAIN, pod};
use crate::{Profile, Remedy, Rule, Severity, Version};

pub(super) const PRACTICE: Practice = Practice {
    rule: &Rule {
        id: "runtimeSocket",
        severity: Severity::Error,
        profile: Profile::Podward,
        title: "no volume holds the socket of a container runtime",
        why: "who may speak to the runtime starts a privileged container with the node's files, and is root on the node",
        mend: "take the volume out; to build images use a builder that needs no daemon, to read metrics the kubelet's API",
        source: "pod.spec.volumes[].hostPath; NSA/CISA Kubernetes Hardening Guide",
        remedy: Remedy::ByHand,
        as_of: Version::Latest,
        file: "web.yaml",
        fails: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: /host\n      readOnly: true\n  volumes:\n  - name: host\n    hostPath:\n      path: /var/run/docker.sock\n"
            ),
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: /host\n      readOnly: true\n  volumes:\n  - name: host\n    hostPath:\n      path: /run/containerd\n"
            ),
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: /host\n      readOnly: true\n  volumes:\n  - name: host\n    hostPath:\n      path: /\n"
            ),
            pod!(
                "  os:\n    name: windows\n  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: \\\\.\\pipe\\docker_engine\n  volumes:\n  - name: host\n    hostPath:\n      path: \\\\.\\pipe\\docker_engine\n"
            ),
        ],
        passes: &[
            pod!(
                "  containers:\n  - name: web\n    image: example.com/web:1\n    volumeMounts:\n    - name: host\n      mountPath: /host\n      readOnly: true\n  volumes:\n  - name: host\n    hostPath:\n      path: /var/log\n"
            ),
            PLAIN,
        ],
    },
    run: Run::Pods(run),
};

/// Where runtimes and the kubelet listen.
const SOCKETS: &[&str] = &[
    "/run/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/run/crio/crio.sock",
    "/run/docker.sock",
    "/run/dockershim.sock",
    "/run/k3s/containerd/containerd.sock",
    "/run/k0s/containerd.sock",
    "/run/podman/podman.sock",
    "/var/lib/kubelet/pod-resources/kubelet.sock",
    "/var/lib/kubelet/device-plugins/kubelet.sock",
    "/var/snap/microk8s/common/run/containerd.sock",
];

/// How the name of a pipe of Windows begins; both signs divide it.
const PIPE: &str = "\\\\.\\pipe\\";

/// Pipes of runtimes on Windows.
const PIPES: &[&str] = &[
    "\\\\.\\pipe\\containerd-containerd",
    "\\\\.\\pipe\\docker_engine",
];

fn run(scene: &Scene<'_>, spots: &mut Vec<Spot>) {
    let pod = &scene.pod;
    for (index, volume) in pod.volumes() {
        let Some(path) = volume.at(&["hostPath", "path"]).and_then(Node::as_str) else {
            continue;
        };
        let Some(socket) = reached(path) else {
            continue;
        };
        let name = volume
            .get("name")
            .and_then(Node::as_str)
            .unwrap_or_default();
        let (kind, is_itself) = (
            if socket.contains("/kubelet/") {
                "the kubelet"
            } else {
                "the container runtime"
            },
            socket == plain(path) || socket.starts_with(PIPE),
        );
        let message = if is_itself {
            format!("the volume \"{name}\" is the socket of {kind}")
        } else {
            format!(
                "the volume \"{name}\" ({path} of the node) may hold the socket of {kind}, such as {socket}"
            )
        };
        let spot = pod.spot(
            &format!("volumes[{index}].hostPath.path"),
            message,
            PRACTICE.rule.mend,
        );
        let guessed = Some(Severity::Warning);
        spots.push(if is_itself {
            spot
        } else {
            Spot {
                severity: guessed,
                ..spot
            }
        });
    }
}

/// A path as the kernel reads it; `/var/run` is `/run` on every node of today.
fn plain(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let path: String = parts.flat_map(|part| ["/", part]).collect();
    match path.strip_prefix("/var/run") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("/run{rest}"),
        _ => path,
    }
}

/// The pipe that a path is: nothing stands above one, and its letters may be small or capital.
fn pipe(path: &str) -> Option<&'static str> {
    let same = |(a, b): (u8, u8)| match b {
        b'\\' => matches!(a, b'\\' | b'/'),
        _ => a.eq_ignore_ascii_case(&b),
    };
    PIPES
        .iter()
        .copied()
        .find(|pipe| pipe.len() == path.len() && path.bytes().zip(pipe.bytes()).all(same))
}

/// The first socket that is at a path or below it.
fn reached(path: &str) -> Option<&'static str> {
    if let Some(pipe) = pipe(path) {
        return Some(pipe);
    }
    let path = plain(path);
    SOCKETS.iter().copied().find(|socket| {
        let rest = socket.strip_prefix(path.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_of_windows_are_sockets() {
        for path in [
            r"\\.\pipe\docker_engine",
            "//./pipe/docker_engine",
            r"\\.\PIPE\containerd-containerd",
        ] {
            assert!(
                reached(path).is_some_and(|pipe| PIPES.contains(&pipe)),
                "{path}"
            );
        }
        for path in [r"\\.\pipe\csi-proxy-filesystem-v1", r"C:\docker_engine"] {
            assert_eq!(reached(path), None, "{path}");
        }
    }
}
