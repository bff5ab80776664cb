//! User and password in a URL, and web hooks that are secret as a whole.

use std::ops::Range;

use super::entropy::{bits, is_random, mix};
use super::found::{By, Found};
use super::names::Speaks;
use super::pairs::{before, is_comment};
use super::values::judge;
use crate::Severity;

/// Longest user, password and host together, bytes.
const AUTHORITY: usize = 512;
/// Longest user and password before the protocol of a driver, bytes.
const LOGIN: usize = 200;
/// Longest host that is looked at, bytes.
const HOST: usize = 128;
/// Longest rest of a web hook, bytes.
const HOOK: usize = 128;

/// Looks at the `:` at `colon`, before which the word `scheme` stands.
pub(super) fn userinfo(text: &str, scheme: &Range<usize>, colon: usize, found: &mut Found) {
    let Some(rest) = text.get(colon..).and_then(|rest| rest.strip_prefix("://")) else {
        if matches!(text.get(scheme.clone()), Some("thin" | "oci")) && scheme.end == colon {
            oracle(text, colon, found);
        }
        return;
    };
    // `mongodb+srv` is two words
    let start = colon + 3;
    if scheme.end != colon || scheme.is_empty() {
        return;
    }
    if rest.starts_with("hooks.slack.com/services/") {
        hook(rest, start, found);
        return;
    }
    let ends = |b: &u8| {
        matches!(
            b,
            b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\'
        ) || b.is_ascii_whitespace()
    };
    let bytes = rest.as_bytes();
    let length = bytes.iter().take(AUTHORITY).position(ends);
    let length = length.unwrap_or(bytes.len().min(AUTHORITY));
    let authority = bytes.get(..length).unwrap_or_default();
    if has_properties(authority) {
        return;
    }
    let Some(host) = authority.iter().rposition(|b| *b == b'@') else {
        return;
    };
    let Some(info) = rest.get(..host) else { return };
    if host + 1 >= length {
        return;
    }
    let Some((user, password)) = info.split_once(':') else {
        // `https://TOKEN@host`
        if is_random(info) && !is_dsn(info, rest.get(host + 1..).unwrap_or_default()) {
            found.add(
                By::Place,
                "a token in a URL",
                start..start + host,
                Severity::Error,
            );
        }
        return;
    };
    let is_template = |part: &str| {
        part.contains("$(") || part.contains("${") || part.contains("{{") || part.starts_with('[')
    };
    if is_template(user) || is_template(info) {
        return;
    }
    if let Some((kind, severity)) = judge(Speaks::Password, password) {
        if severity < Severity::Error && is_comment(before(text, scheme.start)) {
            return;
        }
        let kind = match kind {
            "a password" => "a password in a URL",
            _ => "a default password in a URL",
        };
        let at = start + user.len() + 1;
        found.add(By::Place, kind, at..start + host, severity);
    }
}

/// `jdbc:oracle:thin:USER/PASSWORD@…`, whose last colon stands here.
fn oracle(text: &str, colon: usize, found: &mut Found) {
    let before = text.get(..colon).unwrap_or_default();
    let rest = text.get(colon + 1..).unwrap_or_default();
    let bytes = rest.as_bytes().get(..AUTHORITY).unwrap_or(rest.as_bytes());
    let is_end = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'@' | b'<');
    let length = bytes.iter().position(is_end).unwrap_or_default();
    let info = rest.get(..length).unwrap_or_default();
    let names_oracle = ["jdbc:oracle:thin", "jdbc:oracle:oci"];
    if names_oracle.iter().any(|name| before.ends_with(name))
        && bytes.get(length) == Some(&b'@')
        && let Some((user, password)) = info.split_once('/')
    {
        let at = colon + 1 + user.len() + 1;
        connection(password, at, found);
    }
}

/// `USER:PASSWORD@tcp(…)`, as drivers of Go have it; the word is the protocol.
pub(super) fn driver(text: &str, word: &Range<usize>, found: &mut Found) {
    let protocols = ["tcp", "tcp4", "tcp6", "unix"];
    let is_protocol = text
        .get(word.clone())
        .is_some_and(|word| protocols.contains(&word));
    let Some(end) = word.start.checked_sub(1).filter(|_| is_protocol) else {
        return;
    };
    let from = end.saturating_sub(LOGIN);
    let bytes = text.as_bytes().get(from..end).unwrap_or_default();
    let is_end = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<');
    let start = match bytes.iter().rposition(is_end) {
        Some(at) => from + at + 1,
        None if from == 0 => 0,
        None => return,
    };
    let info = text.get(start..end).unwrap_or_default();
    if info.contains("://") {
        return;
    }
    if let Some((user, password)) = info.split_once(':') {
        connection(password, start + user.len() + 1, found);
    }
}

/// A password of a connection string that has no keys.
fn connection(password: &str, at: usize, found: &mut Found) {
    if let Some((kind, severity)) = judge(Speaks::Password, password) {
        let kind = match kind {
            "a password" => "a password in a connection string",
            _ => "a default password in a connection string",
        };
        found.add(By::Place, kind, at..at + password.len(), severity);
    }
}

/// Whether a user and what follows the `@` are a DSN of Sentry, whose key is public:
/// `https://KEY@host/PROJECT`.
fn is_dsn(user: &str, rest: &str) -> bool {
    let rest = rest.get(..HOST.min(rest.len())).unwrap_or_default();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let project = path.bytes().take_while(u8::is_ascii_digit).count();
    let behind = path.as_bytes().get(project);
    user.len() == 32
        && user.bytes().all(|b| b.is_ascii_hexdigit())
        && (host.contains("sentry")
            || (project > 0 && behind.is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'/')))
}

/// Whether properties follow the host, as in `jdbc:sqlserver://HOST:1433;user=joe@host;password=…`:
/// what looks like a password before the `;` is a port, and a key and `=` stand behind it.
fn has_properties(authority: &[u8]) -> bool {
    let mut parts = authority.split(|b| *b == b';');
    let host = parts.next().unwrap_or_default();
    let port = host.iter().position(|b| *b == b':');
    let port = port.and_then(|at| host.get(at + 1..)).unwrap_or_default();
    let is_key = |part: &[u8]| {
        let key = part.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        key > 0 && part.get(key) == Some(&b'=')
    };
    !host.contains(&b'@') && port.iter().all(u8::is_ascii_digit) && parts.next().is_some_and(is_key)
}

/// Whether the last part of a web hook is drawn: its place tells the rest, so it need not have a digit.
fn is_hook(token: &str) -> bool {
    let mix = mix(token.as_bytes());
    let is_mixed = mix.digit || (mix.lower && mix.upper);
    token.len() >= 16 && is_mixed && bits(token.as_bytes()) >= 3.0
}

/// `https://hooks.slack.com/services/T…/B…/…`: who knows it may write.
fn hook(rest: &str, start: usize, found: &mut Found) {
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.');
    let length = rest.bytes().take(HOOK).take_while(|b| is_part(b)).count();
    let url = rest.get(..length).unwrap_or_default();
    let token = url.rsplit('/').next().unwrap_or_default();
    if url.split('/').count() == 5 && is_hook(token) {
        let at = start + length - token.len();
        found.add(
            By::Form,
            "a Slack web hook",
            at..start + length,
            Severity::Error,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::super::made::{found, found_in, holds_none, letters};

    #[test]
    fn passwords_in_urls_are_found() {
        for (before, after) in [
            ("https://joe:", "@host/path"),
            ("postgres://joe:", "@db.example:5432/shop?sslmode=require"),
            ("mongodb+srv://joe:", "@c.example/"),
            ("redis://:", "@cache:6379"),
            ("jdbc:postgresql://joe:", "@db/x"),
            ("amqp://joe:", "@mq"),
        ] {
            let url = format!("{before}hunter2{after}");
            assert_eq!(found(&url), [("a password in a URL", "hunter2")], "{url}");
        }
        let token = letters(40);
        let url = format!("git clone https://{token}@host/repo.git");
        assert_eq!(found(&url), [("a token in a URL", token.as_str())]);
        assert_eq!(
            found("amqp://guest:guest@mq"),
            [("a default password in a URL", "guest")]
        );
    }

    #[test]
    fn connection_strings_without_keys_are_read() {
        for text in [
            "root:hunter2@tcp(db:3306)/app?parseTime=true",
            "sql.Open(\"mysql\", \"root:hunter2@tcp(db:3306)/app\")",
            "DSN=root:hunter2@unix(/run/mysql.sock)/app",
            "jdbc:oracle:thin:scott/hunter2@//db:1521/x",
            "url = \"jdbc:oracle:oci:scott/hunter2@db\"",
        ] {
            for reading in [Reading::Text, Reading::Code, Reading::Form] {
                let wanted = [("a password in a connection string", "hunter2")];
                assert_eq!(found_in(text, reading), wanted, "{text}");
            }
        }
    }

    #[test]
    fn properties_behind_the_host_are_no_password() {
        let url = "jdbc:sqlserver://a.database.windows.net:1433;database=db;user=a@b;password=hunter2;encrypt=true;";
        let wanted = [("a password in a connection string", "hunter2")];
        assert_eq!(found(url), wanted);
        let quoted = format!("String url = \"{url}\";");
        for reading in [Reading::Text, Reading::Code] {
            assert_eq!(found_in(&quoted, reading), wanted, "{reading:?}");
        }
        // a password may hold the sign itself
        let url = "postgres://joe:hun;ter2@db/x";
        assert_eq!(found(url), [("a password in a URL", "hun;ter2")]);
    }

    #[test]
    fn urls_without_a_password_are_left_alone() {
        for url in [
            "https://host:8443/a@b:c",
            "https://joe@host/",
            "ssh://git@github.com/a/b",
            "postgres://$(USER):$(PASSWORD)@db",
            "postgres://joe:${PASSWORD}@db",
            "postgres://joe:$PASSWORD@db",
            "postgres://joe:{{ .password }}@db",
            "postgres://<user>:<password>@db",
            "https://joe:****@host",
            "# as in https://user:pass@host",
            "a://b:c@",
            "jdbc:oracle:thin:@db:1521:x",
            "jdbc:oracle:thin:@//db:1521/x",
            "jdbc:oracle:thin:scott/${PASSWORD}@//db:1521/x",
            "dsn := fmt.Sprintf(\"%s:%s@tcp(%s)/%s\", user)",
            "root:$PASSWORD@tcp(db:3306)/app",
            "root@tcp(db:3306)/app",
            "https://9f86d081884c7d659a2feaa0c55ad015@o1.ingest.sentry.io/2",
            "dsn: https://9f86d081884c7d659a2feaa0c55ad015@errors.example.com/42",
            "jdbc:sqlserver://a.database.windows.net:1433;database=db;user=a@b;authentication=ActiveDirectoryMSI",
            "jdbc:sqlserver://a.database.windows.net:1433;user=a@b;password=${PW};encrypt=true",
            "jdbc:sqlserver://a.database.windows.net;user=a@b",
            "://:x@y",
        ] {
            holds_none(url);
        }
    }

    #[test]
    fn web_hooks_are_found() {
        let token = letters(24);
        let url = format!("https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/{token}");
        assert_eq!(found(&url), [("a Slack web hook", token.as_str())]);
        for token in ["kd83jfFF2lsdkd83jfFF2lsd", "kdHsjfFFalsdJqwEjfWFolsd"] {
            let url = format!("https://hooks.slack.com/services/T0AB12CD3/B0AB12CD3/{token}");
            assert_eq!(found(&url), [("a Slack web hook", token)]);
        }
        holds_none("https://hooks.slack.com/services/YOUR/WEBHOOK/yourtokenofthehook");
        holds_none("https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX");
    }
}
