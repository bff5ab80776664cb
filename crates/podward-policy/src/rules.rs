//! Every rule there is.

use std::sync::LazyLock;

use crate::credentials;
use crate::exceptions::UNUSED;
use crate::practices::PRACTICES;
use crate::rule::pod;
use crate::{CHECKS, Profile, Remedy, Rule, Severity, Version};

/// Where the rules on form come from.
const DECODING: &str = "strict decoding of the API server: https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation";

pub(crate) static UNKNOWN_FIELD: Rule = Rule {
    id: "unknownField",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "every field is one that Kubernetes knows",
    why: "the API server drops the field, so that what it asks for does not hold",
    mend: "write the field's name as the API has it, and where the API has it",
    source: DECODING,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  securityContext:\n    allowPrivilegeEscalation: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
    )],
    passes: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    securityContext:\n      allowPrivilegeEscalation: false\n"
    )],
};

pub(crate) static WRONG_TYPE: Rule = Rule {
    id: "wrongType",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "every value has the type of its field",
    why: "the API server cannot read the object and refuses it",
    mend: "write a value of the field's type: true is a boolean, \"true\" is text",
    source: DECODING,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  securityContext:\n    runAsNonRoot: \"true\"\n  containers:\n  - name: web\n    image: example.com/web:1\n"
    )],
    passes: &[pod!(
        "  securityContext:\n    runAsNonRoot: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
    )],
};

pub(crate) static DUPLICATE_KEY: Rule = Rule {
    id: "duplicateKey",
    severity: Severity::Error,
    profile: Profile::ALWAYS,
    title: "no key stands twice in a mapping",
    why: "kubectl refuses the file, and what reads it all the same takes the last value in silence",
    mend: "keep one of them",
    source: DECODING,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[pod!(
        "  hostPID: false\n  hostPID: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
    )],
    passes: &[pod!(
        "  hostPID: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
    )],
};

/// Every rule, by name.
#[must_use]
pub fn rules() -> &'static [&'static Rule] {
    static ALL: LazyLock<Vec<&'static Rule>> = LazyLock::new(sorted);
    &ALL
}

fn sorted() -> Vec<&'static Rule> {
    let checks = CHECKS.iter().map(|check| check.rule);
    let practices = PRACTICES.iter().map(|practice| practice.rule);
    let mut all: Vec<_> = [&UNKNOWN_FIELD, &WRONG_TYPE, &DUPLICATE_KEY, &UNUSED]
        .into_iter()
        .chain(checks)
        .chain(practices)
        .chain(credentials::RULES.iter().copied())
        .collect();
    all.sort_by_key(|rule| rule.id.to_ascii_lowercase());
    all
}

/// A rule by its name.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().iter().find(|rule| rule.id == id).copied()
}

/// The rule that a name is nearest to, if it is near at all.
#[must_use]
pub fn nearest(id: &str) -> Option<&'static str> {
    podward_manifest::nearest(id, rules().iter().map(|rule| rule.id))
}
