//! Values that can be a credential, and those that only stand for one.

use super::entropy::{bits, is_name, is_random};
use super::names::Speaks;
use crate::Severity;

/// Passwords that every attacker tries first. They work if nobody changes them.
const KNOWN: &[&str] = &[
    "0000",
    "1234",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "abc123",
    "admin",
    "admin123",
    "change-me",
    "change_me",
    "changeit",
    "changeme",
    "default",
    "demo",
    "dummy",
    "example",
    "guest",
    "letmein",
    "minio",
    "minioadmin",
    "mypassword",
    "mysecretpassword",
    "p@ssw0rd",
    "pass",
    "passw0rd",
    "password",
    "password1",
    "password123",
    "postgres",
    "qwerty",
    "root",
    "rootpassword",
    "secret",
    "supersecret",
    "test",
    "toor",
    "welcome",
    "yourpassword",
];

/// Beginnings of values that are to be changed, and work until then.
const CHANGE: &[&str] = &[
    "change-me",
    "change-this",
    "change_me",
    "change_this",
    "changeme",
    "changethis",
];

/// Words that say that there is no value.
const NOTHING: &[&str] = &[
    "disabled",
    "enabled",
    "false",
    "n/a",
    "nil",
    "no",
    "none",
    "null",
    "off",
    "on",
    "optional",
    "redacted",
    "required",
    "string",
    "str",
    "text",
    "todo",
    "true",
    "undefined",
    "unset",
    "yes",
];

/// Beginnings of what an operator or a sidecar replaces by the credential.
const REFERENCES: &[&str] = &[
    "!env",
    "!getatt",
    "!ref",
    "!secret",
    "!sub",
    "!vault",
    "$",
    "%(",
    "@microsoft.keyvault(",
    "arn:",
    "akv:",
    "aws-secretsmanager:",
    "awssm:",
    "enc(",
    "enc[",
    "env.",
    "env:",
    "file:",
    "gcp:",
    "gcpsm:",
    "k8s:",
    "keyvault:",
    "kv:",
    "op://",
    "os.environ",
    "process.env",
    "projects/",
    "ref+",
    "ref:",
    "secretkeyref",
    "secretref",
    "secret:",
    "secretmanager:",
    "secretsmanager:",
    "sm://",
    "ssm:",
    "vault:",
];

/// Beginnings of the keys that Azure publishes for its emulators.
const EMULATORS: &[&str] = &["Eby8vdM02xNOcqF", "C2y6yDjf5/R+ob0N"];

/// Ends of names of files.
const FILES: &[&str] = &[
    ".cer",
    ".conf",
    ".crt",
    ".env",
    ".jks",
    ".json",
    ".jwk",
    ".key",
    ".p12",
    ".pem",
    ".pfx",
    ".properties",
    ".pub",
    ".sh",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
];

/// Beginnings of public keys and of what has a form of its own.
const OTHER_FORMS: &[&str] = &[
    "-----BEGIN",
    "ssh-rsa ",
    "ssh-ed25519 ",
    "ecdsa-sha2-",
    "pk_live_",
    "pk_test_",
    "phc_",
];

/// Names of key files.
const KEY_FILES: &[&str] = &["id_dsa", "id_ecdsa", "id_ed25519", "id_rsa"];

/// The longest value that is looked at, bytes.
const LONGEST: usize = 4096;

/// What a value is, under a name that speaks of a credential.
pub(super) fn judge(speaks: Speaks, value: &str) -> Option<(&'static str, Severity)> {
    let value = value.trim();
    if value.len() > LONGEST || value.contains('\n') || stands_for_another(value) {
        return None;
    }
    if is_sentence(value) || PATTERNS.iter().any(|start| value.starts_with(start)) {
        return None;
    }
    if speaks != Speaks::Password && is_relative(value) {
        return None;
    }
    let known = is_one(value, KNOWN) || CHANGE.iter().any(|start| begins(value, start));
    match speaks {
        Speaks::Secret(_) if known && !is_one(value, KNOWN) => {
            Some(("a default secret", Severity::Warning))
        }
        Speaks::Password if known => Some(("a default password", Severity::Warning)),
        Speaks::Password => (!is_small(value)).then_some(("a password", Severity::Error)),
        Speaks::Secret(kind) if is_made_up(value) => Some((kind, Severity::Warning)),
        Speaks::Secret(kind) => {
            (!is_small(value) && !is_name(value)).then_some((kind, Severity::Error))
        }
        Speaks::Login if is_login(value) => Some(("a user and password", Severity::Error)),
        Speaks::Perhaps | Speaks::Login => (is_random(value) && !is_guid(value))
            .then_some(("what looks like a key", Severity::Warning)),
    }
}

/// Words that join others to a sentence.
const JOINTS: &[&str] = &[
    "a", "an", "and", "are", "be", "by", "for", "from", "in", "is", "it", "not", "of", "on", "or",
    "that", "the", "this", "to", "used", "when", "which", "will", "with",
];

/// Prose: six words or more, two of them such as join others. Words that are drawn for a password are
/// none of these.
fn is_sentence(value: &str) -> bool {
    let is_long = value.bytes().filter(|byte| *byte == b' ').count() >= 5;
    let joints = |word: &&str| is_one(word.trim_matches(','), JOINTS);
    is_long && value.split(' ').filter(joints).count() >= 2
}

/// How a pattern begins for what stands behind a name: `password=.*` tells where one is.
const PATTERNS: &[&str] = &[".*", ".+", "\\S", "\\w", "[^"];

/// Letters and the signs that join words.
pub(super) fn is_word(value: &str) -> bool {
    value
        .bytes()
        .all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
}

/// `user:password`, where the password is no word and no port.
fn is_login(value: &str) -> bool {
    value.split_once(':').is_some_and(|(user, password)| {
        !user.is_empty()
            && !value.contains([' ', '/', ','])
            && !stands_for_another(password)
            && !is_small(password)
            && !is_name(password)
            && !password.bytes().all(|b| b.is_ascii_digit() || b == b':')
    })
}

/// One long word as people make them up for a secret: `mysupersecretkey`.
fn is_made_up(value: &str) -> bool {
    let starts = ["my", "some", "super", "this", "top", "very"];
    value.len() >= 8
        && value.bytes().all(|b| b.is_ascii_lowercase())
        && starts.iter().any(|start| value.starts_with(start))
        && ["key", "pass", "secret", "token"]
            .iter()
            .any(|part| value.contains(part))
}

/// The kind of a key of Azure, which is 64 bytes in base64, under a name that says whose it is.
pub(super) fn azure_key(name: &str, value: &str) -> Option<&'static str> {
    let value = value.trim();
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let body = value.strip_suffix("==").filter(|body| body.len() == 86)?;
    if !body.bytes().all(is_base64) || bits(body.as_bytes()) < 4.0 {
        None
    } else if contains(name, "cosmos") {
        Some("a key of Cosmos DB")
    } else if contains(name, "storage") || contains(name, "account") || contains(name, "azure") {
        Some("a key of a storage account")
    } else {
        None
    }
}

/// Whether a text is empty, a reference, a place, a switch or a placeholder.
pub(super) fn stands_for_another(value: &str) -> bool {
    let value = value.trim();
    let inside = ["$(", "${", "{{", "<%", "#{", "://", "$env:"];
    value.is_empty()
        || is_one(value, NOTHING)
        || inside.iter().any(|mark| value.contains(mark))
        || REFERENCES.iter().any(|start| begins(value, start))
        || EMULATORS.iter().any(|start| value.starts_with(start))
        || OTHER_FORMS.iter().any(|start| value.starts_with(start))
        || is_path(value)
        || is_placeholder(value)
}

/// A path or the name of a file.
fn is_path(value: &str) -> bool {
    let starts = ["./", "../", "~/", "\\\\"];
    let drive = value.get(1..3) == Some(":\\");
    // base64 may begin with a slash
    let absolute = value.starts_with('/') && !(value.ends_with('=') && is_random(value));
    absolute
        || drive
        || starts.iter().any(|start| value.starts_with(start))
        || KEY_FILES.iter().any(|name| {
            let rest = value.strip_prefix(name);
            rest.is_some_and(|rest| {
                rest.len() < 16
                    && rest
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-' | b'.'))
            })
        })
        || (!value.contains(' ') && FILES.iter().any(|end| ends(value, end)))
}

/// A path that begins nowhere, as that of an object in a bucket: `backups/2024/db.tar.gz`. Base64
/// has slashes too, and neither words between them nor the end of a name of a file.
fn is_relative(value: &str) -> bool {
    let Some((folders, name)) = value.rsplit_once('/') else {
        return false;
    };
    let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/');
    let is_folder = |part: &str| part.bytes().all(|b| b.is_ascii_digit()) || is_name(part);
    let is_file = name.rsplit_once('.').is_some_and(|(stem, end)| {
        !stem.is_empty()
            && (1..=5).contains(&end.len())
            && end.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    value.bytes().all(part) && folders.split('/').all(is_folder) && (is_file || is_folder(name))
}

/// Text that a person is to replace.
fn is_placeholder(value: &str) -> bool {
    let bytes = value.as_bytes();
    let wrapped = |open, close| bytes.first() == Some(&open) && bytes.last() == Some(&close);
    let first = bytes.first();
    let same = bytes.len() > 2 && bytes.iter().all(|byte| Some(byte) == first);
    let marks = |byte: &u8| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'-' | b'_' | b'?' | b'#');
    // `DB_PASSWORD` as a value is the name of a variable
    let constant =
        bytes.contains(&b'_') && bytes.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    let phrase = [
        "your-", "your_", "your ", "<", "replace", "insert-", "insert_", "enter-", "fill-in",
        "fill_in",
    ];
    wrapped(b'<', b'>')
        || wrapped(b'[', b']')
        || wrapped(b'`', b'`')
        || wrapped(b'%', b'%')
        || wrapped(b'{', b'}')
        || wrapped(b'_', b'_')
        || wrapped(b'@', b'@')
        || same
        || constant
        || bytes.iter().all(marks)
        || phrase.iter().any(|start| begins(value, start))
        || contains(value, "placeholder")
        || contains(value, "redacted")
        || contains(value, "****")
        || contains(value, "xxxx")
        || (contains(value, "example") && contains(value, "key"))
}

/// A number of up to three digits, a duration or a size.
fn is_small(value: &str) -> bool {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let unit = value.get(digits..).unwrap_or_default();
    let is_unit = matches!(
        unit,
        "ms" | "s" | "m" | "h" | "d" | "Ki" | "Mi" | "Gi" | "K" | "M" | "G" | "k" | "B"
    );
    value.len() < 3 || (unit.is_empty() && digits < 4) || (digits > 0 && is_unit)
}

fn is_guid(value: &str) -> bool {
    let value = value.as_bytes();
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_one(value: &str, of: &[&str]) -> bool {
    of.iter().any(|other| value.eq_ignore_ascii_case(other))
}

fn begins(value: &str, start: &str) -> bool {
    value
        .get(..start.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn ends(value: &str, end: &str) -> bool {
    value
        .len()
        .checked_sub(end.len())
        .and_then(|from| value.get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn contains(value: &str, part: &str) -> bool {
    value
        .as_bytes()
        .windows(part.len())
        .any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_any_text_that_stands_for_itself() {
        let password = |value| judge(Speaks::Password, value).map(|(kind, _)| kind);
        for value in [
            "hunter2",
            "not-a-real-password",
            "Tr0ub4dor&3",
            "correct horse",
            "correct horse battery staple of2 xkcd",
            "20231",
        ] {
            assert_eq!(password(value), Some("a password"), "{value}");
        }
        for value in ["changeme", "password", "Admin", "yourpassword"] {
            assert_eq!(password(value), Some("a default password"), "{value}");
        }
        let others = [
            "",
            "$(OTHER)",
            "${OTHER}",
            "$OTHER",
            "%OTHER%",
            "{{ .Values.password }}",
            "<%= x %>",
            "!Ref Password",
            "vault:secret/data/db#password",
            "op://vault/item/field",
            "/var/run/token",
            "./token",
            "C:\\token.txt",
            "token.txt",
            "<password>",
            "xxx",
            "****",
            "...",
            "true",
            "30s",
            "10Mi",
            "12",
            "https://login.example",
            "DB_PASSWORD",
            "your-password",
            "REPLACE_ME",
            "ENC[AES256_GCM,data:abc]",
            "[REDACTED]",
            "`cat /run/secrets/pw`",
            "projects/p/secrets/s/versions/latest",
            "gcp:secretmanager:projects/p/secrets/s",
            "k8s:secret:ns/db",
            "<secret:db>",
            "id_ed25519",
            "id_rsa_deploy",
            "The Secret references a k8s Secret that contains it",
            ".*/password=$P/",
        ];
        for value in others {
            assert_eq!(password(value), None, "{value}");
        }
    }

    #[test]
    fn tokens_are_no_names() {
        let token = |value| judge(Speaks::Secret("a token"), value).is_some();
        for value in ["hunter2", "abc123def", "q7Zt1LmX0vB4kD9s", "0f3c9a77d1e2"] {
            assert!(token(value), "{value}");
        }
        for value in [
            "my-secret",
            "bearer",
            "redis-secret-1",
            "csrfToken",
            "kube-system/token",
            "pk_live_51H8xKq2ZvT9wRb7N",
        ] {
            assert!(!token(value), "{value}");
        }
    }

    #[test]
    fn what_may_be_a_key_must_look_random() {
        let perhaps = |value| judge(Speaks::Perhaps, value).is_some();
        assert!(perhaps("9f86d081884c7d659a2feaa0c55ad015"));
        assert!(!perhaps("11111111-2222-3333-4444-555566667777"));
        assert!(!perhaps("app.kubernetes.io/name"));
        assert!(!perhaps("short1"));
        assert!(!perhaps("backups/2024/db.tar.gz"));
        assert!(!perhaps("backups/2024/11/20241124T0312Z-db.tar.gz"));
        assert!(perhaps("q7Zt1LmX0vB4/kD9sYw3R/x8Kd83jKs93"));
        assert!(!perhaps("sha256:9f86d081"));
        let login = |value| judge(Speaks::Login, value).is_some();
        assert!(login("joe:hunter2"));
        assert!(!login("localhost:8080"));
        assert!(!login("kubernetes:default"));
    }
}
