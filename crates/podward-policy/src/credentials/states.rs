//! `name: word` that says how something is, and holds no credential.

use std::ops::Range;

use super::pairs::end;

/// Where glibc looks a user up: in nsswitch.conf (nsswitch.conf(5), and the modules that
/// distributions bring) `passwd` is the name of a database, and these are its values.
const SERVICES: &[&str] = &[
    "altfiles",
    "cache",
    "compat",
    "db",
    "dns",
    "extrausers",
    "files",
    "hesiod",
    "ldap",
    "mymachines",
    "nis",
    "nisplus",
    "oslogin",
    "sss",
    "systemd",
    "winbind",
    "wins",
];

/// Whether a name and its value are an entry of nsswitch.conf.
pub(super) fn is_service(name: &str, value: &str) -> bool {
    name == "passwd" && SERVICES.contains(&value)
}

/// Commands that say something to a person, and their options.
const SAY: &[&str] = &[
    "abort", "debug", "die", "echo", "err", "error", "fail", "fatal", "host", "info", "log",
    "logger", "msg", "output", "print", "printf", "warn", "warning", "e", "n",
];

/// Whether a text tells a person of a state: `--- PASS: TestName` of Go, and a word that a script prints,
/// `echo "password: missing"`, and writes into no file.
pub(super) fn is_told(before: &str, name: &str, text: &str, value: &Range<usize>) -> bool {
    if name == "PASS" && before.ends_with("--- ") {
        return true;
    }
    let word = text.get(value.clone()).unwrap_or_default();
    if !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return false;
    }
    let Some((command, _)) = before.rsplit_once(['"', '\'']) else {
        return false;
    };
    let is_end = |c: char| !c.is_ascii_alphanumeric();
    let verb = command.trim_end().rsplit(is_end).next().unwrap_or_default();
    let behind = text.get(value.start..).unwrap_or_default();
    let line = behind.get(..end(behind, |b| b == b'\n').unwrap_or_default());
    SAY.iter().any(|word| verb.eq_ignore_ascii_case(word))
        && line.is_some_and(|line| !line.is_empty() && !line.contains(['>', '|']))
}
