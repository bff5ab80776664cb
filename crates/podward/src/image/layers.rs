//! The files of all layers.

use std::collections::BTreeSet;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use podward_policy::{FileKind, Finding, credentials_of_file, file_kind};

use super::Told;
use super::archive::Archive;
use super::tar::{Kind, Tar};
use super::zstd::{Frames, MAGIC};
use crate::files::as_text;

/// Largest file that is read, bytes: those that hold credentials are small.
const MAX_FILE: u64 = 1 << 20;
/// Most bytes of all layers, as they unpack. What unpacks to more is meant to.
const MAX_BYTES: u64 = 16 << 30;
/// Most files of all layers.
const MAX_FILES: usize = 4_000_000;
/// Most files with findings, whose texts are kept until they are shown.
const MAX_TOLD: usize = 1000;
/// Most bytes of those texts.
const MAX_TEXT: usize = 64 << 20;

/// What a layer takes away of those below: paths, and folders whose content is hidden.
#[derive(Default)]
struct Changes {
    /// Paths that a layer holds.
    written: BTreeSet<String>,
    deleted: BTreeSet<String>,
    hidden: BTreeSet<String>,
}

/// What is found in layers, from the lowest.
pub(super) struct Layers<'a> {
    archive: &'a Archive,
    /// As messages name the image.
    shown: &'a str,
    bytes: u64,
    files: usize,
    text: usize,
    found: Vec<(usize, String, Told)>,
    changes: Vec<Changes>,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(archive: &'a Archive, shown: &'a str) -> Self {
        Self {
            archive,
            shown,
            bytes: 0,
            files: 0,
            text: 0,
            found: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// Reads the next layer.
    pub(super) fn read(&mut self, name: &str) -> io::Result<()> {
        let from = self
            .archive
            .file(name)?
            .ok_or_else(|| io::Error::other("there is no such layer in the archive"))?;
        let mut from = BufReader::with_capacity(1 << 16, from);
        let start = io::BufRead::fill_buf(&mut from)?;
        let from: Box<dyn Read> = if start.starts_with(&[0x1f, 0x8b]) {
            Box::new(MultiGzDecoder::new(from))
        } else if start.starts_with(&MAGIC) {
            Box::new(Frames::new(from))
        } else {
            Box::new(from)
        };
        let left = MAX_BYTES - self.bytes;
        let mut counted = Counted { from, left };
        let read = self.entries(Tar::new(&mut counted), short(name));
        self.bytes = MAX_BYTES - counted.left;
        read
    }

    fn entries(&mut self, mut tar: Tar<impl Read>, digest: &str) -> io::Result<()> {
        let layer = self.changes.len();
        self.changes.push(Changes::default());
        while let Some(entry) = tar.next()? {
            self.files += 1;
            if self.files > MAX_FILES {
                return Err(io::Error::other("the image has more than 4000000 files"));
            }
            let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
            let Some(changes) = self.changes.last_mut() else {
                return Ok(());
            };
            if name == ".wh..wh..opq" {
                changes.hidden.insert(folder.to_owned());
            } else if let Some(name) = name.strip_prefix(".wh.") {
                let path = if folder.is_empty() {
                    name.to_owned()
                } else {
                    format!("{folder}/{name}")
                };
                changes.deleted.insert(path);
            }
            if entry.kind != Kind::File || !is_read(&entry.path) {
                continue;
            }
            changes.written.insert(entry.path.clone());
            if entry.size > MAX_FILE {
                continue;
            }
            let Some(text) = as_text(&tar.content(MAX_FILE)?) else {
                continue;
            };
            let mut findings = credentials_of_file(&entry.path, &text);
            if findings.is_empty() {
                continue;
            }
            self.text += text.len();
            if self.found.len() == MAX_TOLD || self.text > MAX_TEXT {
                return Err(io::Error::other(
                    "credentials are in more files than podward tells at once: mend those first",
                ));
            }
            let path = format!("{}:{digest}:/{}", self.shown, entry.path);
            let shared = Arc::from(path.as_str());
            for finding in &mut findings {
                finding.path = Arc::clone(&shared);
            }
            self.found.push((
                layer,
                entry.path,
                Told {
                    path,
                    text,
                    findings,
                },
            ));
        }
        Ok(())
    }

    /// What was found; of what a later layer takes away is said that it stays.
    pub(super) fn told(self) -> Vec<Told> {
        let changes = self.changes;
        let told = self.found.into_iter().map(|(layer, path, mut told)| {
            let later = changes.iter().skip(layer + 1);
            let gone = later.filter_map(|changes| changes.takes(&path)).next();
            if let Some(how) = gone {
                let add = |finding: &mut Finding| {
                    finding.message.to_mut().push_str(&format!(
                        "; a later layer {how} the file, and it stays in this one"
                    ));
                };
                told.findings.iter_mut().for_each(add);
            }
            told
        });
        told.collect()
    }
}

impl Changes {
    /// How a layer takes a file of a lower one away, if it does.
    fn takes(&self, path: &str) -> Option<&'static str> {
        if self.written.contains(path) {
            return Some("replaces");
        }
        let above = path
            .match_indices('/')
            .map(|(at, _)| path.get(..at).unwrap_or_default());
        let mut above = above.chain([path]);
        let deleted = above.any(|part| {
            self.deleted.contains(part) || (part != path && self.hidden.contains(part))
        });
        (deleted || self.hidden.contains("")).then_some("deletes")
    }
}

/// Whether a file may hold a credential that someone put there: of what packages bring, only what
/// is made to hold one.
fn is_read(path: &str) -> bool {
    let packages = ["etc/ssl/", "lib/", "lib64/", "opt/", "usr/", "var/lib/"];
    let is_packaged =
        packages.iter().any(|folder| path.starts_with(folder)) && !path.starts_with("usr/src/app/");
    match file_kind(path) {
        None => false,
        Some(FileKind::Key | FileKind::Env) => true,
        Some(_) => !is_packaged,
    }
}

/// The first digits of the digest in a layer's name.
fn short(name: &str) -> &str {
    let name = name
        .strip_suffix("/layer.tar")
        .or(name.strip_suffix(".tar"))
        .unwrap_or(name);
    let name = name.rsplit('/').next().unwrap_or(name);
    name.get(..12).unwrap_or(name)
}

/// A reader that gives no more than it may.
struct Counted<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.left = self
            .left
            .checked_sub(u64::try_from(read).unwrap_or(u64::MAX))
            .ok_or_else(|| io::Error::other("the layers unpack to more than 16 GiB"))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_gives_no_more_than_it_may() {
        let mut counted = Counted {
            from: io::repeat(1),
            left: 10,
        };
        let error = io::copy(&mut counted, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("more than 16 GiB"));
    }

    #[test]
    fn files_go_with_their_folders() {
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let changes = Changes {
            written: set(&["a/b"]),
            deleted: set(&["c", "d/e"]),
            hidden: set(&["f"]),
        };
        let cases = [
            ("a/b", Some("replaces")),
            ("c/x/y", Some("deletes")),
            ("d/e", Some("deletes")),
            ("d/ef", None),
            ("f/x", Some("deletes")),
            ("f", None),
        ];
        for (path, wanted) in cases {
            assert_eq!(changes.takes(path), wanted, "{path}");
        }
    }
}
