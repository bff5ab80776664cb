//! `key = value` and its kin, wherever a text has them: files, flags, queries, connection strings.

use std::ops::Range;

use super::connections;
use super::declared;
use super::entropy::is_name;
use super::found::{By, Found};
use super::headers::is_login;
use super::names::{Speaks, is_repeated, speaks};
use super::nested;
use super::references;
use super::scan::Reading;
use super::states;
use super::templates;
use super::values::judge;
use crate::Severity;

/// Longest value, bytes.
const LONGEST: usize = 1024;
/// Most blanks around a separator.
const BLANKS: usize = 40;
/// How far before a key its connection string is looked at, bytes.
pub(super) const BEFORE: usize = 400;

/// How far behind `name: NAME` its `value:` may stand, bytes.
const NAMED: usize = 200;

/// What stands between a key and its value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Equals,
    Colon,
    /// The end of an opening tag.
    Tag,
}

/// A value, and how it is written.
struct Written<'a> {
    text: &'a str,
    start: usize,
    quoted: bool,
    /// The byte behind it.
    next: Option<u8>,
}

/// What is known where a key stands.
pub(super) struct Context<'a> {
    pub(super) reading: Reading,
    /// Whether a comment of several lines is around it.
    pub(super) commented: bool,
    /// What the last `name: NAME` said of the `value:` that follows it, and where that ended.
    pub(super) named: &'a mut Option<(Speaks, usize)>,
}

/// Looks at a word as a key.
pub(super) fn pair(text: &str, key: &Range<usize>, context: Context<'_>, found: &mut Found) {
    let Context {
        reading,
        commented,
        named,
    } = context;
    let Some((sign, at, spaced)) = separator(text, key) else {
        return;
    };
    let Some(name) = text.get(key.clone()) else {
        return;
    };
    if references::is_one(text, key, sign == Sign::Colon) {
        if !commented
            && let Some(span) = references::default(text, key)
            && let Some(speaks) = speaks(name)
            && let Some(value) = text.get(span.clone())
            && let Some((kind, severity)) = judge(speaks, value)
        {
            found.add(By::Name, kind, span, severity);
        }
        return;
    }
    let connection = connections::is_key(name);
    let speaks = match name {
        // `key=` as an attribute, not the `key:` of a secretKeyRef
        "name" | "key" if name == "name" || sign == Sign::Equals => {
            let value = written(text, at, sign, spaced);
            *named = value.and_then(|value| Some((speaks(value.text)?, value.start)));
            return;
        }
        "value" => named.take().filter(|(_, end)| key.start < end + NAMED),
        _ => None,
    }
    .map_or_else(|| speaks(name), |(of_name, _)| Some(of_name));
    // a comment is read for connection strings, not for names
    let speaks = speaks.filter(|_| !commented);
    if !connection && speaks.is_none() {
        return;
    }
    if sign == Sign::Colon
        && reading == Reading::Text
        && let Some(speaks) = speaks
        && let Some(span) = nested::block(text, key, at)
    {
        let value = text.get(span.clone()).unwrap_or_default();
        if let Some((kind, severity)) = judge(speaks, value) {
            found.add(By::Name, kind, span, severity);
        }
        return;
    }
    if let Some(span) = templates::default(text, at) {
        let value = text.get(span.clone()).unwrap_or_default();
        if let Some((kind, severity)) = speaks.and_then(|speaks| judge(speaks, value))
            && !is_comment(before(text, key.start))
        {
            found.add(By::Name, kind, span, severity);
        }
        return;
    }
    if sign == Sign::Colon
        && reading == Reading::Text
        && let Some(speaks) = speaks
        && let Some((span, value)) = nested::token_of_lines(text, key, at)
        && let Some((kind, severity)) = judge(speaks, &value)
    {
        found.add(By::Name, kind, span, severity);
        return;
    }
    if let Some(span) = connections::in_braces(before(text, key.start), text, name, at) {
        let value = text.get(span.clone()).unwrap_or_default();
        if let Some((_, severity)) = judge(Speaks::Password, value) {
            found.add(
                By::Place,
                "a password in a connection string",
                span,
                severity,
            );
        }
        return;
    }
    let Some(mut value) = written(text, at, sign, spaced) else {
        return;
    };
    // `##vso[task.setvariable variable=NAME;issecret=true]VALUE` of Azure Pipelines
    if name.eq_ignore_ascii_case("issecret")
        && let Some((switch, set)) = value.text.split_once(']')
    {
        value.start += switch.len() + 1;
        value.text = set;
    }
    let speaks = match speaks {
        Some(Speaks::Perhaps) if sign == Sign::Colon && name.eq_ignore_ascii_case("key") => {
            let at =
                key.start - usize::from(text.get(..key.start).is_some_and(|b| b.ends_with('"')));
            nested::of_parent(text, at, value.text).or(speaks)
        }
        _ => speaks,
    };
    let before = before(text, key.start);
    let span = value.start..value.start + value.text.len();
    // a command of a shell, whose output is the value
    if reading == Reading::Text && value.next == Some(b'`') && sign == Sign::Equals {
        return;
    }
    if connection && let Some(kind) = connections::kind(before, text, key.start, name, value.text) {
        found.add(By::Place, kind, span, Severity::Error);
        return;
    }
    if value.quoted && name.eq_ignore_ascii_case("auth") && is_login(value.text) {
        found.add(By::Place, "a login of a registry", span, Severity::Error);
        return;
    }
    let Some(speaks) = speaks else { return };
    // what stands in a string is code's value too: a connection string
    let is_unread = reading == Reading::Code && !connections::is_database(before);
    if is_comment(before) || (!value.quoted && (is_unread || is_code(&value, name))) {
        return;
    }
    let says_state = || {
        sign == Sign::Colon
            && (states::is_service(name, value.text)
                || (!value.quoted && states::is_told(before, name, text, &span)))
    };
    if let Some((kind, severity)) = judge(speaks, value.text)
        && !is_repeated(name, value.text, speaks)
        && !says_state()
    {
        let (by, kind) = match speaks {
            Speaks::Password if connections::is_database(before) => {
                (By::Place, "a password in a connection string")
            }
            _ => (By::Name, kind),
        };
        found.add(by, kind, span, severity);
    }
}

/// Looks at a word of source text as a name that is declared with a type.
pub(super) fn declared(text: &str, name: &Range<usize>, found: &mut Found) {
    let Some(speaks) = text.get(name.clone()).and_then(speaks) else {
        return;
    };
    let Some(at) = declared::value(text, name) else {
        return;
    };
    let Some(value) = written(text, at, Sign::Equals, true).filter(|value| value.quoted) else {
        return;
    };
    let before = before(text, at);
    let is_macro = before.trim_start().trim_start_matches('#').trim_start();
    if is_comment(before) && !is_macro.starts_with("define") {
        return;
    }
    if let Some((kind, severity)) = judge(speaks, value.text)
        && !text
            .get(name.clone())
            .is_some_and(|name| is_repeated(name, value.text, speaks))
    {
        let span = value.start..value.start + value.text.len();
        found.add(By::Name, kind, span, severity);
    }
}

/// Directives of Redis and of LDAP, which have a blank for a sign.
pub(super) fn directive(text: &str, key: &Range<usize>, found: &mut Found) {
    let name = text.get(key.clone()).unwrap_or_default();
    let starts_line = text
        .as_bytes()
        .get(..key.start)
        .is_some_and(|before| before.last().is_none_or(|byte| *byte == b'\n'));
    if !matches!(name, "requirepass" | "masterauth" | "bindpw" | "rootpw") || !starts_line {
        return;
    }
    let rest = text
        .get(key.end..)
        .and_then(skip_blanks)
        .unwrap_or_default();
    if let Some(value) = written(text, text.len() - rest.len(), Sign::Equals, false)
        && let Some((kind, severity)) = judge(Speaks::Password, value.text)
        // an option, and the scheme of a hash
        && !value.text.starts_with(['-', '{'])
    {
        let span = value.start..value.start + value.text.len();
        found.add(By::Name, kind, span, severity);
    }
}

/// The sign behind a key, where the value may begin, and whether blanks stand around the sign.
fn separator(text: &str, key: &Range<usize>) -> Option<(Sign, usize, bool)> {
    let rest = text.get(key.end..)?;
    let after_quote = rest
        .strip_prefix("\\\"")
        .or_else(|| rest.strip_prefix(['"', '\'', '`']))
        .unwrap_or(rest);
    let sign_at = skip_blanks(after_quote)?;
    let (sign, rest) = if let Some(rest) = sign_at
        .strip_prefix(":=")
        .or_else(|| sign_at.strip_prefix("=>"))
    {
        (Sign::Equals, rest)
    } else if let Some(rest) = sign_at.strip_prefix('=') {
        (Sign::Equals, rest)
    } else if let Some(rest) = sign_at.strip_prefix(':') {
        (Sign::Colon, rest)
    } else {
        let rest = sign_at.strip_prefix('>')?;
        let opens = text.get(..key.start)?.ends_with('<');
        (opens && sign_at.len() == after_quote.len()).then_some((Sign::Tag, rest))?
    };
    if rest.starts_with(['=', ':', '~']) || (sign == Sign::Colon && rest.starts_with("//")) {
        return None;
    }
    let value = skip_blanks(rest)?;
    let spaced = sign_at.len() != after_quote.len() || value.len() != rest.len();
    Some((sign, text.len() - value.len(), spaced))
}

/// The text behind blanks; nothing where there are too many.
fn skip_blanks(text: &str) -> Option<&str> {
    let blanks = text
        .bytes()
        .take(BLANKS)
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    text.get(blanks..).filter(|_| blanks < BLANKS)
}

/// How long a value is that ends at such a byte or with the text; nothing where it is too long.
pub(super) fn end(from: &str, ends: impl Fn(u8) -> bool) -> Option<usize> {
    let bytes = from.as_bytes();
    let bytes = bytes.get(..=LONGEST).unwrap_or(bytes);
    let length = bytes.iter().position(|byte| ends(*byte));
    length.or((bytes.len() <= LONGEST).then_some(bytes.len()))
}

/// Whether a text stands between two others, as in `"password=" + password + ";"`.
fn is_joined(between: &str) -> bool {
    let bare = between.trim();
    let signs = ['+', '.', '&', '|', '%'];
    bare.starts_with(signs) && (between.starts_with(' ') || bare.ends_with(signs))
}

fn written(text: &str, at: usize, sign: Sign, spaced: bool) -> Option<Written<'_>> {
    let rest = text.get(at..)?;
    // `r"…"`, `b"…"` and `@"…"` are texts too
    let (at, rest) = match rest.as_bytes() {
        [b'r' | b'b' | b'u' | b'@' | b'L' | b'N', b'"' | b'\'', ..] => (at + 1, rest.get(1..)?),
        _ => (at, rest),
    };
    let made = |start: usize, length: usize, quoted| {
        Some(Written {
            text: text
                .get(start..start + length)
                .filter(|value| !value.is_empty())?,
            start,
            quoted,
            next: text.as_bytes().get(start + length).copied(),
        })
    };
    if let Some(inner) = rest.strip_prefix("\\\"") {
        let length = end(inner, |b| matches!(b, b'\\' | b'\n'))?;
        return made(at + 2, length, true);
    }
    if let Some(quote) = rest
        .bytes()
        .next()
        .filter(|b| matches!(b, b'"' | b'\'' | b'`'))
    {
        let inner = rest.get(1..)?;
        let length = end(inner, |b| b == quote || b == b'\n')?;
        // an odd quotation mark is none, and the mark may end a text that others are joined to
        return made(at + 1, length, true)
            .filter(|value| value.next == Some(quote) && !is_joined(value.text));
    }
    let length = match sign {
        Sign::Tag => end(rest, |b| matches!(b, b'<' | b'\n'))?,
        Sign::Equals => end(rest, |b| {
            matches!(b, b';' | b'&' | b'"' | b'\'' | b'`' | b')' | b'\\') || b.is_ascii_whitespace()
        })?,
        Sign::Colon => end(rest, |b| matches!(b, b'\n' | b'\r' | b'}' | b'"'))?,
    };
    let line = rest.get(..length)?;
    let value = match sign {
        Sign::Colon => line
            .split(" #")
            .next()
            .unwrap_or(line)
            .split(", ")
            .next()
            .unwrap_or(line),
        _ => line,
    };
    let value = value.trim_end().trim_end_matches(',');
    // a sentence is no value
    let mut tail = rest.bytes().skip(value.len()).take(BLANKS);
    let next = tail.find(|b| !matches!(b, b' ' | b'\t' | b'\r'));
    let alone = matches!(next, None | Some(b'\n' | b'#' | b';' | b',' | b'}'));
    let fits = match sign {
        Sign::Tag => rest
            .get(length..)
            .is_some_and(|rest| rest.starts_with("</")),
        Sign::Equals => !spaced || alone,
        Sign::Colon => !value.contains(char::is_whitespace) && (spaced || alone),
    };
    made(at, value.len(), false).filter(|_| fits)
}

/// Whether a value without quotation marks is an expression of a program, or a mark of YAML.
fn is_code(value: &Written<'_>, name: &str) -> bool {
    let text = value.text;
    text.starts_with(['|', '>', '*', '&'])
        || text.contains(['(', '[', '{', '<'])
        || value.next == Some(b'(')
        || (matches!(value.next, Some(b')' | b',')) && name.ends_with(text))
        // `config.password` and `self.token`
        || (text.contains('.') && is_name(text) && !text.contains(['-', '_', '/']))
}

/// The part of the line before a key, as far as it is looked at.
pub(super) fn before(text: &str, key: usize) -> &str {
    let mut from = key.saturating_sub(BEFORE);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let part = text.get(from..key).unwrap_or_default();
    part.rsplit('\n').next().unwrap_or(part)
}

/// Whether a line is a comment: what it says of passwords is an example.
pub(super) fn is_comment(before: &str) -> bool {
    let line = before.trim_start();
    ["#", ";", "//", "<!--"]
        .iter()
        .any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::super::made::{found, holds_none};
    use super::super::{Reading, credentials_in};

    #[test]
    fn keys_and_values_of_files_are_found() {
        for (before, after) in [
            ("password=", "\n"),
            ("spring.datasource.password = ", "\nx = y\n"),
            ("db:\n  password: ", "\n  host: h\n"),
            ("{\"user\": \"joe\", \"password\": \"", "\"}"),
            ("{\\\"password\\\": \\\"", "\\\"}"),
            ("<password>", "</password>"),
            ("export PGPASSWORD=", "; psql"),
            ("app --db-password=", " --verbose"),
            ("-Ddb.password=", ""),
            ("host=db user=joe password=", " dbname=shop"),
            ("password: '", "' # the old one"),
            ("passwd: ", "\n"),
            ("sed -i \"s/password=.*/password=", "\" x"),
            ("echo \"password: ", "\""),
            ("<!-- a\n b -->\n<password>", "</password>"),
            ("x = \"<!--\"\npassword=", "\n"),
            ("{user: joe, password: ", "}"),
            ("https://host/?user=joe&password=", "&x=y"),
            ("- name: DB_PASSWORD\n  value: ", "\n"),
            ("<add key=\"DbPassword\" value=\"", "\" />"),
            ("url: jdbc:x\npassword: ${DB_PASSWORD:", "}"),
            ("PASSWORD=${DB_PASSWORD:-", "}"),
            ("$password = \"", "\";"),
            ("uri ldap://h\nbindpw   ", "\n"),
            ("rootpw\t", "\n"),
            ("bindpw: ", "\n"),
            ("maxmemory 1\nrequirepass ", "\nport 1"),
        ] {
            let text = format!("{before}hunter2{after}");
            assert_eq!(found(&text), [("a password", "hunter2")], "{text}");
        }
    }

    #[test]
    fn variables_of_azure_pipelines_are_values() {
        let text = "echo \"##vso[task.setvariable variable=T;issecret=true]hunter2\"";
        assert_eq!(found(text), [("a secret", "hunter2")]);
    }

    #[test]
    fn sentences_code_and_references_are_left_alone() {
        for text in [
            "password: the password of the user",
            "The password = something you know, or so.",
            "password = os.environ[\"DB_PASSWORD\"]",
            "password = get_password()",
            "connect(user=user, password=password)",
            "password=self.config.password",
            "if password == \"hunter2\":",
            "password: |\n  x",
            "password: &p\n",
            "password: ${DB_PASSWORD}\n",
            "PASSWORD=$(cat /run/secrets/db)",
            "PASSWORD=\"$1\"",
            "PASSWORD=`cat /run/secrets/pw`",
            "export PASSWORD=`cat /run/secrets/pw`; run",
            "password_file: /run/secrets/db\n",
            "# password: hunter2\n",
            ";admin_password = admin\n",
            "password_encryption = scram-sha-256\n",
            "password:\n  secretKeyRef: x\n",
            "token: {{ .Values.token }}",
            "secretName: hunter2",
            "rootpw {SSHA}hunter2",
            "rootpw --iscrypted hunter2",
            "the bindpw hunter2",
            "- name: DB_USER\n  value: hunter2\n",
            "password://hunter2",
            "passwd:         files\ngroup:          files systemd\n",
            "passwd: compat",
            "passwd:\tsss files\n",
            "echo \"##vso[task.setvariable variable=T;issecret=true]$T\"",
            "password.encoder.iterations=4096",
            "echo \"password: missing\"",
            "[ -n \"$P\" ] || log_error 'the password: incorrect, exiting'",
            "sed -i \"s/password=.*/password=$P/\" x",
            "{\"Output\":\"--- PASS: TestAscii\\n\"}",
            "{\"secret\": \"Secret references a k8s Secret that contains the value\"}",
            "{\"encryptionKey\": \"encryptionKey1024\"}",
            "credNameUserPassword = \"UsernamePasswordCredential\"",
            "<a><!-- the old ones:\n<password>hunter2</password>\n<add key=\"OldPassword\" value=\"hunter2\"/>\n--></a>",
        ] {
            holds_none(text);
        }
    }

    #[test]
    fn source_files_hold_what_is_quoted() {
        let count = |text| credentials_in(None, text, Reading::Code).len();
        assert_eq!(count("password = 'hunter2'"), 1);
        assert_eq!(count("password = hunter2"), 0);
        for text in [
            "u = \"jdbc:sqlserver://h;user=sa;password=\" + password + \";encrypt=true\"",
            "u = \"Server=h;User Id=sa;Password=\"+password+\";\"",
            "$u = 'Server=h;Password=' . $password . ';'",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
