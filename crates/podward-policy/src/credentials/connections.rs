//! Connection strings of Azure and of databases, and shared access signatures.

use std::ops::Range;

use super::entropy::bits;
use super::found::{By, Found};
use super::pairs::BEFORE;
use super::values::{is_word, stands_for_another};
use crate::Severity;

/// Longest password in braces, bytes.
const LONGEST: usize = 256;

/// Keys of Azure's connection strings and shared access signatures.
pub(super) fn is_key(name: &str) -> bool {
    ["accountkey", "sharedaccesskey", "sig", "sharedsecret"]
        .into_iter()
        .any(|key| name.eq_ignore_ascii_case(key))
}

/// What a value of a connection string is, by its key, its length and what stands before it.
pub(super) fn kind(
    before: &str,
    text: &str,
    key: usize,
    name: &str,
    value: &str,
) -> Option<&'static str> {
    let is_base64 = value.len().is_multiple_of(4)
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    // the longest, a signature in percent encoding, is far below
    if !(40..=160).contains(&value.len()) {
        return None;
    }
    let random = bits(value.as_bytes()) >= 4.0;
    if name.eq_ignore_ascii_case("sig") {
        if !random {
            return None;
        }
        let after = text.as_bytes().get(key..).unwrap_or_default();
        let mut after = after.get(..BEFORE).unwrap_or(after).windows(4);
        let signed = before.contains("sv=") || after.any(|part| part == b"&sv=");
        return signed.then_some("a shared access signature");
    }
    if !is_base64 || !random || stands_for_another(value) {
        return None;
    }
    match (name.len(), value.len()) {
        (10, 88) if before.contains("documents.azure.") => Some("a key of Cosmos DB"),
        (10, 88) => Some("a key of a storage account"),
        (_, 44) if before.contains("sb://") => Some("a key of Service Bus or Event Hubs"),
        (_, 44) if before.contains("azure-devices.net") => Some("a key of IoT Hub"),
        (_, 44) => Some("a shared access key"),
        _ => None,
    }
}

/// Marks within newer keys of Azure: what stands there, how many characters before the `+` and
/// behind the mark, and whose key it is.
const MARKS: &[(&str, usize, usize, &str)] = &[
    ("ASt", 76, 8, "a key of a storage account"),
    ("ABa", 76, 8, "a key of a Batch account"),
    ("ASb", 33, 7, "a key of Service Bus or Event Hubs"),
    ("AEh", 33, 7, "a key of Service Bus or Event Hubs"),
    ("ARm", 33, 7, "a key of Azure Relay"),
    ("ACR", 42, 6, "a password of a container registry"),
];

/// Looks at a word behind a `+`: whether it is the marked end of a key of Azure.
pub(super) fn marked(text: &str, word: &Range<usize>, found: &mut Found) {
    let mark = text.get(word.start..word.start + 3).unwrap_or_default();
    let Some((_, before, behind, kind)) = MARKS.iter().find(|(known, ..)| *known == mark) else {
        return;
    };
    let Some(start) = word.start.checked_sub(before + 1) else {
        return;
    };
    let end = word.start + mark.len() + behind;
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let part = |from, to| text.get(from..to).unwrap_or_default();
    let bytes = text.as_bytes();
    let body = part(start, end).trim_end_matches('=');
    let ends = |at: Option<&u8>| at.is_none_or(|b| !is_part(*b) && *b != b'=');
    let begins = start
        .checked_sub(1)
        .is_none_or(|at| bytes.get(at).is_none_or(|b| !is_part(*b)));
    if begins
        && ends(bytes.get(end))
        && body.len() + 2 >= end - start
        && body.bytes().all(is_part)
        && bits(body.as_bytes()) >= 4.0
    {
        found.add(By::Form, kind, start..end, Severity::Error);
    }
}

/// Keys of a connection string before its password.
const OF_DATABASES: &[&str] = &["server", "data source", "host", "addr", "address"];

/// Whether a connection string of a database begins here: `Server=…;`, `jdbc:sqlserver://…;`, or
/// the address of one with a query.
pub(super) fn is_database(before: &str) -> bool {
    let of_url = before.contains("jdbc:") && before.contains("://");
    if of_url && before.ends_with(['?', '&', ';']) {
        return true;
    }
    before.contains(';')
        && before.match_indices('=').any(|(at, _)| {
            let part = before.get(..at).unwrap_or_default().trim_end();
            OF_DATABASES.iter().any(|key| {
                let from = part.len().checked_sub(key.len());
                let start = from.and_then(|from| part.split_at_checked(from));
                start.is_some_and(|(before, end)| {
                    end.eq_ignore_ascii_case(key) && !before.ends_with(char::is_alphanumeric)
                })
            })
        })
}

/// The password in the braces of ODBC: `Driver={…};Pwd={…}`. In a template, where braces stand for
/// something else, those of the driver are doubled.
pub(super) fn in_braces(before: &str, text: &str, name: &str, at: usize) -> Option<Range<usize>> {
    let is_password = ["pwd", "password"]
        .iter()
        .any(|key| name.eq_ignore_ascii_case(key));
    let rest = text.get(at..)?.strip_prefix('{').filter(|_| is_password)?;
    let before = before.to_ascii_lowercase();
    let driver = before.split_once("driver={").map(|(_, driver)| driver)?;
    let bytes = rest.as_bytes();
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    let length = bytes.iter().position(|b| matches!(b, b'}' | b'\n'))?;
    let value = rest
        .get(..length)
        .filter(|_| bytes.get(length) == Some(&b'}'))?;
    // `{password}` and `{0}` are where one is put in
    let stands_for_one = is_word(value) || value.bytes().all(|b| b.is_ascii_digit());
    (!driver.starts_with('{') && !stands_for_one).then_some(at + 1..at + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::super::made::{base64, found, found_in, holds, holds_none, letters};

    #[test]
    fn connection_strings_of_azure_are_told_apart() {
        let (account, shared) = (base64(64), base64(32));
        let cases = [
            (
                "a key of a storage account",
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=",
                account.as_str(),
                ";EndpointSuffix=core.windows.net",
            ),
            (
                "a key of Cosmos DB",
                "AccountEndpoint=https://a.documents.azure.com:443/;AccountKey=",
                &account,
                ";",
            ),
            (
                "a key of Service Bus or Event Hubs",
                "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=",
                &shared,
                "",
            ),
            (
                "a password in a connection string",
                "Server=tcp:a.database.windows.net,1433;User ID=joe;Password=",
                "hunter2",
                ";Encrypt=true",
            ),
            (
                "a password in a connection string",
                "\"Data Source=a;User ID=joe;Pwd=",
                "hunter2",
                "\"",
            ),
        ];
        for (kind, before, value, after) in cases {
            let text = format!("{before}{value}{after}");
            assert_eq!(found(&text), [(kind, value)], "{text}");
        }
        let signature = format!("{}%3D", letters(43));
        let url = format!("https://a.blob.core.windows.net/c?sv=2022-11-02&sp=r&sig={signature}");
        assert_eq!(
            found(&url),
            [("a shared access signature", signature.as_str())]
        );
    }

    #[test]
    fn passwords_of_databases_are_found_in_code() {
        for start in [
            "string s = \"Server=tcp:a.database.windows.net,1433;Initial Catalog=db;User ID=a;",
            "s = 'Data Source=tcp:a.database.windows.net,1433;User ID=a;",
            "const s = `Driver={ODBC Driver 18};SERVER=tcp:a.example;Uid=a;",
            "url = \"jdbc:db2://db:50000/shop:user=joe;",
            "url = \"jdbc:mysql://db/shop?user=joe&",
        ] {
            let text = format!("{start}Password=hunter2;Encrypt=True;");
            let all = found_in(&text, super::super::Reading::Code);
            let wanted = [("a password in a connection string", "hunter2")];
            assert_eq!(all, wanted, "{text}");
        }
    }

    #[test]
    fn passwords_in_the_braces_of_odbc_are_found() {
        let driver = "Driver={ODBC Driver 18 for SQL Server};Server=db;Uid=joe;";
        for (password, found_there) in [
            ("hunter2", true),
            ("hun;ter=2", true),
            ("your_password_here", false),
            ("password", false),
            ("db_password", false),
            ("0", false),
            ("$PASSWORD", false),
        ] {
            let text = format!("dsn: \"{driver}Pwd={{{password}}};Encrypt=yes\"");
            let wanted = [("a password in a connection string", password)];
            let wanted: &[_] = if found_there { &wanted } else { &[] };
            assert_eq!(found(&text), wanted, "{text}");
        }
        holds_none("f\"Driver={{ODBC Driver 18}};Server=db;Pwd={hunter2};\"");
    }

    #[test]
    fn marked_keys_are_found_anywhere() {
        for (kind, value) in [
            (
                "a key of a storage account",
                format!("{}+ASt{}==", letters(76), letters(6)),
            ),
            (
                "a key of Service Bus or Event Hubs",
                format!("{}+AEh{}=", letters(33), letters(6)),
            ),
            (
                "a password of a container registry",
                format!("{}+ACR{}", letters(42), letters(6)),
            ),
        ] {
            holds(kind, &value);
            holds_none(&format!("x{value}"));
            holds_none(&format!("{value}x"));
        }
        holds_none("a+ASt+b");
    }

    #[test]
    fn connection_strings_without_a_key_are_left_alone() {
        let guid = "11111111-2222-3333-4444-555555555555";
        for text in [
            format!("InstrumentationKey={guid};IngestionEndpoint=https://a.example/"),
            "Server=a;Database=b;Authentication=Active Directory Default".to_owned(),
            "AccountName=a;AccountKey=<key>".to_owned(),
            "Server=a;Password={your_password};".to_owned(),
            "https://a.example/?sig=short".to_owned(),
        ] {
            holds_none(&text);
        }
    }
}
