//! Which users and groups of the pods are real on this machine.

use podward_api::pod::PodSpec;
use podward_sys::Ids;
use serde_json::json;

use super::pods::Admitted;
use crate::io::{Io, Tone};

const MEND: &str = "install the package uidmap, with a range for this user in /etc/subuid and /etc/subgid, or run as root";

/// The one group of a pod that is real where only one is: the volumes' group, so that the pod can
/// read what is mounted into it.
pub(super) fn one_group(spec: &PodSpec) -> u32 {
    let context = &spec.security_context;
    context.fs_group.or(context.run_as_group).unwrap_or(0)
}

/// The number under which `up` itself knows a volume's group.
pub(super) fn own_number(ids: Ids, group: u32) -> u32 {
    match ids {
        Ids::One => 0,
        Ids::All | Ids::UpTo { .. } => group,
    }
}

/// Whether a container's ids can be given.
///
/// # Errors
/// With the first that cannot, and the way out.
pub(super) fn check(ids: Ids, uid: u32, groups: &[u32]) -> Result<(), String> {
    let Ids::UpTo {
        uid: last_user,
        gid: last_group,
    } = ids
    else {
        return Ok(());
    };
    let beyond = |kind: &str, id: u32, last: u32, file: &str| {
        Err(format!(
            "{kind} {id} is beyond {last}, the last one of this user's range: make the range in {file} longer, or run as root"
        ))
    };
    if uid > last_user {
        return beyond("user", uid, last_user, "/etc/subuid");
    }
    match groups.iter().find(|group| **group > last_group) {
        Some(group) => beyond("group", *group, last_group, "/etc/subgid"),
        None => Ok(()),
    }
}

/// Says once which ids of the pods are not real.
pub(super) fn tell(io: &Io, ids: Ids, pods: &[Admitted]) {
    let (mode, mend) = match ids {
        Ids::All => ("all", None),
        Ids::UpTo { .. } => ("ranges", None),
        Ids::One => ("one", Some(MEND)),
    };
    let mut unreal = Vec::new();
    if ids == Ids::One {
        for admitted in pods.iter().filter(|admitted| admitted.refused.is_none()) {
            let groups = unreal_groups(&admitted.spec);
            if !groups.is_empty() {
                let pod = format!("{}/{}", admitted.pod.namespace, admitted.pod.name);
                unreal.push((pod, groups));
            }
        }
        io.line(format_args!(
            "  {} one user and one group of each pod are real, and no supplementary groups",
            io.tone(Tone::Warn, "note")
        ));
        for (pod, groups) in &unreal {
            let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
            io.line(format_args!(
                "       not real in {pod}: group {}",
                groups.join(", ")
            ));
        }
        io.line(format_args!("       to have every id real: {MEND}"));
    }
    let unreal: Vec<_> = unreal
        .iter()
        .map(|(pod, groups)| json!({"pod": pod, "groups": groups}))
        .collect();
    io.emit(
        "ids",
        json!({"real": mode, "notReal": unreal, "mend": mend}),
    );
}

/// The groups that a pod asks for besides the one that is real.
fn unreal_groups(spec: &PodSpec) -> Vec<u32> {
    let context = &spec.security_context;
    let own = spec.containers.iter().map(|container| {
        let group = container.security_context.run_as_group;
        group.or(context.run_as_group).unwrap_or(0)
    });
    let mut groups: Vec<u32> = own
        .chain(context.supplemental_groups.iter().copied())
        .filter(|group| *group != one_group(spec))
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups
}
