//! Credentials that follow a flag: `--password VALUE`, and the short flags of well-known programs.

use std::ops::Range;

use super::Credential;
use super::names::{Speaks, speaks};
use super::pairs::before;
use super::values::judge;
use crate::Severity;

/// Programs whose `-pVALUE` is a password.
const GLUED: &[&str] = &[
    "mariadb",
    "mariadb-admin",
    "mariadb-dump",
    "mysql",
    "mysqladmin",
    "mysqlcheck",
    "mysqldump",
    "mysqlimport",
    "sshpass",
];

/// Programs and their flag before a password.
const APART: &[(&str, &str)] = &[
    ("ldapsearch", "-w"),
    ("openssl", "-k"),
    ("mongo", "-p"),
    ("mongodump", "-p"),
    ("mongorestore", "-p"),
    ("mongosh", "-p"),
    ("redis-cli", "-a"),
    ("sshpass", "-p"),
];

/// Programs whose `-u` takes `user:password`.
const LOGINS: &[&str] = &["curl"];

/// The program that makes hashes of passwords for a web server.
const HTPASSWD: &str = "htpasswd";

/// Words that read a password from the command before them, and whether a user stands before it.
const READERS: &[(&str, bool)] = &[
    ("chpasswd", true),
    ("--password-stdin", false),
    ("passwd --stdin", false),
];

/// What feeds a word to the command before it.
const HERE: &str = "<<<";
/// Most of what stands between the two, bytes.
const OPTIONS: usize = 200;

/// Programs whose `login` takes a password after `-p`.
const REGISTRIES: &[&str] = &[
    "az", "buildah", "docker", "helm", "nerdctl", "oras", "podman", "skopeo",
];

/// First words of flags that say how to do without a credential, or ask for one.
const WITHOUT: &[&str] = &[
    "allow", "ask", "disable", "disabled", "enable", "generate", "hide", "ignore", "never", "no",
    "print", "prompt", "random", "require", "show", "skip", "without",
];

/// What the next word is.
#[derive(Clone, Copy)]
enum Next {
    Value(Speaks),
    /// `user:password`.
    Login,
    /// `pass:PASSWORD`, or where one is kept.
    Source,
    /// No credential.
    Other,
}

/// What htpasswd is told on its command line: a file, a user and a password.
#[derive(Default)]
struct Batch {
    /// Whether the password stands there.
    is_one: bool,
    /// Whether no file is named.
    prints: bool,
    /// How many words there were.
    words: usize,
}

/// A part of a word that is a credential.
type Told = (Range<usize>, &'static str, Severity);

/// The words of a command, one after the other.
#[derive(Default)]
pub(super) struct Command<'a> {
    program: &'a str,
    logs_in: bool,
    next: Option<Next>,
    batch: Batch,
}

impl<'a> Command<'a> {
    /// Whether the next word is a value.
    pub(super) fn awaits(&self) -> bool {
        self.next.is_some()
    }

    /// Takes a word: where in it a credential stands that only the words before tell.
    pub(super) fn take(&mut self, word: &'a str) -> Option<Told> {
        let expected = self.next.take().filter(|_| !word.starts_with('-'));
        if let Some(next) = expected {
            return match next {
                // docker's `--secret id=NAME,src=FILE` says where one is
                Next::Value(_) if word.starts_with("id=") || word.starts_with("type=") => None,
                Next::Value(speaks) => told(speaks, word, 0),
                Next::Login => told(Speaks::Password, word, word.find(':')? + 1),
                Next::Source if word.starts_with("pass:") => {
                    told(Speaks::Password, word, "pass:".len())
                }
                Next::Source | Next::Other => None,
            };
        }
        if matches!(word, "|" | "||" | "&&" | ";" | "&") {
            *self = Self::default();
            return None;
        }
        if word.starts_with("--") {
            self.next = match speaks(word) {
                _ if word.contains('=') || is_without(word) => None,
                Some(Speaks::Perhaps | Speaks::Login) | None => None,
                Some(speaks) => Some(Next::Value(speaks)),
            };
            return None;
        }
        if word.starts_with('-') {
            return self.flag(word);
        }
        if self.program == HTPASSWD && self.batch.is_one {
            self.batch.words += 1;
            let last = if self.batch.prints { 2 } else { 3 };
            return (self.batch.words == last)
                .then(|| told(Speaks::Password, word, 0))
                .flatten();
        }
        let program = word.rsplit('/').next().unwrap_or(word);
        let known = matches!(program, HTPASSWD | "openssl")
            || GLUED.contains(&program)
            || LOGINS.contains(&program)
            || REGISTRIES.contains(&program)
            || APART.iter().any(|(known, _)| *known == program);
        if known {
            (self.program, self.logs_in) = (program, false);
        }
        self.logs_in |= word == "login";
        None
    }

    fn flag(&mut self, word: &str) -> Option<Told> {
        if self.program == HTPASSWD {
            self.batch.is_one |= word.contains('b');
            self.batch.prints |= word.contains('n');
            self.next = word.ends_with(['C', 'r']).then_some(Next::Other);
            return None;
        }
        if matches!(word, "-passin" | "-passout")
            || (matches!(word, "-pass" | "-password") && self.program == "openssl")
        {
            self.next = Some(Next::Source);
            return None;
        }
        if APART.contains(&(self.program, word))
            || (word == "-p" && self.logs_in && REGISTRIES.contains(&self.program))
        {
            self.next = Some(Next::Value(Speaks::Password));
        } else if word == "-u" && LOGINS.contains(&self.program) {
            self.next = Some(Next::Login);
        } else if word.starts_with("-p") && word.len() > 2 && GLUED.contains(&self.program) {
            return told(Speaks::Password, word, 2);
        }
        None
    }
}

/// Whether a flag takes no credential: `--no-password`, `--disabled-password`.
fn is_without(flag: &str) -> bool {
    let first = flag.trim_start_matches('-').split(['-', '_']).next();
    first.is_some_and(|first| WITHOUT.iter().any(|word| first.eq_ignore_ascii_case(word)))
}

/// What the rest of a word is.
fn told(speaks: Speaks, word: &str, from: usize) -> Option<Told> {
    let value = word.get(from..)?;
    let bare = value.trim_matches(['"', '\'']);
    let start = from + value.find(bare)?;
    judge(speaks, bare).map(|(kind, severity)| (start..start + bare.len(), kind, severity))
}

/// Adds what only the words before it tell, where nothing else is found.
pub(super) fn add(told: impl IntoIterator<Item = Told>, all: &mut Vec<Credential>) {
    let more: Vec<_> = told
        .into_iter()
        .filter(|(span, _, _)| {
            // those before are in order and apart, so one of them alone can reach in
            let at = all.partition_point(|one| one.span.end <= span.start);
            all.get(at).is_none_or(|one| span.end <= one.span.start)
        })
        .map(|(span, kind, severity)| Credential {
            kind,
            span,
            severity,
        })
        .collect();
    if !more.is_empty() {
        all.extend(more);
        all.sort_by_key(|one| one.span.start);
    }
}

/// Adds what the flags of a script's commands tell.
pub(super) fn add_of_script(script: &str, all: &mut Vec<Credential>) {
    let mut command = Command::default();
    let told = words(script).filter_map(|(at, word)| {
        let (span, kind, severity) = command.take(word)?;
        Some((at + span.start..at + span.end, kind, severity))
    });
    add(told, all);
    for (reader, has_user) in READERS {
        let read = script.match_indices(reader);
        // of what is a hash already nothing is told
        let read = read.filter(|(at, _)| {
            let behind = script.get(at + reader.len()..).unwrap_or_default();
            !behind.starts_with(" -e") && !behind.starts_with(" --encrypted")
        });
        let told = read.filter_map(|(at, _)| {
            let fed = piped(script, at, *has_user);
            fed.or_else(|| here(script, at + reader.len(), *has_user))
        });
        add(told, all);
    }
}

/// `chpasswd <<< user:password` and the like: what stands behind the reader.
fn here(script: &str, from: usize, has_user: bool) -> Option<Told> {
    let rest = script.get(from..)?;
    let ends = |byte| matches!(byte, b'\n' | b';' | b'|' | b'&' | b'<');
    let (options, behind) = rest.split_at_checked(rest.bytes().take(OPTIONS).position(ends)?)?;
    let behind = behind.strip_prefix(HERE)?;
    // nothing but options and names stands between
    if options.contains(['"', '\'', '>', '$']) {
        return None;
    }
    let (at, word) = words(behind).next()?;
    let user = if has_user { word.find(':')? + 1 } else { 0 };
    let (span, kind, severity) = told(Speaks::Password, word, user)?;
    let start = from + options.len() + HERE.len() + at;
    Some((start + span.start..start + span.end, kind, severity))
}

/// `echo user:password | chpasswd` and the like, whose reader stands at `at`.
fn piped(script: &str, at: usize, has_user: bool) -> Option<Told> {
    let line = before(script, at);
    let fed = line.rsplit_once('|')?.0.trim_end();
    let from = at - line.len();
    let quote = fed.chars().next_back().filter(|c| matches!(c, '"' | '\''));
    let start = match quote {
        Some(quote) => fed.get(..fed.len() - 1)?.rfind(quote)? + 1,
        None => fed.rfind(char::is_whitespace)? + 1,
    };
    let command = fed.get(..start)?.trim_end_matches(['"', '\'']).trim_end();
    let prints = |word: &str| matches!(word, "echo" | "printf" | "-n" | "-e");
    if !command
        .rsplit(char::is_whitespace)
        .next()
        .is_some_and(prints)
    {
        return None;
    }
    let word = fed.get(start..fed.len() - usize::from(quote.is_some()))?;
    let word = word.trim_end_matches("\\n");
    let user = if has_user { word.find(':')? + 1 } else { 0 };
    let (span, kind, severity) = told(Speaks::Password, word, user)?;
    let start = from + start;
    Some((start + span.start..start + span.end, kind, severity))
}

/// The words of a script with their places, without quotation marks around them.
pub(super) fn words(script: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = script.get(at..)?;
        let blank = |c: char| c.is_whitespace() && c != '\n';
        let skipped = rest.trim_start_matches(blank);
        at = script.len() - skipped.len();
        let first = skipped.chars().next()?;
        if matches!(first, '"' | '\'')
            && let Some(length) = skipped.get(1..)?.find([first, '\n'])
        {
            let start = at + 1;
            at = start + length + 1;
            return Some((start, script.get(start..start + length)?));
        }
        let stops = |c: char| c.is_whitespace() || matches!(c, ';' | '|' | '&');
        let length = match first {
            ';' | '|' | '&' | '\n' => 1,
            _ => skipped.find(stops).unwrap_or(skipped.len()),
        };
        let start = at;
        at += length;
        let word = script.get(start..at)?;
        // a new line ends a command, unless it is continued
        let continues = word == "\n" && script.get(..start)?.ends_with('\\');
        Some((
            start,
            if word == "\n" && !continues {
                ";"
            } else {
                word
            },
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(script: &str) -> Vec<&str> {
        let mut command = Command::default();
        words(script)
            .filter_map(|(at, word)| {
                let (span, _, _) = command.take(word)?;
                script.get(at + span.start..at + span.end)
            })
            .collect()
    }

    #[test]
    fn words_after_a_flag_are_found() {
        assert_eq!(
            found("app --password 'correct horse' -v"),
            ["correct horse"]
        );
        assert_eq!(found("/usr/bin/mysql -u root -phunter2 shop"), ["hunter2"]);
        assert_eq!(found("redis-cli -a hunter2 ping"), ["hunter2"]);
        assert_eq!(found("curl -s -u \"joe:hunter2\" https://x"), ["hunter2"]);
        assert_eq!(
            found("docker login \\\n -u joe -p hunter2 registry.example"),
            ["hunter2"]
        );
    }

    #[test]
    fn passwords_that_are_handed_to_programs_are_found() {
        assert_eq!(found("htpasswd -bc /etc/f joe hunter2"), ["hunter2"]);
        assert_eq!(found("htpasswd -nbBC 10 joe hunter2 > f"), ["hunter2"]);
        assert_eq!(found("htpasswd -b -C 10 f joe 'hunter2'"), ["hunter2"]);
        assert_eq!(
            found("openssl rsa -passin pass:hunter2 -in a -passout env:X"),
            ["hunter2"]
        );
        assert_eq!(
            found("openssl enc -aes-256-cbc -k hunter2 -in a"),
            ["hunter2"]
        );
        for script in [
            "echo \"root:hunter2\" | chpasswd",
            "set -e; echo root:hunter2 | sudo /usr/sbin/chpasswd\n",
            "printf 'root:hunter2\\n' | chpasswd",
            "echo -n hunter2 | docker login -u joe --password-stdin r.example",
            "chpasswd <<< root:hunter2",
            "sudo chpasswd <<<\"root:hunter2\" && echo done",
            "docker login -u joe --password-stdin r.example <<< 'hunter2'",
        ] {
            let mut all = Vec::new();
            add_of_script(script, &mut all);
            let values: Vec<_> = all
                .into_iter()
                .map(|one| script.get(one.span).unwrap_or_default())
                .collect();
            assert_eq!(values, ["hunter2"], "{script}");
        }
        for script in [
            "echo \"root:$PASSWORD\" | chpasswd",
            "echo 'root:hunter2' | chpasswd -e",
            "cat file | chpasswd",
            "chpasswd <<< \"root:$PASSWORD\"",
            "chpasswd -e <<< 'root:hunter2'",
            "chpasswd < file",
            "chpasswd; cat <<< 'root:hunter2'",
            "echo \"$PASSWORD\" | docker login --password-stdin",
            "aws ecr get-login-password | docker login --password-stdin r",
            "htpasswd -c f joe",
            "htpasswd -bc f joe \"$PASSWORD\"",
            "chpasswd",
            "é|chpasswd",
        ] {
            let mut all = Vec::new();
            add_of_script(script, &mut all);
            assert_eq!(all, [], "{script}");
        }
    }

    #[test]
    fn other_flags_and_references_are_not() {
        for script in [
            "mysql -p\"$PASSWORD\" shop",
            "mkdir -p /var/lib",
            "docker buildx build --secret id=mysecret1,src=/x .",
            "adduser --disabled-password app",
            "createdb --no-password app",
            "mysqladmin --skip-password root",
            "app --ask-vault-password site.yml",
            "docker run -p 8080:80 web",
            "docker login --password-stdin registry.example",
            "app --password $(cat /run/secret) --token",
            "mysql -e x; tar -pxf file",
            "kubectl get secret --token-file t",
        ] {
            assert!(found(script).is_empty(), "{script}");
        }
    }
}
