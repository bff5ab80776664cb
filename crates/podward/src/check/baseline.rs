//! A baseline: the findings that were there when a repository began to be checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use podward_manifest::{Node, Object};
use podward_policy::{Finding, Known};
use serde::{Deserialize, Serialize};

use super::render::Shown;
use crate::files::File;
use crate::io::Io;
use crate::report::Report;

/// Largest file that is read, bytes.
const MAX: u64 = 256 << 20;

/// What a finding is, wherever its line moves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    file: String,
    kind: String,
    namespace: String,
    name: String,
    rule: String,
    field: String,
}

/// The file's form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Of the form.
    version: u32,
    findings: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    count: usize,
}

impl Key {
    /// That of a finding in a file, which is named as [`Folder::name`] names it.
    pub(super) fn of(file: &str, shown: &Shown<'_>) -> Self {
        Self::new(file, shown.object.map(|one| &one.object), shown.finding)
    }

    fn new(file: &str, object: Option<&Object>, finding: &Finding) -> Self {
        let Finding { rule, field, .. } = finding;
        let named = object.map(|object| by_names(&object.node, field));
        let text = |of: Option<&str>| of.unwrap_or_default().to_owned();
        Self {
            file: file.to_owned(),
            kind: text(object.map(|object| object.kind.as_str())),
            namespace: text(object.and_then(|object| object.namespace.as_deref())),
            name: text(object.map(|object| object.name.as_str())),
            rule: (*rule).to_owned(),
            field: named.unwrap_or_else(|| field.clone()),
        }
    }
}

/// The path of a field with the names of the items that have one, such as containers, for their places: they are the
/// same when another is put before them.
fn by_names(root: &Node, field: &str) -> String {
    let (mut named, mut rest, mut here) = (String::new(), field, Some(root));
    while let Some(at) = rest.find(['.', '[']) {
        let (step, behind) = rest.split_at(at);
        named.push_str(step);
        here = if step.is_empty() {
            here
        } else {
            here.and_then(|node| node.get(step))
        };
        let index = behind.strip_prefix('[').and_then(|list| {
            let (index, behind) = list.split_once(']')?;
            Some((index, index.parse::<usize>().ok()?, behind))
        });
        let (sign, behind) = behind.split_at(1);
        let Some((index, number, behind)) = index else {
            named.push_str(sign);
            rest = behind;
            continue;
        };
        here = here.and_then(|node| node.items().get(number));
        let name = here
            .and_then(|item| item.get("name"))
            .and_then(Node::as_str);
        named.extend(["[", name.unwrap_or(index), "]"]);
        rest = behind;
    }
    named.push_str(rest);
    named
}

/// The folder of a baseline, in which the paths of its files begin.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn of(baseline: &Path) -> Self {
        let path = whole(baseline);
        Self(path.parent().map_or_else(PathBuf::new, Path::to_path_buf))
    }

    /// The name of a file: its path from here, however it was given and wherever from.
    pub(super) fn name(&self, file: &File) -> String {
        let Some(path) = file.path() else {
            return file.shown.clone();
        };
        let path = whole(path);
        let shared = self.0.components().zip(path.components());
        let shared = shared.take_while(|(ours, its)| ours == its).count();
        let up = self
            .0
            .components()
            .skip(shared)
            .map(|_| Component::ParentDir);
        let name: PathBuf = up.chain(path.components().skip(shared)).collect();
        name.to_string_lossy().into_owned()
    }
}

/// A path from the root on, without `.` and `..`.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let mut whole = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            other => whole.push(other),
        }
    }
    whole
}

/// Of the form.
const VERSION: u32 = 2;

/// The findings that are known.
pub(crate) struct Baseline {
    folder: Folder,
    files: BTreeMap<String, BTreeMap<Key, usize>>,
    /// Findings of files that were judged, and that are there no more.
    gone: AtomicUsize,
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self, Report> {
        let shown = path.to_string_lossy();
        let failed = |e: &dyn std::fmt::Display| Report::new(e).at(&shown, None);
        if path.metadata().map_err(|e| failed(&e))?.len() > MAX {
            return Err(failed(&"the baseline is larger than 256 MiB"));
        }
        let text = std::fs::read(path).map_err(|e| failed(&e))?;
        let written: Written = serde_json::from_slice(&text)
            .map_err(|e| failed(&e).help("podward check --write-baseline FILE writes one"))?;
        if written.version != VERSION {
            let age = if written.version < VERSION {
                "an older"
            } else {
                "a newer"
            };
            let fault = format!("the baseline is of {age} podward");
            return Err(
                failed(&fault).help("write it anew with podward check --write-baseline FILE")
            );
        }
        let mut files: BTreeMap<String, BTreeMap<Key, usize>> = BTreeMap::new();
        for Entry { key, count } in written.findings {
            let of_file = files.entry(key.file.clone()).or_default();
            *of_file.entry(key).or_default() += count;
        }
        Ok(Self {
            folder: Folder::of(path),
            files,
            gone: AtomicUsize::new(0),
        })
    }

    /// The findings of a file that are known.
    pub(super) fn of(&self, file: &File) -> BTreeMap<Key, usize> {
        let known = self.files.get(&self.folder.name(file));
        known.cloned().unwrap_or_default()
    }

    /// Tells the findings of a file that are known, however often.
    pub(crate) fn known(&self, file: &File) -> Known {
        let name = self.folder.name(file);
        let Some(keys) = self.files.get(&name) else {
            return Known::default();
        };
        let keys: BTreeSet<Key> = keys.keys().cloned().collect();
        Known(Some(Arc::new(move |object, finding| {
            keys.contains(&Key::new(&name, Some(object), finding))
        })))
    }

    /// The folder that its paths begin in.
    pub(super) const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Takes what is left over of a file's when it was judged.
    pub(super) fn left_over(&self, known: &BTreeMap<Key, usize>) {
        self.gone.fetch_add(known.values().sum(), Ordering::Relaxed);
    }

    /// Says what it holds that is there no more.
    pub(super) fn tell(&self, io: &Io) {
        match self.gone.load(Ordering::Relaxed) {
            0 => {}
            1 => io
                .note("one finding of the baseline is mended: write it anew with --write-baseline"),
            n => io.note(format_args!(
                "{n} findings of the baseline are mended: write it anew with --write-baseline"
            )),
        }
    }
}

/// Takes out the findings of a file that are known; how many those were.
pub(super) fn leave(
    known: &mut BTreeMap<Key, usize>,
    file: &str,
    shown: &mut Vec<Shown<'_>>,
) -> usize {
    if known.is_empty() {
        return 0;
    }
    let before = shown.len();
    shown.retain(|one| match known.get_mut(&Key::of(file, one)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    });
    before - shown.len()
}

/// Writes a baseline of these findings.
pub(super) fn write(path: &Path, mut keys: Vec<Key>) -> Result<(), Report> {
    keys.sort();
    let mut findings: Vec<Entry> = Vec::new();
    for key in keys {
        match findings.last_mut() {
            Some(last) if last.key == key => last.count += 1,
            _ => findings.push(Entry { key, count: 1 }),
        }
    }
    let written = Written {
        version: VERSION,
        findings,
    };
    let failed = |e: &dyn std::fmt::Display| Report::new(e).at(&path.to_string_lossy(), None);
    let mut text = serde_json::to_string_pretty(&written).map_err(|e| failed(&e))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|e| failed(&e))
}
