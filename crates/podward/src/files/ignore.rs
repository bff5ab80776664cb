//! What .gitignore and .podwardignore leave out, by git's rules.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::pattern::{Pattern, is_pattern};
use super::read::{self, Refused};
use crate::report::Report;

/// The file of podward's own; it has the last word.
pub(super) const OWN: &str = ".podwardignore";
/// The file of git.
pub(super) const GIT: &str = ".gitignore";

/// Largest file of patterns, bytes.
const MAX_FILE: u64 = 1 << 20;

/// One line.
#[derive(Debug)]
struct Rule {
    /// What stands before the first sign that has a meaning, of a pattern of paths. Git compares it
    /// first, so that the stars of `a**/b` stand at the start of what is left.
    prefix: Vec<u8>,
    pattern: Pattern,
    /// `!`: what it matches is read again.
    again: bool,
    /// Ends with `/`.
    folders_only: bool,
    /// Has no other `/`, and so speaks of names wherever they are.
    of_names: bool,
}

impl Rule {
    /// Reads a line; none where it is empty, a comment or matches nothing.
    fn new(line: &[u8]) -> Option<Self> {
        if line.starts_with(b"#") {
            return None;
        }
        let line = without_blanks(line);
        let (line, again) = match line.strip_prefix(b"!") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let (line, folders_only) = match line.strip_suffix(b"/") {
            Some(rest) => (rest, true),
            None => (line, false),
        };
        let of_names = !line.contains(&b'/');
        let line = line.strip_prefix(b"/").unwrap_or(line);
        if line.is_empty() {
            return None;
        }
        let literal = line.iter().position(|byte| is_pattern(&[*byte]));
        let prefix = if of_names {
            0
        } else {
            literal.unwrap_or(line.len())
        };
        let (prefix, line) = line.split_at_checked(prefix)?;
        Some(Self {
            prefix: prefix.to_vec(),
            pattern: Pattern::new(line)?,
            again,
            folders_only,
            of_names,
        })
    }

    fn matches(&self, below: &[u8], is_folder: bool) -> bool {
        if self.folders_only && !is_folder {
            return false;
        }
        let text = if self.of_names {
            below.rsplit(|byte| *byte == b'/').next().unwrap_or(below)
        } else {
            below
        };
        text.strip_prefix(self.prefix.as_slice())
            .is_some_and(|rest| self.pattern.matches(rest))
    }
}

/// A line without the blanks at its end, unless a backslash keeps them.
fn without_blanks(line: &[u8]) -> &[u8] {
    let (mut end, mut at) = (0, 0);
    while let Some(byte) = line.get(at) {
        match byte {
            b' ' => {}
            b'\\' => {
                at += 1;
                end = at + 1;
            }
            _ => end = at + 1,
        }
        at += 1;
    }
    line.get(..end).unwrap_or(line)
}

/// The lines of a file of patterns.
fn rules(text: &[u8]) -> Vec<Rule> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter_map(Rule::new)
        .collect()
}

/// What one folder says of all below it.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    above: Option<Rc<Self>>,
    /// How many bytes of a path lead to this folder.
    base: usize,
    git: Vec<Rule>,
    own: Vec<Rule>,
}

impl Ignored {
    /// Whether a path is left out. `path` stands below the topmost folder.
    pub(super) fn leaves_out(&self, path: &[u8], is_folder: bool) -> bool {
        self.last(path, is_folder, |level| &level.own)
            .or_else(|| self.last(path, is_folder, |level| &level.git))
            .is_some_and(|rule| !rule.again)
    }

    /// The last line that matches, in the deepest folder that has one.
    fn last(
        &self,
        path: &[u8],
        is_folder: bool,
        of: impl Fn(&Self) -> &[Rule] + Copy,
    ) -> Option<&Rule> {
        let mut level = Some(self);
        while let Some(this) = level {
            let below = path.get(this.base..).unwrap_or_default();
            let rules = of(this).iter();
            if let Some(rule) = rules.rev().find(|rule| rule.matches(below, is_folder)) {
                return Some(rule);
            }
            level = this.above.as_deref();
        }
        None
    }

    /// Adds what a folder says. `path` is its path below the topmost folder, empty for that itself.
    pub(super) fn enter(
        above: &Rc<Self>,
        folder: &Path,
        path: &[u8],
        errors: &mut Vec<Report>,
    ) -> Rc<Self> {
        let mut read = |file: PathBuf| match read::bytes_of_file(&file, MAX_FILE, false) {
            Ok(text) => rules(&text),
            Err(Refused::Missing | Refused::NoFile(_)) => Vec::new(),
            Err(refused) => {
                errors.push(Report::new(refused).at(&super::shown(&file), None));
                Vec::new()
            }
        };
        let mut git = match exclude(folder) {
            Some(file) => read(file),
            None => Vec::new(),
        };
        git.extend(read(folder.join(GIT)));
        let own = read(folder.join(OWN));
        if git.is_empty() && own.is_empty() {
            return Rc::clone(above);
        }
        Rc::new(Self {
            above: Some(Rc::clone(above)),
            base: if path.is_empty() { 0 } else { path.len() + 1 },
            git,
            own,
        })
    }

    /// What the folders above a given one say, up to the top of its repository, and the path from
    /// there to it. Outside of a repository only what is in the folder itself counts.
    pub(super) fn above(folder: &Path, errors: &mut Vec<Report>) -> (Rc<Self>, Vec<u8>) {
        let mut ignored = Rc::<Self>::default();
        let Ok(folder) = folder.canonicalize() else {
            return (ignored, Vec::new());
        };
        let top = folder
            .ancestors()
            .find(|above| above.join(".git").symlink_metadata().is_ok());
        let Some((top, below)) = top.and_then(|top| Some((top, folder.strip_prefix(top).ok()?)))
        else {
            return (ignored, Vec::new());
        };
        let (mut at, mut path) = (top.to_path_buf(), Vec::new());
        for name in below.components() {
            ignored = Self::enter(&ignored, &at, &path, errors);
            at.push(name);
            push(&mut path, name.as_os_str());
        }
        (ignored, path)
    }
}

/// Adds a name to a path.
pub(super) fn push(path: &mut Vec<u8>, name: &std::ffi::OsStr) {
    use std::os::unix::ffi::OsStrExt;
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend(name.as_bytes());
}

/// Where the top of a repository keeps what is in no .gitignore. `.git` is a folder, or a file that
/// names one, as in a linked work tree.
fn exclude(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    let kind = git.symlink_metadata().ok()?;
    if kind.is_dir() {
        return Some(git.join("info/exclude"));
    }
    let line = |file: &Path| -> Option<PathBuf> {
        let text = String::from_utf8(read::bytes_of_file(file, 4096, false).ok()?).ok()?;
        let text = text.strip_prefix("gitdir: ").unwrap_or(&text);
        Some(file.parent()?.join(text.trim_end()))
    };
    let own = line(&git)?;
    let common = line(&own.join("commondir")).unwrap_or(own);
    Some(common.join("info/exclude"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Ignored {
        Ignored {
            git: rules(text.as_bytes()),
            ..Ignored::default()
        }
    }

    #[test]
    fn lines_are_read_as_git_reads_them() {
        let left_out = |text: &str, path: &str| one(text).leaves_out(path.as_bytes(), false);
        let folder = |text: &str, path: &str| one(text).leaves_out(path.as_bytes(), true);
        assert!(left_out("a.yaml\r\n", "x/a.yaml"));
        assert!(left_out("\u{feff}a.yaml", "a.yaml"));
        assert!(!left_out("# a.yaml\n", "# a.yaml"));
        assert!(left_out("\\#a\n", "#a"));
        assert!(left_out("\\!a\n", "!a"));
        assert!(left_out("a  \n", "a"));
        assert!(left_out("a\\ \n", "a "));
        assert!(!left_out("/a\n", "x/a"));
        assert!(!left_out("x/a\n", "y/x/a"));
        assert!(left_out("*.yaml\n!a.yaml\n", "b.yaml"));
        assert!(!left_out("*.yaml\n!a.yaml\n", "a.yaml"));
        assert!(folder("a/\n", "x/a") && !left_out("a/\n", "x/a"));
        assert!(!left_out("/\n!\n\n", "a"));
    }

    #[test]
    fn the_own_file_has_the_last_word_wherever_it_is() {
        let top = Rc::new(Ignored {
            own: rules(b"!keep.yaml\n"),
            ..Ignored::default()
        });
        let below = Ignored {
            above: Some(top),
            base: 2,
            git: rules(b"*.yaml\n"),
            own: Vec::new(),
        };
        assert!(below.leaves_out(b"a/b.yaml", false));
        assert!(!below.leaves_out(b"a/keep.yaml", false));
    }
}
