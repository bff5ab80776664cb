//! Connection strings of Azure and of databases, and shared access signatures.

use super::entropy::bits;
use super::pairs::BEFORE;
use super::values::stands_for_another;

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
    let random = bits(value.as_bytes()) >= 4.0;
    if name.eq_ignore_ascii_case("sig") {
        let after = text.as_bytes().get(key..).unwrap_or_default();
        let mut after = after.get(..BEFORE).unwrap_or(after).windows(4);
        let signed = before.contains("sv=") || after.any(|part| part == b"&sv=");
        return (signed && value.len() >= 40 && random).then_some("a shared access signature");
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

/// Whether a connection string of a database begins here.
pub(super) fn is_database(before: &str) -> bool {
    let starts = ["server=", "data source=", "host=", "addr=", "address="];
    before.split(';').any(|part| {
        let part = part.trim_start_matches([' ', '"', '\'']);
        starts.iter().any(|start| {
            part.rsplit(['"', '\'', ' ', ':'])
                .next()
                .into_iter()
                .chain([part])
                .any(|part| {
                    part.get(..start.len())
                        .is_some_and(|head| head.eq_ignore_ascii_case(start))
                })
        })
    }) && before.contains(';')
}

#[cfg(test)]
mod tests {
    use super::super::made::{base64, found, holds_none, letters};

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
