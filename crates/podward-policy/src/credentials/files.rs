//! Credentials in files other than manifests: how images are built, configuration, source text.

use std::ops::Range;

use podward_manifest::Position;

use super::found::{Credential, join};
use super::harmless::is_harmless;
use super::kinds::{FileKind, file_kind, is_sample, is_test};
use super::place::{MOST, SOURCE, shown};
use super::scan::{Reading, credentials_in};
use super::{calls, dockerfile, netrc, shell};
use crate::{Finding, Profile, Remedy, Rule, Severity, Version, mask};

const CHANGE: &str = "keep it in a vault and read it when the program starts; then change the credential, for it is known";

pub(super) static DOCKERFILE: Rule = Rule {
    id: "credentialInDockerfile",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "no credential stands in a Dockerfile",
    why: "whoever may pull the image reads it in the image's history, whatever a later line takes away",
    mend: "give it to the build by RUN --mount=type=secret, and to the pod by a SecretProviderClass; then change the credential, for it is known",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "Dockerfile",
    fails: &["FROM scratch\nENV DB_PASSWORD=hunter2\n"],
    passes: &["FROM scratch\nRUN --mount=type=secret,id=db cat /run/secrets/db\n"],
};

pub(super) static KEY_IN_IMAGE: Rule = Rule {
    id: "keyFileInImage",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "no key file is copied into an image",
    why: "the file stays in a layer of the image, whatever a later line takes away, and whoever may pull the image has it",
    mend: "leave it out by .dockerignore, and give it to the build by RUN --mount=type=secret or to the pod by a SecretProviderClass",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "Dockerfile",
    fails: &["FROM scratch\nCOPY id_rsa /root/.ssh/id_rsa\n"],
    passes: &["FROM scratch\nCOPY app /app\n"],
};

pub(super) static ENV: Rule = Rule {
    id: "credentialInEnvFile",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "files of variables hold no credentials",
    why: "such files end in repositories, images and backups, and whoever has one of these has the credential",
    mend: CHANGE,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: ".env",
    fails: &["DB_PASSWORD=hunter2\n"],
    passes: &["DB_PASSWORD=${FROM_THE_VAULT}\n"],
};

pub(super) static CONFIG: Rule = Rule {
    id: "credentialInConfig",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "configuration holds no credentials",
    why: "whoever may read the configuration, its history or the image it is in has the credential",
    mend: CHANGE,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "application.properties",
    fails: &["spring.datasource.password=hunter2\n"],
    passes: &["spring.datasource.password=${DB_PASSWORD}\n"],
};

pub(super) static CODE: Rule = Rule {
    id: "credentialInCode",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "source code holds no credentials",
    why: "whoever may read the code, its history or the program it makes has the credential",
    mend: CHANGE,
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "app.py",
    fails: &["password = \"hunter2-of-prod\"\n"],
    passes: &["password = os.environ[\"PASSWORD\"]\n"],
};

pub(super) static KEY: Rule = Rule {
    id: "credentialInKeyFile",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "no key files stand among the sources",
    why: "whoever may read the folder, its history or the image it is in has the credential",
    mend: "take it out of the folder and of its history, and keep it in a vault; then change the credential, for it is known",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: ".netrc",
    fails: &["machine example.com login web password hunter2\n"],
    passes: &["# none\n"],
};

/// Finds the credentials of a file that is no manifest. `path` says what it is, and `text` is all
/// of it; what is not known is read as configuration. Samples, and of tests the code, are read by
/// form alone. Every finding says what output must not repeat.
#[must_use]
pub fn credentials_of_file(path: &str, text: &str) -> Vec<Finding> {
    let kind = file_kind(path).unwrap_or(FileKind::Config);
    let by_form =
        is_sample(path) || (is_test(path) && matches!(kind, FileKind::Code | FileKind::Script));
    let reading = |reading| if by_form { Reading::Form } else { reading };
    let (rule, subject, all) = match kind {
        FileKind::Dockerfile => {
            let mut all = credentials_in(None, text, reading(Reading::Text));
            dockerfile::add(text, &mut all);
            (&DOCKERFILE, "the Dockerfile", all)
        }
        FileKind::Env => (&ENV, "the file", of_lines(text, by_form, |_| true)),
        FileKind::Config => (
            &CONFIG,
            "the configuration",
            credentials_in(None, text, reading(Reading::Text)),
        ),
        FileKind::Code => {
            let mut all = credentials_in(None, text, reading(Reading::Code));
            if !by_form {
                calls::add(text, &mut all);
            }
            (&CODE, "the code", all)
        }
        FileKind::Script => {
            let mut all = credentials_in(None, text, reading(Reading::Text));
            if !by_form {
                shell::add_of_script(text, &mut all);
            }
            (&CODE, "the script", all)
        }
        FileKind::Key => {
            let mut all = credentials_in(None, text, reading(Reading::Text));
            netrc::add(path, text, &mut all);
            (&KEY, "the file", all)
        }
    };
    let mut places = Places::new(text);
    let mut found = Vec::new();
    let named = matches!(kind, FileKind::Code | FileKind::Script | FileKind::Config);
    for one in all
        .iter()
        .filter(|one| !is_harmless(text, one, named))
        .take(MOST)
    {
        let value = text.get(one.span.clone()).unwrap_or_default();
        let message = format!("{subject} holds {}{}", one.kind, shown(value));
        found.push(finding(
            rule,
            path,
            message,
            one.severity,
            places.of(&one.span),
        ));
    }
    if kind == FileKind::Dockerfile {
        let mut places = Places::new(text);
        for (span, message, severity) in dockerfile::key_files(text).into_iter().take(MOST) {
            let at = places.of(&span);
            let mut told = finding(&KEY_IN_IMAGE, path, message, severity, at);
            told.secret = None;
            found.push(told);
        }
        found.sort_by_key(|one| one.position);
    }
    mask(&mut found);
    found
}

pub(super) fn finding(
    rule: &Rule,
    path: &str,
    message: String,
    severity: Severity,
    (from, to): (Position, Position),
) -> Finding {
    Finding {
        rule: rule.id,
        severity,
        path: path.into(),
        position: from,
        field: String::new(),
        message: message.into(),
        why: rule.why,
        mend: rule.mend.into(),
        fix: None,
        secret: Some((from, to)),
    }
}

/// The credentials of a text whose lines, or some of them, are variables. The value may hold
/// anything.
pub(super) fn of_lines(
    text: &str,
    by_form: bool,
    is_variable: impl Fn(&str) -> bool,
) -> Vec<Credential> {
    if by_form {
        return credentials_in(None, text, Reading::Form);
    }
    let mut all = credentials_in(None, text, Reading::Text);
    let mut more = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let begins = start;
        start += line.len();
        let entry = line.trim_start();
        let Some((name, value)) = entry
            .split_once('=')
            .filter(|_| !entry.starts_with('#') && is_variable(entry))
        else {
            continue;
        };
        let name = name.trim().trim_start_matches("export ").trim_start();
        let from = begins + line.len() - value.len();
        let value = unquoted(value);
        let Some(value) = text.get(from..).and_then(|rest| {
            let at = rest.find(value)?;
            Some(from + at..from + at + value.len())
        }) else {
            continue;
        };
        let held = text.get(value.clone()).unwrap_or_default();
        for mut one in credentials_in(Some(name), held, Reading::Form) {
            one.span = one.span.start + value.start..one.span.end + value.start;
            more.push(one);
        }
    }
    // the whole value is told better than a part of it
    join(&mut all, more, true);
    all
}

/// A value without its quotation marks, or without the comment behind it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some((inner, _)) = value
            .strip_prefix(quote)
            .and_then(|rest| rest.split_once(quote))
        {
            return inner;
        }
    }
    value.split(" #").next().unwrap_or(value).trim_end()
}

/// Places of a text, asked for from its beginning to its end.
pub(super) struct Places<'a> {
    text: &'a str,
    line: usize,
    /// Where the line begins, bytes.
    start: usize,
}

impl<'a> Places<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            line: 1,
            start: 0,
        }
    }

    pub(super) fn of(&mut self, span: &Range<usize>) -> (Position, Position) {
        (self.at(span.start), self.at(span.end))
    }

    fn at(&mut self, byte: usize) -> Position {
        let between = self.text.get(self.start..byte).unwrap_or_default();
        self.line += between.matches('\n').count();
        self.start = between
            .rfind('\n')
            .map_or(self.start, |at| self.start + at + 1);
        let column = self
            .text
            .get(self.start..byte)
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Position {
            line: self.line,
            column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{letters, pem, web_token};
    use super::*;

    fn told(path: &str, text: &str) -> Vec<String> {
        let found = credentials_of_file(path, text);
        found
            .iter()
            .map(|one| format!("{} {} {}", one.position, one.rule, one.message))
            .collect()
    }

    #[track_caller]
    fn holds(path: &str, text: &str, place: &str) {
        let told = told(path, text);
        assert!(
            told.len() == 1 && told[0].starts_with(place),
            "{path}: {told:?}"
        );
        let value = text
            .lines()
            .nth(place.split(':').next().unwrap().parse::<usize>().unwrap() - 1);
        let found = credentials_of_file(path, text);
        let lines = podward_manifest::Source {
            path: path.into(),
            text: text.into(),
        };
        let shown = lines
            .lines()
            .excerpt_without(found[0].position, found[0].secret.unwrap());
        assert!(
            shown.contains("***") && !shown.contains("hunter2"),
            "{value:?}: {shown}"
        );
    }

    #[track_caller]
    fn none(path: &str, text: &str) {
        assert_eq!(told(path, text), [] as [String; 0], "{path}: {text}");
    }

    #[test]
    fn every_kind_of_file_has_its_rule() {
        holds(
            "Dockerfile",
            "FROM a\nENV DB_PASSWORD=hunter2\n",
            "2:17 credentialInDockerfile",
        );
        holds(
            "Dockerfile",
            "FROM a\nENV DB_PASSWORD hunter2\n",
            "2:17 credentialInDockerfile",
        );
        holds(
            "Dockerfile",
            "ARG API_TOKEN=hunter2abc\nFROM a\n",
            "1:15 credentialInDockerfile",
        );
        holds(
            "Dockerfile",
            "RUN mysql -phunter2 -e x\n",
            "1:13 credentialInDockerfile",
        );
        holds(
            ".env",
            "A=1\nexport DB_PASSWORD=\"hunter2 and; more\"\n",
            "2:21 credentialInEnvFile",
        );
        holds(
            ".env.local",
            "é=1\r\nDB_PASSWORD=hunter2&(x\r\n",
            "2:13 credentialInEnvFile",
        );
        holds(
            "appsettings.json",
            "{\"Db\": {\"Password\": \"hunter2\"}}\n",
            "1:22 credentialInConfig",
        );
        holds(
            "application.properties",
            "spring.datasource.password=hunter2\n",
            "1:28 credentialInConfig",
        );
        holds(
            "application-prod.yml",
            "db:\n  password: hunter2\n",
            "2:13 credentialInConfig",
        );
        holds(
            "web.config",
            "<add key=\"DbPassword\" value=\"hunter2\" />\n",
            "1:30 credentialInConfig",
        );
        holds(
            "a.ini",
            "[db]\npassword = hunter2\n",
            "2:12 credentialInConfig",
        );
        holds(
            "a.toml",
            "password = \"hunter2\"\n",
            "1:13 credentialInConfig",
        );
        holds(
            "values.yaml",
            "db: {password: hunter2}\n",
            "1:16 credentialInConfig",
        );
        holds(
            "a.py",
            "DB_PASSWORD = \"hunter2\"\n",
            "1:16 credentialInCode",
        );
        holds(
            "A.java",
            "  String password = \"hunter2\"; // é\n",
            "1:22 credentialInCode",
        );
        holds(
            "a.cs",
            "var s = \"Server=db;User Id=sa;Password=hunter2;\";\n",
            "1:40 credentialInCode",
        );
        holds("a.sh", "mysql -u root -phunter2\n", "1:17 credentialInCode");
        holds(
            "id_rsa",
            &pem("OPENSSH PRIVATE KEY"),
            "1:1 credentialInKeyFile",
        );
        holds(
            ".netrc",
            "machine h\n  login joe\n  password hunter2\n",
            "3:12 credentialInKeyFile",
        );
        holds(
            ".pgpass",
            "# h:p:d:u:x\ndb:5432:*:joe:hunter2\n",
            "2:15 credentialInKeyFile",
        );
        let token = format!("{}{}", "ghp_", letters(36));
        holds("main.go", &format!("// {token}\n"), "1:4 credentialInCode");
        holds(
            "a_test.go",
            &format!("x := \"{token}\"\n"),
            "1:7 credentialInCode",
        );
        holds(
            ".npmrc",
            &format!("//registry.npmjs.org/:_authToken={}\n", letters(36)),
            "1:34 credentialInKeyFile",
        );
    }

    #[test]
    fn what_stands_for_a_credential_is_none() {
        for text in [
            "password = os.environ[\"DB_PASSWORD\"]\n",
            "password = os.getenv('DB_PASSWORD', '')\n",
            "const password = process.env.DB_PASSWORD;\n",
            "PASSWORD_FIELD = \"password\"\n",
            "const credential = \"Credential=\"\n",
            "{ type: 'password', password: 'Password' }\n",
            "password: \"Enter the password\",\n",
            "const token = '${TOKEN}';\n",
            "password = f\"{settings.password}\"\n",
            "el.password = '#password'\n",
            "db.password = ':password'\n",
            " * password = \"hunter2\"\n",
            "-- password = 'hunter2'\n",
            "if password == \"hunter2\":\n",
            "password = \"<password>\"\n",
            "password = \"{}\".format(x)\n",
            "CHALLENGE_PASSWORD: \"challengePassword\",\n",
            ">>> connect(password='hunter2')\n",
            "if err := k.FromGnostic(s.Oauth2AccessCodeSecurity); err != nil {\n",
            "storageLatencyKey = \"apiserver.latency.k8s.io/etcd-v3-preserve\"\n",
            "\"login.password\": \"auth.login.password\",\n",
            "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'\n",
            "sha256 = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"\n",
        ] {
            for path in ["a.py", "a.ts", "A.java"] {
                none(path, text);
            }
        }
        none("a_test.go", "password := \"hunter2\"\n");
        none("tests/conftest.py", "PASSWORD = \"hunter2\"\n");
        none(".env.example", "DB_PASSWORD=hunter2\n");
        none(
            ".env",
            "DB_PASSWORD=\nDB_PASSWORD=${OTHER}\n# DB_PASSWORD=hunter2\nDB_PASSWORD_FILE=/run/x\nDB_USER=joe\n",
        );
        none("a.ini", ";password = hunter2\npassword_file = /run/x\n");
        none(
            "Dockerfile",
            "FROM a\nARG DB_PASSWORD\nENV DB_PASSWORD=$DB_PASSWORD\nRUN --mount=type=secret,id=token cat /run/secrets/token\n",
        );
        let claims = "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ";
        let token = web_token("{\"alg\":\"HS256\"}");
        let mut parts = token.split('.');
        let (header, signature) = (parts.next().unwrap(), parts.nth(1).unwrap());
        none("a.py", &format!("t = \"{header}.{claims}.{signature}\"\n"));
        assert_eq!(told("a.py", &format!("t = \"{token}\"\n")).len(), 1);
    }

    #[test]
    fn key_files_in_an_image_are_told() {
        let text = "FROM a AS build\nCOPY id_rsa /root/.ssh/\nFROM b\nCOPY --chown=1 app server.pem \\\n  tls.key /etc/\nADD [\"ca.pem\", \".env\", \"/app/\"]\nCOPY . .\n# COPY id_rsa /x\n";
        assert_eq!(
            told("Dockerfile", text),
            [
                "2:6 keyFileInImage id_rsa is copied into a stage of the build",
                "4:20 keyFileInImage server.pem is copied into the image",
                "5:3 keyFileInImage tls.key is copied into the image",
                "6:17 keyFileInImage .env is copied into the image",
            ]
        );
    }
}
