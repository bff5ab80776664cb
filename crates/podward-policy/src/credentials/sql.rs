//! Passwords of SQL statements: `CREATE USER app WITH PASSWORD '…'`, `IDENTIFIED BY '…'`.

use std::ops::Range;

use super::found::{By, Found};
use super::names::Speaks;
use super::pairs::{before, is_comment};
use super::values::judge;
use crate::Severity;

/// Most blanks before a value.
const BLANKS: usize = 8;
/// Longest value, bytes.
const LONGEST: usize = 256;

/// Words one of which stands before `PASSWORD '…'` in the statement's line.
const STATEMENTS: &[&str] = &[
    "with",
    "encrypted",
    "unencrypted",
    "identified",
    "create user",
    "create role",
    "alter user",
    "alter role",
    "alter login",
];

/// Looks at the words `PASSWORD` and `BY`, whether a value in quotation marks follows.
pub(super) fn statement(text: &str, word: &Range<usize>, found: &mut Found) {
    let name = text.get(word.clone()).unwrap_or_default();
    let is_by = name.eq_ignore_ascii_case("by");
    if !is_by && !name.eq_ignore_ascii_case("password") {
        return;
    }
    let quoted = quoted(text, word.end, is_by);
    let is_bare = quoted.is_none();
    let bare = || bare(text, word.end).filter(|_| is_by);
    let Some(value) = quoted.or_else(bare) else {
        return;
    };
    let line = before(text, word.start).to_ascii_lowercase();
    let is_statement = if is_bare {
        line.trim_end().ends_with("identified") && BARE.iter().any(|word| line.contains(word))
    } else if is_by {
        line.contains("identified")
    } else {
        STATEMENTS.iter().any(|word| line.contains(word))
    };
    if !is_statement || is_comment(&line) || line.trim_start().starts_with("--") {
        return;
    }
    let held = text.get(value.clone()).unwrap_or_default();
    if is_hash(held) {
        let kind = "the hash of a password";
        found.add(By::Place, kind, value, Severity::Warning);
    } else if let Some((kind, severity)) = judge(Speaks::Password, held) {
        found.add(By::Place, kind, value, severity);
    }
}

/// Words one of which stands before `IDENTIFIED BY …` where its value has no quotation marks.
const BARE: &[&str] = &["create user", "alter user", "create role", "alter role"];

/// What behind `IDENTIFIED BY` is no password.
const NO_VALUES: &[&str] = &["password", "random", "values"];

/// The word behind blanks, as Oracle takes one. A variable or a placeholder is none.
fn bare(text: &str, from: usize) -> Option<Range<usize>> {
    let rest = text.get(from..)?;
    let blanks = rest.bytes().take(BLANKS).take_while(|b| *b == b' ').count();
    let value = rest.get(blanks..)?;
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'#');
    let length = value.bytes().take(LONGEST).take_while(is_part).count();
    let word = value.get(..length)?;
    let ends = value.as_bytes().get(length);
    let ends = ends.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b';' | b'"' | b'\''));
    let is_word = word.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_value = !NO_VALUES.iter().any(|none| word.eq_ignore_ascii_case(none));
    let start = from + blanks;
    (ends && is_word && is_value).then_some(start..start + length)
}

/// The text in quotation marks behind blanks. One that other texts are joined to is none.
fn quoted(text: &str, from: usize, double: bool) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(from..)?;
    let blanks = rest.iter().take(BLANKS).take_while(|b| **b == b' ').count();
    let quote = *rest.get(blanks)?;
    if quote != b'\'' && !(double && quote == b'"') {
        return None;
    }
    let start = from + blanks + 1;
    let inner = rest.get(blanks + 1..)?;
    let inner = inner.get(..LONGEST).unwrap_or(inner);
    let length = inner.iter().position(|b| *b == quote || *b == b'\n')?;
    let value = text.get(start..start + length)?;
    let closes = inner.get(length) == Some(&quote);
    let joined = value.contains(['"', '`']) || value.trim() != value;
    (closes && !joined).then_some(start..start + length)
}

/// How `PostgreSQL` and `MySQL` keep a password.
fn is_hash(value: &str) -> bool {
    let is_hex = |hex: &str| hex.bytes().all(|b| b.is_ascii_hexdigit());
    value.starts_with("SCRAM-SHA-256$")
        || value
            .strip_prefix("md5")
            .is_some_and(|hex| hex.len() == 32 && is_hex(hex))
        || value
            .strip_prefix('*')
            .is_some_and(|hex| hex.len() == 40 && is_hex(hex))
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::super::made::{found, found_in, hex, holds_none};

    #[test]
    fn passwords_of_statements_are_found() {
        for text in [
            "CREATE USER app WITH PASSWORD 'hunter2';",
            "create role app login password 'hunter2'",
            "ALTER USER postgres PASSWORD 'hunter2';",
            "psql -c \"ALTER ROLE app WITH LOGIN ENCRYPTED PASSWORD 'hunter2'\"",
            "CREATE USER 'app'@'%' IDENTIFIED BY 'hunter2';",
            "CREATE USER app IDENTIFIED WITH mysql_native_password BY 'hunter2';",
            "CREATE USER scott IDENTIFIED BY \"hunter2\";",
            "CREATE USER scott IDENTIFIED BY hunter2;",
            "echo \"ALTER USER scott IDENTIFIED BY hunter2\" | sqlplus / as sysdba",
            "CREATE USER scott IDENTIFIED BY hunter2 DEFAULT TABLESPACE users;",
            "CREATE LOGIN app WITH PASSWORD = N'hunter2';",
        ] {
            for reading in [Reading::Text, Reading::Code] {
                let values: Vec<_> = found_in(text, reading)
                    .into_iter()
                    .map(|(_, value)| value)
                    .collect();
                assert_eq!(values, ["hunter2"], "{text}");
            }
        }
        let hash = format!("md5{}", hex(32));
        let text = format!("CREATE USER app PASSWORD '{hash}'");
        assert_eq!(found(&text), [("the hash of a password", hash.as_str())]);
    }

    #[test]
    fn other_statements_are_left_alone() {
        for text in [
            "CREATE USER app WITH PASSWORD '$DB_PASSWORD';",
            "CREATE USER app WITH PASSWORD '${DB_PASSWORD}';",
            "CREATE USER app WITH PASSWORD :'password';",
            "sql = \"CREATE USER app WITH PASSWORD '\" + password + \"'\"",
            "sql = f\"CREATE USER app IDENTIFIED BY '{password}'\"",
            "sql = \"IDENTIFIED BY \" + password + \" x\"",
            "-- CREATE USER app WITH PASSWORD 'hunter2'",
            "the field password 'is empty'",
            "CREATE USER scott IDENTIFIED BY &password;",
            "CREATE USER scott IDENTIFIED BY $PASSWORD;",
            "CREATE USER scott IDENTIFIED BY VALUES 'S:hunter2'",
            "CREATE USER scott IDENTIFIED BY password",
            "CREATE USER scott IDENTIFIED BY DB_PASSWORD;",
            "each is identified by name123 alone",
            "users are created and identified by name123",
            "ORDER BY 'hunter2'",
            "identified by 'hunter2",
        ] {
            holds_none(text);
        }
    }
}
