//! What the configuration of an image says.

use std::collections::BTreeSet;

use super::files::{Places, finding, of_lines};
use super::place::{MOST, SOURCE, shown};
use super::shell;
use crate::{Finding, Profile, Remedy, Rule, Severity, Version, mask};

pub(super) static CREDENTIAL: Rule = Rule {
    id: "credentialInImage",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "an image holds no credentials in its configuration or history",
    why: "whoever may pull the image reads its environment and its history",
    mend: "give it to the build by RUN --mount=type=secret, and to the pod by a SecretProviderClass; then change the credential, for it is known",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "image",
    fails: &["USER 1000\nENV DB_PASSWORD=hunter2\n"],
    passes: &["USER 1000\nENV PORT=8080\n"],
};

pub(super) static ROOT: Rule = Rule {
    id: "imageRunsAsRoot",
    severity: Severity::Warning,
    profile: Profile::ALWAYS,
    title: "an image has a user that is not root",
    why: "a container of this image is root unless its pod says otherwise, and root in a container is root on the node once it finds a way out",
    mend: "set USER to a number that is not 0 in the Dockerfile",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "image",
    fails: &["USER root\n"],
    passes: &["USER 1000\n"],
};

pub(super) static NAME: Rule = Rule {
    id: "imageUserIsName",
    severity: Severity::Info,
    profile: Profile::ALWAYS,
    title: "the user of an image is a number",
    why: "the kubelet cannot tell whether a name is root, and refuses the container where runAsNonRoot is true",
    mend: "set USER to the number of this user in the Dockerfile, or runAsUser in the pod",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "image",
    fails: &["USER web\n"],
    passes: &["USER 1000\n"],
};

/// Judges the configuration of an image, written as lines of a Dockerfile: `USER` first, then `ENV`,
/// `LABEL` and others, then the steps of its history. Tells credentials, each once, and a user that
/// is root (a warning) or a name (a hint).
#[must_use]
pub fn findings_of_image(path: &str, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut places = Places::new(text);
    let first = text.lines().next().unwrap_or_default();
    if let Some(user) = first.strip_prefix("USER") {
        let user = user.trim();
        let name = user.split(':').next().unwrap_or_default();
        let told = match name {
            "" => Some((
                &ROOT,
                "the image names no user, and so runs as root".to_owned(),
                Severity::Warning,
            )),
            "root" => Some((
                &ROOT,
                format!("the user of the image is {user}"),
                Severity::Warning,
            )),
            name if name.bytes().all(|byte| byte == b'0') => Some((
                &ROOT,
                format!("the user of the image is {user}"),
                Severity::Warning,
            )),
            name if name.bytes().all(|byte| byte.is_ascii_digit()) => None,
            _ => Some((
                &NAME,
                format!("the user of the image is the name {name}, and no number"),
                Severity::Info,
            )),
        };
        if let Some((rule, message, severity)) = told {
            let mut one = finding(rule, path, message, severity, places.of(&(0..first.len())));
            one.secret = None;
            found.push(one);
        }
    }
    let mut all = of_lines(text, false, |line| {
        ["ENV ", "LABEL ", "ONBUILD ENV "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    shell::add_of_script(text, &mut all);
    all.sort_by_key(|one| one.span.start);
    let mut places = Places::new(text);
    // a variable stands in the history too
    let mut seen = BTreeSet::new();
    for one in all {
        let value = text.get(one.span.clone()).unwrap_or_default();
        if seen.insert(value) && seen.len() <= MOST {
            let message = format!("the image holds {}{}", one.kind, shown(value));
            found.push(finding(
                &CREDENTIAL,
                path,
                message,
                one.severity,
                places.of(&one.span),
            ));
        }
    }
    mask(&mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let found = findings_of_image("i", text);
        found
            .iter()
            .map(|one| format!("{} {} {}", one.position, one.rule, one.message))
            .collect()
    }

    #[test]
    fn users_are_told() {
        for user in ["", " root", " 0", " 0:0", " root:root", " 00"] {
            let told = told(&format!("USER{user}\n"));
            assert!(
                told.len() == 1 && told[0].starts_with("1:1 imageRunsAsRoot"),
                "{user}: {told:?}"
            );
        }
        assert_eq!(told("USER 1000:0\n"), [] as [String; 0]);
        assert_eq!(
            told("USER app:app\n"),
            ["1:1 imageUserIsName the user of the image is the name app, and no number"]
        );
    }

    #[test]
    fn credentials_are_told_once() {
        let text = "USER 1\nENV PATH=/bin\nENV DB_PASSWORD=hunter2\nLABEL a=b\nCMD mysql -ps3cr3t-word\nHEALTHCHECK CMD-SHELL curl -u joe:correct-horse h\nONBUILD ENV B_PASSWORD=tr0ub4dor\nHISTORY /bin/sh -c #(nop)  ENV DB_PASSWORD=hunter2\nHISTORY RUN |1 API_TOKEN=zq81kd92x /bin/sh -c make\nHISTORY COPY id_rsa /x\n";
        assert_eq!(
            told(text),
            [
                "3:17 credentialInImage the image holds a password",
                "5:13 credentialInImage the image holds a password",
                "6:35 credentialInImage the image holds a password",
                "7:24 credentialInImage the image holds a password",
                "9:26 credentialInImage the image holds a token",
            ]
        );
    }
}
