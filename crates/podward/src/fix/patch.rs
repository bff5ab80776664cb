//! Patches that `git apply` and `patch -p1` take.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use similar::TextDiff;

/// The folder that the names of a patch begin in.
pub(super) struct Base(PathBuf);

impl Base {
    /// The current folder, or the topmost one where some file is not below it.
    pub(super) fn of<'a>(mut paths: impl Iterator<Item = &'a Path>) -> Self {
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let here = here.unwrap_or_else(|_| "/".into());
        if paths.all(|path| real(path).starts_with(&here)) {
            return Self(here);
        }
        Self("/".into())
    }

    /// How to apply a patch whose names do not begin in the current folder.
    pub(super) fn hint(&self) -> Option<&'static str> {
        let here = std::env::current_dir();
        let is_here = here.is_ok_and(|here| here == self.0);
        (!is_here).then_some(
            "note: not all files are below this folder, so the names of the patch begin in /: patch -p1 -d / applies it",
        )
    }

    /// Both texts of a file as a patch; nothing where they are equal. What is no file has the name
    /// of standard input.
    pub(super) fn patch(&self, path: Option<&Path>, before: &str, after: &str) -> String {
        if before == after {
            return String::new();
        }
        let path = path.map_or_else(|| "-".into(), real);
        let name = path.strip_prefix(&self.0).unwrap_or(&path);
        let [old, new] = ["a/", "b/"].map(|side| header(side, name.as_os_str().as_bytes()));
        TextDiff::from_lines(before, after)
            .unified_diff()
            .header(&old, &new)
            .to_string()
    }
}

/// The file itself, where the path is a link.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// A name as git writes it: in quotes where a line of a patch could not hold it as it is.
fn header(side: &str, name: &[u8]) -> String {
    let is_plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    match std::str::from_utf8(name) {
        // behind a tab stands what is no part of the name
        Ok(text) if text.chars().all(is_plain) && text.contains(' ') => format!("{side}{text}\t"),
        Ok(text) if text.chars().all(is_plain) => format!("{side}{text}"),
        _ => {
            let mut out = format!("\"{side}");
            for byte in name {
                match byte {
                    b'\n' => out.push_str("\\n"),
                    b'\r' => out.push_str("\\r"),
                    b'\t' => out.push_str("\\t"),
                    b'"' | b'\\' => {
                        out.push('\\');
                        out.push(char::from(*byte));
                    }
                    b' '..=b'~' => out.push(char::from(*byte)),
                    _ => {
                        let _ = write!(out, "\\{byte:03o}");
                    }
                }
            }
            out.push('"');
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::header;

    #[test]
    fn names_are_quoted_as_git_quotes_them() {
        for (name, quoted) in [
            (&b"web.yaml"[..], "a/web.yaml"),
            ("gr\u{fc}n.yaml".as_bytes(), "a/gr\u{fc}n.yaml"),
            (b"a b.yaml", "a/a b.yaml\t"),
            (b"a\n\t\"\\b\x01", "\"a/a\\n\\t\\\"\\\\b\\001\""),
            (b"\xff.yaml", "\"a/\\377.yaml\""),
        ] {
            assert_eq!(header("a/", name), quoted);
        }
    }
}
