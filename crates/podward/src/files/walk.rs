//! The way through a folder, which every command takes.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::ignore::{Ignored, push};
use super::shown;
use crate::report::Report;

/// What stands in a folder.
pub(crate) struct Entry<'a> {
    pub(crate) path: &'a Path,
    /// Its path below the folder where the walk began.
    pub(crate) below: &'a [u8],
    /// How many folders lie between.
    pub(crate) depth: usize,
    pub(crate) is_folder: bool,
}

impl Entry<'_> {
    /// Whether its name begins with a dot.
    pub(crate) fn is_hidden(&self) -> bool {
        let mut names = self.below.rsplit(|byte| *byte == b'/');
        names.next().is_some_and(|name| name.starts_with(b"."))
    }
}

/// A walk: what is to be seen, and what could not be looked into.
pub(crate) struct Walk<V> {
    /// Deepest folder below the first; what lies deeper is an error.
    pub(crate) deepest: usize,
    /// Whether .gitignore and .podwardignore count.
    pub(crate) ignore: bool,
    /// Sees every file and every folder; of a folder the answer says whether to go in.
    pub(crate) visit: V,
    pub(crate) errors: Vec<Report>,
}

impl<V: FnMut(&Entry<'_>) -> bool> Walk<V> {
    /// Goes through a folder. Links to folders are not followed, for they may lead back up; `.git`
    /// is left out.
    pub(crate) fn go(&mut self, folder: &Path) {
        let (above, path) = if self.ignore {
            Ignored::above(folder, &mut self.errors)
        } else {
            Default::default()
        };
        let from = if path.is_empty() { 0 } else { path.len() + 1 };
        self.folder(folder, &above, &path, from, 0);
    }

    fn folder(
        &mut self,
        folder: &Path,
        above: &Rc<Ignored>,
        path: &[u8],
        from: usize,
        depth: usize,
    ) {
        let ignored = if self.ignore {
            Ignored::enter(above, folder, path, &mut self.errors)
        } else {
            Rc::clone(above)
        };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.failed(&error, folder),
        };
        for entry in entries {
            let (entry, kind) = match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok((kind, entry)) => (entry, kind),
                Err(error) => {
                    self.failed(&error, folder);
                    continue;
                }
            };
            let name = entry.file_name();
            let at = entry.path();
            if name == ".git" || (kind.is_symlink() && at.is_dir()) {
                continue;
            }
            let mut path = path.to_vec();
            push(&mut path, &name);
            if self.ignore && ignored.leaves_out(&path, kind.is_dir()) {
                continue;
            }
            let goes_on = (self.visit)(&Entry {
                path: &at,
                below: path.get(from..).unwrap_or_default(),
                depth,
                is_folder: kind.is_dir(),
            });
            if !kind.is_dir() || !goes_on {
                continue;
            }
            if depth == self.deepest {
                let message = format!("more than {} folders deep", self.deepest);
                self.errors.push(Report::new(message).at(&shown(&at), None));
                continue;
            }
            self.folder(&at, &ignored, &path, from, depth + 1);
        }
    }

    fn failed(&mut self, error: &std::io::Error, at: &Path) {
        self.errors.push(Report::new(error).at(&shown(at), None));
    }
}

/// The manifests below a folder, sorted, and what could not be looked into. Hidden ones are left
/// out, and folders deeper than `deepest`.
pub(crate) fn manifests(folder: &Path, deepest: usize) -> (Vec<PathBuf>, Vec<Report>) {
    let mut files = Vec::new();
    let mut walk = Walk {
        deepest,
        ignore: false,
        visit: |entry: &Entry<'_>| {
            let wanted = !entry.is_hidden();
            if wanted && !entry.is_folder && is_manifest(entry.path) {
                files.push(entry.path.to_path_buf());
            }
            wanted && entry.depth < deepest
        },
        errors: Vec::new(),
    };
    walk.go(folder);
    let errors = walk.errors;
    files.sort();
    (files, errors)
}

/// Whether the name is that of a manifest.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|e| e == "yaml" || e == "yml" || e == "json")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Numbers as if drawn at random, always the same.
    struct Drawn(u64);

    impl Drawn {
        fn below(&mut self, most: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 11).unwrap() % most
        }

        fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
            of[self.below(of.len())]
        }

        /// One to `most` of these, one after the other.
        fn some(&mut self, of: &[&str], most: usize) -> String {
            (0..=self.below(most)).map(|_| self.one(of)).collect()
        }
    }

    const NAMES: &[&str] = &[
        "a", "b", "ab", ".a", "a.yaml", "b c", "[a]", "é", "a*", "#a", "!a", "d ",
    ];
    const PARTS: &[&str] = &[
        "a",
        "b",
        "a",
        "b",
        "/",
        "/",
        "*",
        "**",
        "**/",
        "/**",
        "?",
        "[ab]",
        "[!a]",
        "[a-c]",
        "[^b]",
        "[[:alpha:]]",
        "\\",
        "!",
        "#",
        " ",
        "\\ ",
        ".yaml",
        "*.yaml",
        "é",
        "[",
        "]",
        ".a",
        "\\*",
        "\\[",
        "-",
        "[]a]",
        "[a-]",
    ];
    const ENDS: &[&str] = &["\n", "\n", "\r\n", "  \n", "/\n", "/ \n", "\n\n"];

    fn patterns(drawn: &mut Drawn) -> String {
        let mut text = String::new();
        for _ in 0..=drawn.below(4) {
            if drawn.below(4) == 0 {
                text.push('!');
            }
            text.push_str(&drawn.some(PARTS, 5));
            text.push_str(drawn.one(ENDS));
        }
        text
    }

    /// Some files and files of patterns in a folder and below.
    fn fill(folder: &Path, depth: usize, drawn: &mut Drawn) {
        std::fs::create_dir_all(folder).unwrap();
        for _ in 0..4 {
            let path = folder.join(drawn.one(NAMES));
            match (path.exists(), drawn.below(2)) {
                (false, 0) if depth > 0 => fill(&path, depth - 1, drawn),
                (false, _) => std::fs::write(path, "").unwrap(),
                _ => {}
            }
        }
        if depth == 2 || drawn.below(3) == 0 {
            std::fs::write(folder.join(".gitignore"), patterns(drawn)).unwrap();
        }
    }

    /// What a walk sees.
    fn walked(folder: &Path) -> Vec<String> {
        let mut seen = Vec::new();
        let mut walk = Walk {
            deepest: 9,
            ignore: true,
            visit: |entry: &Entry<'_>| {
                if !entry.is_folder {
                    seen.push(String::from_utf8_lossy(entry.below).into_owned());
                }
                true
            },
            errors: Vec::new(),
        };
        walk.go(folder);
        assert!(walk.errors.is_empty(), "{:?}", walk.errors);
        seen.sort();
        seen
    }

    fn git(folder: &Path, arguments: &[&str]) -> std::io::Result<Vec<u8>> {
        let output = Command::new("git")
            .args(["-c", "core.excludesFile=/dev/null"])
            .args(arguments)
            .current_dir(folder)
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .output()?;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    #[test]
    fn what_is_left_out_is_what_git_leaves_out() {
        let top = std::env::temp_dir().join(format!("podward-walk-{}", std::process::id()));
        let mut drawn = Drawn(0x9e37_79b9_7f4a_7c15);
        for repository in 0..REPOSITORIES {
            let repository = top.join(repository.to_string());
            for folder in 0..FOLDERS {
                fill(&repository.join(folder.to_string()), 2, &mut drawn);
            }
            if git(&repository, &["init", "-q"]).is_err() {
                eprintln!("what_is_left_out_is_what_git_leaves_out: skipped, git is not installed");
                return;
            }
            let exclude = repository.join(".git/info/exclude");
            std::fs::create_dir_all(exclude.parent().unwrap()).unwrap();
            std::fs::write(exclude, patterns(&mut drawn)).unwrap();
            let arguments = ["ls-files", "-z", "--others", "--exclude-standard"];
            let said = String::from_utf8(git(&repository, &arguments).unwrap()).unwrap();
            let mut said: Vec<_> = said.split_terminator('\0').map(str::to_owned).collect();
            said.sort();
            let walked = walked(&repository);
            let differs = walked.iter().zip(&said).find(|(ours, gits)| ours != gits);
            assert_eq!(differs, None, "{}", repository.display());
            assert_eq!(walked.len(), said.len(), "{}", repository.display());
        }
        std::fs::remove_dir_all(top).unwrap();
    }

    /// Each has an info/exclude of its own, and each folder files of patterns.
    const REPOSITORIES: usize = 4;
    const FOLDERS: usize = 50;
}
