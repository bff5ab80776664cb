//! What is to be done with a kustomization, told from its files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use podward_manifest::{Node, Value, parse};

use super::read::{self, MAX_FILE};
use super::walk::is_manifest;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// It changes nothing of files that are judged as they are, or is only a part of others, or
    /// cannot be read, which is told elsewhere.
    Nothing,
    Render,
    /// Something of it is not on this machine.
    Remote,
    /// It has a chart rendered, which takes a flag and the network.
    WithHelm,
}

/// Most kustomizations that one may be made of.
const MAX_PARTS: usize = 1000;

/// What is to be done with the kustomization of a file.
pub(super) fn plan(file: &Path) -> Plan {
    let Some(root) = root(file) else {
        return Plan::Nothing;
    };
    if root.get("kind").and_then(Node::as_str) == Some("Component") || is_list_of_files(file, &root)
    {
        return Plan::Nothing;
    }
    let mut seen = BTreeSet::new();
    let mut next = vec![(file.to_path_buf(), root)];
    while let Some((file, root)) = next.pop() {
        if root.get("helmCharts").is_some() || root.get("helmChartInflationGenerator").is_some() {
            return Plan::WithHelm;
        }
        let Some(folder) = file.parent() else {
            continue;
        };
        for entry in ["resources", "components", "bases", "crds"]
            .into_iter()
            .flat_map(|list| texts(&root, list))
        {
            if is_remote(entry) {
                return Plan::Remote;
            }
            let Some(part) = file_in(&folder.join(entry)) else {
                continue;
            };
            let is_new = part.canonicalize().is_ok_and(|path| seen.insert(path));
            if is_new
                && seen.len() < MAX_PARTS
                && let Some(root) = self::root(&part)
            {
                next.push((part, root));
            }
        }
    }
    Plan::Render
}

/// The kustomization of a folder.
fn file_in(folder: &Path) -> Option<PathBuf> {
    ["kustomization.yaml", "kustomization.yml", "Kustomization"]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|file| file.is_file())
}

fn root(file: &Path) -> Option<Node> {
    let text = read::bytes_of_file(file, MAX_FILE, true).ok()?;
    let text = String::from_utf8(text).ok()?;
    let mut documents = parse("kustomization", &text).ok()?;
    (!documents.is_empty()).then(|| documents.swap_remove(0).root)
}

/// The files that a kustomization has as patches.
pub(super) fn patches(file: &Path) -> Vec<PathBuf> {
    let Some(root) = root(file) else {
        return Vec::new();
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    let lists = ["patches", "patchesStrategicMerge", "patchesJson6902"];
    let lists = lists.iter().filter_map(|list| root.get(list));
    // a patch may stand in the place of its file's name
    let entries = lists.flat_map(Node::items);
    let names = entries.filter_map(|entry| entry.get("path").unwrap_or(entry).as_str());
    names
        .filter_map(|name| folder.join(name).canonicalize().ok())
        .collect()
}

/// The kustomizations that may speak of a file which is given by itself: those beside it and above.
pub(super) fn near(file: &Path) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let above = folder.join("..");
    [folder, &above].into_iter().filter_map(file_in).collect()
}

fn texts<'a>(root: &'a Node, list: &str) -> Vec<&'a str> {
    match root.get(list).map(|list| &list.value) {
        Some(Value::Sequence(items)) => items.iter().filter_map(Node::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether all it does is to list manifests that lie beside it.
fn is_list_of_files(file: &Path, root: &Node) -> bool {
    let known = ["apiVersion", "kind", "metadata", "resources"];
    let is_bare = root
        .entries()
        .iter()
        .all(|(key, _)| key.as_str().is_some_and(|key| known.contains(&key)));
    let folder = file.parent().unwrap_or(Path::new(""));
    is_bare
        && texts(root, "resources").iter().all(|entry| {
            let path = folder.join(entry);
            !entry.starts_with(['.', '/']) && is_manifest(&path) && path.is_file()
        })
}

/// Whether an entry is fetched: the forms that kustomize takes for one.
fn is_remote(entry: &str) -> bool {
    entry.contains("://")
        || entry.contains("?ref=")
        || [
            "git::",
            "git@",
            "github.com/",
            "gitlab.com/",
            "bitbucket.org/",
        ]
        .iter()
        .any(|start| entry.starts_with(start))
}
