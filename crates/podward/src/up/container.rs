//! A container's specification: security context, environment and mounts, as kubelet and containerd make them.

use std::path::{Path, PathBuf};

use podward_api::pod::{Container, PodSpec};
use podward_sys::{
    Bind, CapabilitySets, ContainerSpec, FileSpec, Ids, Process, Seccomp, Security,
    parse_capability,
};

use super::ids;
use super::node::{CA_BUNDLE, Node};
use super::pods::Admitted;
use super::volumes::{Places, field, keys_of, value_of};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// By which programs find the roots they trust.
pub(super) const CA_VARIABLES: [&str; 3] =
    ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];
/// Where the kubelet leaves unprivileged ports in a pod's network, unless a sysctl says otherwise.
const FIRST_FREE_PORT: (&str, &str) = ("net.ipv4.ip_unprivileged_port_start", "1024");

/// The credentials of a container.
fn security(ids: Ids, spec: &PodSpec, container: &Container) -> Result<Security, String> {
    let (pod, own) = (&spec.security_context, &container.security_context);
    // an image's user is not known here: root, as images have it by default
    let uid = own.run_as_user.or(pod.run_as_user).unwrap_or(0);
    let gid = own.run_as_group.or(pod.run_as_group).unwrap_or(0);
    if own.run_as_non_root.or(pod.run_as_non_root) == Some(true) && uid == 0 {
        return Err("container has runAsNonRoot and image will run as root: set runAsUser".into());
    }
    let privileged = own.privileged.unwrap_or(false);
    let bits = |names: &[String]| {
        names
            .iter()
            .map(|name| {
                parse_capability(name).ok_or_else(|| format!("unknown capability {name:?}"))
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let (add, drop) = (bits(&own.capabilities.add)?, bits(&own.capabilities.drop)?);
    let capabilities = if privileged {
        CapabilitySets::privileged(uid)
    } else {
        CapabilitySets::of_process(CapabilitySets::bounding_of(&add, &drop), uid)
    };
    let profile = own
        .seccomp_profile
        .as_ref()
        .or(pod.seccomp_profile.as_ref())
        .map_or("", |p| p.kind.as_str());
    let seccomp = match profile {
        "RuntimeDefault" if !privileged => Seccomp::RuntimeDefault,
        "Localhost" => return Err("seccomp profiles of type Localhost are not served yet".into()),
        _ => Seccomp::Unconfined,
    };
    let mut groups = vec![gid];
    groups.extend(pod.fs_group);
    groups.extend(&pod.supplemental_groups);
    groups.sort_unstable();
    groups.dedup();
    ids::check(ids, uid, &groups)?;
    let (gid, groups) = match ids {
        Ids::One => (ids::one_group(spec), None),
        Ids::All | Ids::UpTo { .. } => (gid, Some(groups)),
    };
    Ok(Security {
        uid,
        gid,
        groups,
        capabilities,
        no_new_privs: own.allow_privilege_escalation == Some(false),
        seccomp,
    })
}

/// `$(NAME)` replaced by what was defined before; `$$` is a dollar.
fn expand(text: &str, known: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(escaped) = after.strip_prefix('$') {
            out.push('$');
            rest = escaped;
        } else if let Some((name, tail)) = after.strip_prefix('(').and_then(|a| a.split_once(')')) {
            match known.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = tail;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out + rest
}

fn environment(
    node: &Node,
    admitted: &Admitted,
    container: &Container,
) -> Result<Vec<(String, String)>, String> {
    let view = node.cluster.snapshot();
    let namespace = &admitted.pod.namespace;
    let mut env: Vec<(String, String)> = vec![
        ("PATH".into(), PATH.into()),
        ("HOSTNAME".into(), admitted.pod.name.clone()),
        ("HOME".into(), "/".into()),
    ];
    let read = |kind: &str, name: &str, key: &str| {
        let bytes = value_of(kind, view.get(kind, namespace, name)?, key)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    for from in &container.env_from {
        for (kind, reference) in [
            ("ConfigMap", &from.config_map_ref),
            ("Secret", &from.secret_ref),
        ] {
            let Some(reference) = reference else { continue };
            match view.get(kind, namespace, &reference.name) {
                Some(object) => {
                    for key in keys_of(kind, object) {
                        let value = read(kind, &reference.name, &key).unwrap_or_default();
                        env.push((format!("{}{key}", from.prefix), value));
                    }
                }
                None if reference.optional => {}
                None => {
                    return Err(format!(
                        "{kind} {namespace}/{} is not in the folder",
                        reference.name
                    ));
                }
            }
        }
    }
    for variable in &container.env {
        let value = match (&variable.value_from, &variable.value) {
            (None, value) => Some(expand(value.as_deref().unwrap_or_default(), &env)),
            (Some(source), _) => {
                let keyed = [
                    ("ConfigMap", &source.config_map_key_ref),
                    ("Secret", &source.secret_key_ref),
                ];
                let found = keyed
                    .into_iter()
                    .find_map(|(kind, reference)| Some((kind, reference.as_ref()?)));
                match (found, &source.field_ref) {
                    (Some((kind, reference)), _) => {
                        match read(kind, &reference.name, &reference.key) {
                            None if !reference.optional => {
                                return Err(format!(
                                    "env {}: {kind} {namespace}/{} has no key {:?}, or is not in the folder",
                                    variable.name, reference.name, reference.key
                                ));
                            }
                            value => value,
                        }
                    }
                    (None, Some(reference)) => {
                        Some(field(node, admitted, &reference.field_path).ok_or_else(|| {
                            format!(
                                "env {}: the field {:?} is not served",
                                variable.name, reference.field_path
                            )
                        })?)
                    }
                    (None, None) => None,
                }
            }
        };
        if let Some(value) = value {
            env.retain(|(name, _)| *name != variable.name);
            env.push((variable.name.clone(), value));
        }
    }
    for name in CA_VARIABLES {
        if !env.iter().any(|(known, _)| known == name) {
            env.push((name.into(), CA_BUNDLE.into()));
        }
    }
    Ok(env)
}

/// Where the volumes of a container come in.
fn binds(
    node: &Node,
    spec: &PodSpec,
    container: &Container,
    places: &Places,
) -> Result<Vec<Bind>, String> {
    let mut binds = Vec::new();
    for mount in &container.volume_mounts {
        let place = places
            .get(&mount.name)
            .ok_or_else(|| format!("volumeMounts name no volume: {:?}", mount.name))?;
        let sub_path = mount.sub_path.as_ref().filter(|path| !path.is_empty());
        if sub_path.is_some_and(|path| path.split('/').any(|part| part == "..")) {
            return Err("subPath must not contain '..'".into());
        }
        let volume = spec.volumes.iter().find(|volume| volume.name == mount.name);
        // the kubelet mounts these read-only whatever the manifest says
        let fixed = volume.is_some_and(|v| {
            v.config_map.is_some()
                || v.secret.is_some()
                || v.downward_api.is_some()
                || v.projected.is_some()
                || v.csi.is_some()
        });
        let of_host = volume.is_some_and(|volume| volume.host_path.is_some());
        let (place, covers) = if of_host {
            let below = place.join(sub_path.map_or("", String::as_str));
            host_path(node, place, &below)?
        } else {
            (place.clone(), Vec::new())
        };
        binds.push(Bind {
            source: place,
            sub_path: sub_path.map(PathBuf::from),
            covers,
            target: PathBuf::from(&mount.mount_path),
            read_only: mount.read_only || fixed,
        });
    }
    binds.sort_by_key(|bind| bind.target.components().count());
    Ok(binds)
}

/// A path of the host, and what below it stays covered: no volume shows what pods do not see.
fn host_path(node: &Node, path: &Path, shown: &Path) -> Result<(PathBuf, Vec<PathBuf>), String> {
    let real = |path: &Path| {
        path.canonicalize()
            .map_err(|e| format!("hostPath {}: {e}", path.display()))
    };
    let (source, shown) = (real(path)?, real(shown)?);
    let covers = || {
        node.covers
            .iter()
            .filter_map(|path| path.canonicalize().ok())
    };
    let is_visible = node.visible.iter().any(|path| shown.starts_with(path));
    if let Some(cover) = covers().find(|cover| shown.starts_with(cover) && !is_visible) {
        return Err(format!(
            "hostPath {} lies in {}, which pods do not see: name it by --mount",
            path.display(),
            cover.display()
        ));
    }
    let below = covers().filter(|cover| *cover != shown);
    let covers = below.filter_map(|cover| Some(cover.strip_prefix(&shown).ok()?.to_owned()));
    Ok((source, covers.collect()))
}

/// The sysctls of a pod. Those of the network are the machine's own where the pod shares it.
fn sysctls(shares_network: bool, spec: &PodSpec) -> Result<Vec<(String, String)>, String> {
    let mut all = Vec::new();
    if !shares_network {
        all.push((FIRST_FREE_PORT.0.to_owned(), FIRST_FREE_PORT.1.to_owned()));
    }
    for sysctl in &spec.security_context.sysctls {
        // the kubelet's words: beyond these a sysctl may be the whole machine's
        let safe = podward_policy::SAFE_SYSCTLS.contains(&sysctl.name.as_str());
        if !safe || (shares_network && sysctl.name.starts_with("net.")) {
            return Err(format!(
                "SysctlForbidden: forbidden sysctl: {:?} not allowlisted",
                sysctl.name
            ));
        }
        all.push((sysctl.name.clone(), sysctl.value.clone()));
    }
    Ok(all)
}

/// Everything the kernel needs to know to make this container.
pub(super) fn specification(
    node: &Node,
    admitted: &Admitted,
    container: &Container,
    places: &Places,
) -> Result<ContainerSpec, String> {
    let spec = &admitted.spec;
    let env = environment(node, admitted, container)?;
    let binds = binds(node, spec, container, places)?;
    let own = &container.security_context;
    let mut args: Vec<String> = container
        .command
        .iter()
        .chain(&container.args)
        .map(|text| expand(text, &env))
        .collect();
    if container.command.is_empty() {
        // the image's entrypoint is not here
        args.clear();
    }
    let files = vec![
        FileSpec {
            path: "/etc/hosts".into(),
            text: node.hosts(admitted),
        },
        FileSpec {
            path: "/etc/hostname".into(),
            text: format!("{}\n", admitted.pod.name),
        },
        FileSpec {
            path: "/etc/resolv.conf".into(),
            text: "# podward: names are in /etc/hosts\noptions timeout:1 attempts:1\n".into(),
        },
        FileSpec {
            path: CA_BUNDLE.into(),
            text: node.ca_bundle.clone(),
        },
    ];
    let sysctls = sysctls(node.shared.is_some(), spec)?;
    let scratch = node
        .run_folder
        .join("roots")
        .join(&admitted.pod.uid)
        .join(&container.name);
    std::fs::create_dir_all(&scratch).map_err(|e| e.to_string())?;
    Ok(ContainerSpec {
        hostname: spec
            .hostname
            .clone()
            .unwrap_or_else(|| admitted.pod.name.clone()),
        scratch,
        binds,
        covers: node.covers.clone(),
        visible: node.visible.clone(),
        files,
        read_only_root: own.read_only_root_filesystem.unwrap_or(false),
        unmasked_proc: own.privileged.unwrap_or(false)
            || own.proc_mount.as_deref() == Some("Unmasked"),
        sysctls,
        process: (!args.is_empty()).then(|| Process {
            args,
            env,
            cwd: container
                .working_dir
                .clone()
                .map_or_else(|| PathBuf::from("/"), PathBuf::from),
        }),
        security: security(node.ids, spec, container)?,
        ids: node.ids,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_expand_to_what_came_before() {
        let known = vec![("A".to_owned(), "1".to_owned())];
        assert_eq!(expand("x$(A)y$$(A) $(B) $", &known), "x1y$(A) $(B) $");
    }

    #[test]
    fn the_well_known_example_gets_what_a_kubelet_gives() {
        let spec: PodSpec = serde_json::from_value(serde_json::json!({
            "securityContext": {"runAsUser": 1000, "fsGroup": 2000},
            "containers": [{"name": "c", "securityContext": {
                "allowPrivilegeEscalation": false, "capabilities": {"add": ["NET_ADMIN", "SYS_TIME"]}}}],
        }))
        .unwrap();
        let security = security(Ids::All, &spec, &spec.containers[0]).unwrap();
        assert_eq!((security.uid, security.gid), (1000, 0));
        assert_eq!(security.groups, Some(vec![0, 2000]));
        assert_eq!(security.capabilities.bounding, 0xaa04_35fb);
        assert_eq!(
            (
                security.capabilities.effective,
                security.capabilities.permitted
            ),
            (0, 0)
        );
        assert!(security.no_new_privs);
        assert_eq!(security.seccomp, Seccomp::Unconfined);
    }
}
