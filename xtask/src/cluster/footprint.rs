//! What a cluster could leave on the machine, as it is at one time.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::cgroups::hierarchies;
use super::layout::{Layout, at, text};
use super::namespaces::processes;
use crate::shell::{output, program};

/// Trees of settings that the kubelet, kube-proxy or CNI change on a machine that is theirs.
const SETTINGS: [&str; 6] = [
    "fs/inotify",
    "kernel/keys",
    "net/bridge",
    "net/ipv4",
    "net/netfilter",
    "vm",
];
const PANIC: [&str; 2] = ["kernel/panic", "kernel/panic_on_oops"];
/// Counts, that change by themselves.
const VOLATILE: [&str; 1] = ["nf_conntrack_count"];
/// Folders in which a Kubernetes, where it has the machine for itself, makes folders.
const FOLDERS: [&str; 8] = [
    "/",
    "/etc",
    "/opt",
    "/run",
    "/run/netns",
    "/var/lib",
    "/var/log",
    "/var/run",
];

/// One line for each thing.
pub(crate) struct Footprint {
    lines: BTreeSet<String>,
}

impl Footprint {
    /// As it is now.
    pub(crate) fn take() -> Result<Self, String> {
        let mut lines = BTreeSet::new();
        let mut add = |kind: &str, things: Vec<String>| {
            lines.extend(things.into_iter().map(|thing| format!("{kind} {thing}")));
        };
        add("link", names(Path::new("/sys/class/net")));
        add(
            "route",
            output_lines("ip", &["route", "show", "table", "all"])?,
        );
        add("packet filter", packet_filter());
        add("mount", mounts()?);
        add("module", modules());
        for tree in SETTINGS.iter().chain(&PANIC) {
            add("setting", settings(&Path::new("/proc/sys").join(tree)));
        }
        for hierarchy in hierarchies()? {
            let groups = names(&hierarchy).into_iter();
            let groups = groups.filter(|group| hierarchy.join(group).is_dir());
            add(&text(&hierarchy), groups.collect());
        }
        for folder in FOLDERS {
            add(folder, names(Path::new(folder)));
        }
        add("process", own_processes());
        // another checkout may start and end its own meanwhile
        let others = others()?;
        lines.retain(|line| !others.iter().any(|other| line.contains(other)));
        Ok(Self { lines })
    }

    /// What is there now and was not then, and the other way round, but for what another cluster has taken with it.
    /// The kernel is given some seconds.
    pub(crate) fn difference(&self) -> Result<Vec<String>, String> {
        let began = Instant::now();
        loop {
            let now = Self::take()?.lines;
            let more = now.difference(&self.lines);
            let less = self.lines.difference(&now);
            let less = less.filter(|line| !line.contains("podward"));
            let more = more.map(|line| format!("is there now: {line}"));
            let less = less.map(|line| format!("is gone: {line}"));
            let all: Vec<_> = more.chain(less).collect();
            if all.is_empty() || began.elapsed() > Duration::from_secs(5) {
                return Ok(all);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// The names of links and control groups of other checkouts' clusters.
fn others() -> Result<Vec<String>, String> {
    let layout = Layout::find();
    let (own, group) = (text(layout.folder()), layout.control_group()?);
    let links = Path::new("/sys/class/net");
    let mut others = names(links);
    others.retain(|link| {
        let alias = fs::read_to_string(links.join(link).join("ifalias"));
        let alias = alias.unwrap_or_default();
        link.starts_with("podward") && !alias.trim().is_empty() && alias.trim() != own
    });
    for hierarchy in hierarchies()? {
        let groups = names(&hierarchy).into_iter();
        others.extend(groups.filter(|name| name.starts_with("podward-") && *name != group));
    }
    Ok(others)
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.collect()
}

fn output_lines(name: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
    let said = output(program(name, arguments))?;
    let said = String::from_utf8_lossy(&said);
    Ok(said.lines().map(str::to_owned).collect())
}

/// The rules of this machine, where it has a program that lists them.
fn packet_filter() -> Vec<String> {
    let listed = output_lines("nft", &["list", "ruleset"])
        .or_else(|_none| output_lines("iptables-save", &[]))
        .unwrap_or_default();
    let tables = fs::read_to_string("/proc/net/ip_tables_names").unwrap_or_default();
    let tables = tables.lines().map(|table| format!("table {table}"));
    let rules = listed.into_iter().filter(|line| !line.starts_with('#'));
    tables.chain(rules).collect()
}

fn mounts() -> Result<Vec<String>, String> {
    let path = Path::new("/proc/self/mountinfo");
    let all = fs::read_to_string(path).map_err(at(path))?;
    let places = all.lines().filter_map(|line| line.split(' ').nth(4));
    Ok(places.map(str::to_owned).collect())
}

fn modules() -> Vec<String> {
    let all = fs::read_to_string("/proc/modules").unwrap_or_default();
    let names = all.lines().filter_map(|line| line.split(' ').next());
    names.map(str::to_owned).collect()
}

/// Each setting with its value; those that cannot be read are not meant for it.
fn settings(place: &Path) -> Vec<String> {
    if place.is_file() {
        let name = text(place);
        if VOLATILE.iter().any(|end| name.ends_with(end)) {
            return Vec::new();
        }
        let value = fs::read_to_string(place).ok();
        return value
            .map(|value| format!("{name} = {}", value.trim()))
            .into_iter()
            .collect();
    }
    let inner = names(place).into_iter();
    inner.flat_map(|name| settings(&place.join(name))).collect()
}

/// Processes whose program is one that the cluster brings.
fn own_processes() -> Vec<String> {
    let folder: PathBuf = Layout::find().folder().to_owned();
    let named = |pid: u32| {
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        program
            .starts_with(&folder)
            .then(|| format!("{pid} {}", program.display()))
    };
    processes().into_iter().filter_map(named).collect()
}
