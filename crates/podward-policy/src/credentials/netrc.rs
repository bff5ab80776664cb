//! Files of logins with a grammar of their own: .netrc, .npmrc and .pgpass.

use super::found::{Credential, join};
use super::names::Speaks;
use super::values::judge;

/// Adds the passwords of such a file.
pub(super) fn add(path: &str, text: &str, all: &mut Vec<Credential>) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let values: Vec<&str> = match name {
        ".netrc" | "_netrc" | "netrc" => {
            let words: Vec<_> = text.split_ascii_whitespace().collect();
            words
                .windows(2)
                .filter_map(|two| match two {
                    ["password", value] => Some(*value),
                    _ => None,
                })
                .collect()
        }
        ".pgpass" => text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.splitn(5, ':').nth(4))
            .collect(),
        // lines for one registry look like remarks
        ".npmrc" => text
            .lines()
            .filter(|line| line.starts_with("//"))
            .filter_map(|line| line.split_once('='))
            .filter(|(key, _)| {
                ["_authToken", "_auth", "_password"]
                    .iter()
                    .any(|end| key.trim_end().ends_with(end))
            })
            .map(|(_, value)| value.trim())
            .collect(),
        _ => return,
    };
    let speaks = if name == ".npmrc" {
        Speaks::Secret("a token")
    } else {
        Speaks::Password
    };
    let mut more = Vec::new();
    for value in values {
        let start = value.as_ptr().addr() - text.as_ptr().addr();
        if let Some((kind, severity)) = judge(speaks, value) {
            more.push(Credential {
                kind,
                span: start..start + value.len(),
                severity,
            });
        }
    }
    join(all, more, false);
}
