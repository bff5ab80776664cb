//! Files that make manifests and are none: templates of Helm and of other programs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use podward_manifest::{ParseError, Source};

use serde_json::json;

use crate::io::Io;

/// Where a template begins something of its own.
const MARK: &str = "{{";

/// The templates that were seen and not judged.
#[derive(Default)]
pub(super) struct Templates {
    /// Their paths; a file may be read more than once.
    seen: Mutex<BTreeSet<PathBuf>>,
    /// Charts that are judged as they render, or of which was said why not.
    rendered: OnceLock<Vec<PathBuf>>,
}

impl Templates {
    /// Whether a file is a template of a chart; counts it.
    pub(super) fn is_one(&self, path: &Path, text: &str) -> bool {
        if !text.contains(MARK) {
            return false;
        }
        let Some(chart) = chart_of(path) else {
            return false;
        };
        let rendered = self.rendered.get().map_or(&[] as &[_], Vec::as_slice);
        if !rendered.iter().any(|other| chart.starts_with(other)) {
            self.count(path, true);
        }
        true
    }

    /// Takes the charts whose templates need not be counted.
    pub(super) fn rendered(&self, charts: Vec<PathBuf>) {
        // there is one search
        let _ = self.rendered.set(charts);
    }

    /// Whether a text that is no YAML is a template; counts it.
    pub(super) fn is_unread(&self, source: &Source) -> bool {
        self.count(Path::new(&source.path), source.text.contains(MARK))
    }

    /// Takes out the errors of documents that are templates; counts the file.
    pub(super) fn forgive(&self, source: &Source, errors: &mut Vec<ParseError>) {
        if errors.is_empty() || !source.text.contains(MARK) {
            return;
        }
        let before = errors.len();
        let lines: Vec<_> = source.text.lines().collect();
        errors.retain(|error| {
            let at = error.position.line.saturating_sub(1).min(lines.len());
            let (above, below) = lines.split_at(at);
            let ends = |line: &&&str| line.starts_with("---");
            let above = above.iter().rev().take_while(|line| !ends(line));
            let below = below.iter().take_while(|line| !ends(line));
            !above.chain(below).any(|line| line.contains(MARK))
        });
        self.count(Path::new(&source.path), errors.len() < before);
    }

    fn count(&self, path: &Path, is_one: bool) -> bool {
        if is_one {
            let path = path.strip_prefix(".").unwrap_or(path).to_path_buf();
            self.seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(path);
        }
        is_one
    }

    /// Says how many were not judged.
    pub(super) fn tell(&self, io: &Io) {
        let count = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len();
        if count > 0 {
            io.emit(
                "skipped",
                json!({"templates": count, "reason": "they are templates"}),
            );
        }
        match count {
            0 => {}
            1 => io.note("note: 1 template was not judged: what it makes can be, by helm template DIR | podward check -"),
            n => io.note(format_args!(
                "note: {n} templates were not judged: what they make can be, by helm template DIR | podward check -"
            )),
        }
    }
}

/// The chart below whose `templates` folder a file is.
pub(super) fn chart_of(path: &Path) -> Option<&Path> {
    path.ancestors()
        .skip(1)
        .filter(|folder| folder.file_name().is_some_and(|name| name == "templates"))
        .filter_map(Path::parent)
        .find(|chart| chart.join("Chart.yaml").is_file())
}
