//! A baseline: the findings that were there when a repository began to be checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use podward_policy::Finding;
use serde::{Deserialize, Serialize};

use super::render::Shown;
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
    pub(super) fn of(file: &str, shown: &Shown<'_>) -> Self {
        let Finding { rule, field, .. } = shown.finding;
        let object = shown.object.map(|one| &one.object);
        let text = |of: Option<&str>| of.unwrap_or_default().to_owned();
        Self {
            file: file.to_owned(),
            kind: text(object.map(|object| object.kind.as_str())),
            namespace: text(object.and_then(|object| object.namespace.as_deref())),
            name: text(object.map(|object| object.name.as_str())),
            rule: (*rule).to_owned(),
            field: field.clone(),
        }
    }
}

/// The findings that are known.
pub(super) struct Baseline {
    files: BTreeMap<String, BTreeMap<Key, usize>>,
    /// Findings of files that were judged, and that are there no more.
    gone: AtomicUsize,
}

impl Baseline {
    pub(super) fn read(path: &Path) -> Result<Self, Report> {
        let shown = path.to_string_lossy();
        let failed = |e: &dyn std::fmt::Display| Report::new(e).at(&shown, None);
        if path.metadata().map_err(|e| failed(&e))?.len() > MAX {
            return Err(failed(&"the baseline is larger than 256 MiB"));
        }
        let text = std::fs::read(path).map_err(|e| failed(&e))?;
        let written: Written = serde_json::from_slice(&text)
            .map_err(|e| failed(&e).help("podward check --write-baseline FILE writes one"))?;
        if written.version != 1 {
            return Err(failed(&"the baseline is of a newer podward"));
        }
        let mut files: BTreeMap<String, BTreeMap<Key, usize>> = BTreeMap::new();
        for Entry { key, count } in written.findings {
            let of_file = files.entry(key.file.clone()).or_default();
            *of_file.entry(key).or_default() += count;
        }
        Ok(Self {
            files,
            gone: AtomicUsize::new(0),
        })
    }

    /// The findings of a file that are known.
    pub(super) fn of(&self, file: &str) -> BTreeMap<Key, usize> {
        self.files.get(file).cloned().unwrap_or_default()
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
        version: 1,
        findings,
    };
    let failed = |e: &dyn std::fmt::Display| Report::new(e).at(&path.to_string_lossy(), None);
    let mut text = serde_json::to_string_pretty(&written).map_err(|e| failed(&e))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|e| failed(&e))
}
