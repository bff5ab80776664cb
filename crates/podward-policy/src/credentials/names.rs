//! Names that speak of a credential.

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// A password: any text can be one.
    Password,
    /// A token, key or secret: words are the names of one.
    Secret(&'static str),
    /// A login, or how one is made: what is a user and a password, or looks random, is one.
    Login,
    /// Something that is now and then a credential: only what looks random is.
    Perhaps,
}

/// Last words that make the value something about a credential: its place, name or rules.
const ABOUT: &[&str] = &[
    "ALGORITHM",
    "ALIAS",
    "ARN",
    "ATTEMPTS",
    "AUTHENTICATION",
    "AUTHENTICATOR",
    "CIPHER",
    "CLASS",
    "CMD",
    "COMMAND",
    "COUNT",
    "DIR",
    "DIRECTORY",
    "DURATION",
    "ENABLED",
    "ENCODER",
    "ENCODING",
    "ENCRYPTION",
    "ENDPOINT",
    "ENV",
    "EXPIRATION",
    "EXPIRES",
    "EXPIRY",
    "FD",
    "FIELD",
    "FILE",
    "FILENAME",
    "FOLDER",
    "FORMAT",
    "HASHER",
    "HASHERS",
    "HASHING",
    "HEADER",
    "HINT",
    "HOST",
    "ID",
    "INTERVAL",
    "ISSUER",
    "ITERATIONS",
    "KIND",
    "LABEL",
    "LENGTH",
    "LIFETIME",
    "LOCATION",
    "MODE",
    "MOUNT",
    "NAME",
    "NAMES",
    "NAMESPACE",
    "PATH",
    "PATTERN",
    "POLICY",
    "PREFIX",
    "PROMPT",
    "PROVIDER",
    "REF",
    "REFERENCE",
    "REGEX",
    "REGION",
    "REQUIRED",
    "RESET",
    "ROTATION",
    "ROUNDS",
    "SCRIPT",
    "SIZE",
    "SOURCE",
    "STDIN",
    "STORE",
    "STRENGTH",
    "TTL",
    "TYPE",
    "URI",
    "URL",
    "USER",
    "USERNAME",
    "VAR",
    "VAULT",
    "VERSION",
];

/// Words that make a value public, wherever they stand.
const PUBLIC: &[&str] = &[
    "CHECKSUM",
    "DIGEST",
    "FINGERPRINT",
    "HASH",
    "INSTRUMENTATION",
    "MD5",
    // sudo then asks for none
    "NOPASSWD",
    "PUB",
    "PUBLIC",
    "PUBLISHABLE",
    "SHA",
    "SHA1",
    "SHA256",
    "THUMBPRINT",
];

/// Last words that say nothing of the value.
const NEUTRAL: &[&str] = &[
    "BASE",
    "BASE64",
    "CURRENT",
    "DEFAULT",
    "DEV",
    "IN",
    "NEW",
    "OLD",
    "PRIMARY",
    "PROD",
    "PRODUCTION",
    "SECONDARY",
    "STAGING",
    "TEST",
    "VALUE",
];

/// Words before `KEY` that make it one to keep.
const OF_KEYS: &[&str] = &[
    "ACCESS",
    "ACCOUNT",
    "API",
    "APP",
    "APPLICATION",
    "AUTH",
    "CLIENT",
    "DECRYPTION",
    "ENCRYPTION",
    "HMAC",
    "HOST",
    "JWT",
    "MASTER",
    "PRIVATE",
    "SAS",
    "SECRET",
    "SESSION",
    "SHARED",
    "SIGNING",
    "SSH",
    "STORAGE",
];

/// Words before `KEY` that make it one for everybody, or the fingerprint of one.
const OF_OPEN_KEYS: &[&str] = &["GPG", "PGP", "SITE"];

/// Last words of a Secret's keys whose values are no secret.
const PLAIN: &[&str] = &[
    "ACCOUNT",
    "ADDRESS",
    "ALERTMANAGER",
    "BUCKET",
    "CA",
    "CERT",
    "CERTIFICATE",
    "CLUSTER",
    "CN",
    "CRT",
    "DATABASE",
    "DB",
    "DBNAME",
    "DESCRIPTION",
    "DOMAIN",
    "EMAIL",
    "ENVIRONMENT",
    "GROUPS",
    "HOSTNAME",
    "HOSTS",
    "LOGIN",
    "OWNER",
    "PBKDF",
    "PEM",
    "PORT",
    "PROJECT",
    "SERVER",
    "SUBJECT",
    "TENANT",
];

/// Whether a key of a Secret names something that is no secret.
pub(super) fn is_plain(name: &str) -> bool {
    let mut last = "";
    for word in words(name) {
        let neutral = word.bytes().all(|b| b.is_ascii_digit()) || is_one(word, NEUTRAL);
        if last.is_empty() || !neutral {
            last = word;
        }
    }
    is_one(last, ABOUT)
        || is_one(last, PLAIN)
        || is_one(last, PUBLIC)
        || ends_with(last, "name")
        || ends_with(last, "user")
}

/// Words before `TOKEN` that make it a mark in a list or a text, or the name of a cluster.
const NO_TOKENS: &[&str] = &[
    "CLUSTER",
    "CONTINUATION",
    "CONTINUE",
    "EOS",
    "NEXT",
    "PAD",
    "PAGE",
    "SEPARATOR",
    "STOP",
];

/// The longest name that is looked at, bytes.
const LONGEST: usize = 160;

/// What a name says of its value, if it speaks of a credential.
pub(super) fn speaks(name: &str) -> Option<Speaks> {
    if name.len() > LONGEST || !may_speak(name) {
        return None;
    }
    let (mut before, mut last, mut any_password) = ("", "", false);
    for word in words(name) {
        if is_one(word, PUBLIC) {
            return None;
        }
        let word = without_number(word);
        any_password |= is_password(word);
        let neutral = word.bytes().all(|b| b.is_ascii_digit()) || is_one(word, NEUTRAL);
        if last.is_empty() || !neutral {
            (before, last) = (last, word);
        }
    }
    if last.is_empty() || is_one(last, ABOUT) {
        return None;
    }
    let is = |word: &str| last.eq_ignore_ascii_case(word);
    let ends = |end: &str| ends_with(last, end);
    let keys = [
        "apikey",
        "accountkey",
        "accesskey",
        "secretkey",
        "privatekey",
    ];
    if is_password(last) || is_pass(last) || (is("phrase") && is_pass(before)) {
        Some(Speaks::Password)
    } else if ends("token") && !is_one(before, NO_TOKENS) {
        Some(Speaks::Secret("a token"))
    } else if ends("secret") {
        Some(Speaks::Secret("a secret"))
    } else if ends("credential") || ends("credentials") {
        Some(Speaks::Secret("a credential"))
    } else if keys.into_iter().any(ends) || (is("key") && is_one(before, OF_KEYS)) {
        Some(Speaks::Secret("a key"))
    } else if is("key") && is_one(before, OF_OPEN_KEYS) {
        None
    } else if ends("key") || is("salt") {
        Some(Speaks::Perhaps)
    } else if is("auth") || is("authorization") {
        Some(Speaks::Login)
    } else if any_password {
        // `password_encryption` and `MYSQL_PASSWORD_APP`
        Some(Speaks::Secret("a password"))
    } else {
        None
    }
}

/// Whether a value is an identifier in camel case that says again what its name says, such as
/// `encryptionKey1024` for `encryptionKey`. People make up passwords in this way too, so of one more is
/// asked: three words and no number.
pub(super) fn is_repeated(name: &str, value: &str, speaks: Speaks) -> bool {
    let bare = without_number(value);
    let is_password = speaks == Speaks::Password;
    let least = if is_password { 3 } else { 2 };
    let mut count = 0;
    let is_said = |word: &str| {
        words(name).any(|said| {
            let head = word.get(..said.len());
            said.len() > 2 && head.is_some_and(|head| head.eq_ignore_ascii_case(said))
        })
    };
    bare.bytes().all(|b| b.is_ascii_alphabetic())
        && bare.bytes().any(|b| b.is_ascii_lowercase())
        && !(is_password && bare.len() < value.len())
        && words(bare).inspect(|_| count += 1).all(is_said)
        && count >= least
}

/// Whether a name has the beginning of a word that speaks. Most names have none, and are read once.
fn may_speak(name: &str) -> bool {
    let mut last = [0; 2];
    name.bytes().any(|byte| {
        let [first, second] = last;
        let byte = byte.to_ascii_lowercase();
        last = [second, byte];
        matches!(
            &[first, second, byte],
            b"pas"
                | b"pwd"
                | b"_pw"
                | b"-pw"
                | b"dpw"
                | b"tpw"
                | b"tok"
                | b"sec"
                | b"cre"
                | b"key"
                | b"aut"
                | b"sal"
        )
    })
}

/// A word without the number at its end, as in `PASSWORD2`; what has nothing but a number stays, and so
/// do the names of what is no second one.
fn without_number(word: &str) -> &str {
    // most words have none
    if !word.as_bytes().last().is_some_and(u8::is_ascii_digit) {
        return word;
    }
    let bare = word.trim_end_matches(|c: char| c.is_ascii_digit());
    if bare.is_empty() || is_one(word, NEUTRAL) {
        word
    } else {
        bare
    }
}

fn is_password(word: &str) -> bool {
    word.eq_ignore_ascii_case("pwd")
        || ["password", "passwd", "passphrase"]
            .into_iter()
            .any(|end| ends_with(word, end))
}

/// `pass`, `pw` and what ends like `requirepass`.
fn is_pass(word: &str) -> bool {
    let others = ["bypass", "compass", "trespass"];
    ["pw", "bindpw", "rootpw"]
        .into_iter()
        .any(|name| word.eq_ignore_ascii_case(name))
        || word.eq_ignore_ascii_case("masterauth")
        || (ends_with(word, "pass") && !others.into_iter().any(|end| ends_with(word, end)))
}

fn is_one(word: &str, of: &[&str]) -> bool {
    of.iter().any(|other| word.eq_ignore_ascii_case(other))
}

fn ends_with(word: &str, end: &str) -> bool {
    word.len()
        .checked_sub(end.len())
        .and_then(|from| word.get(from..))
        .is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

/// The words of a name: `dbPassword`, `DB_PASSWORD` and `DBPassword` are two each.
#[inline]
fn words(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
        let end = word_end(rest.as_bytes());
        let (word, after) = rest.split_at_checked(end)?;
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

#[inline]
fn word_end(bytes: &[u8]) -> usize {
    let mut previous = b' ';
    for (at, byte) in bytes.iter().copied().enumerate() {
        let is_word = byte.is_ascii_alphanumeric() || !byte.is_ascii();
        let next_is_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let begins = byte.is_ascii_uppercase()
            && (previous.is_ascii_lowercase()
                || previous.is_ascii_digit()
                || (previous.is_ascii_uppercase() && next_is_lower));
        if !is_word || (at > 0 && begins) {
            return at;
        }
        previous = byte;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_spelling() {
        let all = |name| words(name).collect::<Vec<_>>().join(" ");
        assert_eq!(all("dbPassword"), "db Password");
        assert_eq!(all("--DB_PASSWORD"), "DB PASSWORD");
        assert_eq!(all("DBPassword2"), "DB Password2");
        assert_eq!(
            all("spring.datasource.password"),
            "spring datasource password"
        );
        assert_eq!(all("süß_é"), "süß é");
        assert_eq!(all("…"), "");
    }

    #[test]
    fn identifiers_repeat_what_their_names_say() {
        let secret = Speaks::Secret("a key");
        assert!(is_repeated("encryptionKey", "encryptionKey1024", secret));
        assert!(is_repeated(
            "credNameUserPassword",
            "UsernamePasswordCredential",
            Speaks::Password
        ));
        for (name, value) in [
            ("ROOT_PASSWORD", "RootPassword"),
            ("ROOT_PASSWORD", "RootPassword1"),
            ("USER_DB_PASSWORD", "UserDbPassword1"),
            ("password", "hunter2"),
        ] {
            assert!(!is_repeated(name, value, Speaks::Password), "{value}");
        }
        assert!(!is_repeated("API_KEY", "apikey123", secret));
        assert!(!is_repeated("encryptionKey", "q7ZtLmXvBkDsYwR", secret));
    }

    #[test]
    fn names_speak_of_credentials_or_of_what_is_about_them() {
        let secret = |kind| Some(Speaks::Secret(kind));
        let cases = [
            ("DB_PASSWORD", Some(Speaks::Password)),
            ("PGPASSWORD", Some(Speaks::Password)),
            ("MYSQL_PASSWORD_APP", secret("a password")),
            ("passwordSecret", secret("a secret")),
            ("smtp-pass", Some(Speaks::Password)),
            ("password_in", Some(Speaks::Password)),
            ("API_TOKEN", secret("a token")),
            ("apiKey", secret("a key")),
            ("azurestorageaccountkey", secret("a key")),
            ("AWS_SECRET_ACCESS_KEY", secret("a key")),
            ("CLIENT_SECRET_2", secret("a secret")),
            ("SECRET_KEY_BASE", secret("a key")),
            ("PASSWORD1", Some(Speaks::Password)),
            ("MYSQL_PASSWORD01", Some(Speaks::Password)),
            ("dbPassword2", Some(Speaks::Password)),
            ("db.password2", Some(Speaks::Password)),
            ("PASS_PHRASE", Some(Speaks::Password)),
            ("passPhrase2", Some(Speaks::Password)),
            ("TOKEN2", secret("a token")),
            ("API_KEY2", secret("a key")),
            ("SECRET_KEY_BASE64", secret("a key")),
            ("PASSWORD_FILE2", None),
            ("PASSWORD_SHA256", None),
            ("SEARCH_PHRASE", None),
            ("ROUTE_KEY", Some(Speaks::Perhaps)),
            ("SECRETS_DIR", None),
            ("TLS_SECRET_KEY_PATH", None),
            ("TOKEN_URL", None),
            ("SECRET_NAME", None),
            ("KEYBOARD", None),
            ("NOPASSWD", None),
            ("GPG_KEY", None),
            ("GPG_PRIVATE_KEY", secret("a key")),
            ("RECAPTCHA_SITE_KEY", None),
            ("STRIPE_PUBLISHABLE_KEY", None),
            ("PUBLIC_KEY", None),
            ("checksum/secret", None),
            ("PASSWORD_MIN_LENGTH", None),
            ("password.encoder.iterations", None),
            ("MAX_TOKENS", None),
            ("password_encryption", None),
            ("ROOT_PW", Some(Speaks::Password)),
            ("--requirepass", Some(Speaks::Password)),
            ("--initial-cluster-token", None),
            ("COMPASS", None),
            ("secretProviderClass", None),
            ("", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(speaks(name), wanted, "{name}");
        }
    }
}
