//! What the labels of a namespace ask of its pods.

use std::collections::BTreeMap;
use std::fmt;

use podward_policy::{Level, Profile, Version};

use crate::fill::{DEFAULT_LABEL, DEFAULT_VALUE};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// What is done about a pod that does not meet a standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It is refused.
    Enforce,
    /// It stands in the audit log.
    Audit,
    /// Who made it is told.
    Warn,
}

impl Mode {
    /// As labels write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
            Self::Warn => "warn",
        }
    }
}

/// A profile by the rules of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    /// What is asked.
    pub profile: Profile,
    /// The version of Kubernetes whose rules count.
    pub version: Version,
}

impl Standard {
    /// Nothing.
    pub const NONE: Self = Self {
        profile: Profile::ALWAYS,
        version: Version::Latest,
    };

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_privileged(self) -> bool {
        self.profile == Profile::ALWAYS
    }
}

/// As Pod Security admission writes it: `restricted:latest`.
impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.profile, self.version)
    }
}

/// Whose labels they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// `pod-security.kubernetes.io/`, which Kubernetes' own plugin acts on too.
    PodSecurity,
    /// `podward.dev/`: every profile, and single rules.
    Podward,
}

impl Family {
    const fn prefix(self) -> &'static str {
        match self {
            Self::PodSecurity => "pod-security.kubernetes.io/",
            Self::Podward => "podward.dev/",
        }
    }

    /// The name of a mode's label.
    fn label(self, mode: Mode) -> String {
        format!("{}{}", self.prefix(), mode.as_str())
    }

    fn profile(self, text: &str) -> Option<Profile> {
        let profile: Profile = text.parse().ok()?;
        (self == Self::Podward || profile != Profile::Podward).then_some(profile)
    }

    const fn profiles(self) -> &'static str {
        match self {
            Self::PodSecurity => "must be one of privileged, baseline, restricted",
            Self::Podward => "must be one of privileged, baseline, restricted, podward",
        }
    }
}

/// A label that says nothing that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelFault {
    label: String,
    value: String,
    reason: &'static str,
}

/// As the API server words a field that is invalid.
impl fmt::Display for LabelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "metadata.labels[{}]: Invalid value: {:?}: {}",
            self.label, self.value, self.reason
        )
    }
}

/// Several faults in one sentence, as the API server joins them.
#[must_use]
pub(crate) fn joined(faults: &[LabelFault]) -> String {
    let mut told: Vec<String> = faults.iter().map(LabelFault::to_string).collect();
    told.dedup();
    match told.as_slice() {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    }
}

/// What one family of labels asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standards {
    /// Whose labels.
    pub family: Family,
    /// What pods must meet.
    pub enforce: Standard,
    /// What is noted.
    pub audit: Standard,
    /// What is told.
    pub warn: Standard,
    /// Single rules, with what is done about a breach: those beside the profile, and those that are left out of it.
    pub rules: Vec<(Mode, &'static str, bool)>,
}

/// Whether a label's value is a version of the standards.
fn version(text: &str) -> Option<Version> {
    if text == "latest" {
        return Some(Version::Latest);
    }
    let minor = text.strip_prefix("v1.")?;
    let is_number = minor.bytes().all(|b| b.is_ascii_digit());
    let is_short = minor == "0" || !minor.starts_with('0');
    // what is no number for the API server is none here
    let number: i64 = (is_number && is_short).then(|| minor.parse().ok())??;
    Some(Version::V1(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// Single rules: `podward.dev/enforce.hostUsers: "true"`.
fn single_rules(labels: &Labels, faults: &mut Vec<LabelFault>) -> Vec<(Mode, &'static str, bool)> {
    let mut found = Vec::new();
    for mode in [Mode::Enforce, Mode::Audit, Mode::Warn] {
        let start = format!("{}.", Family::Podward.label(mode));
        for (label, value) in labels.range(start.clone()..) {
            let Some(name) = label.strip_prefix(&start) else {
                break;
            };
            let fault = |reason| LabelFault {
                label: label.clone(),
                value: value.clone(),
                reason,
            };
            match (podward_policy::rule(name), value.as_str()) {
                (None, _) => faults.push(fault("podward has no rule of this name")),
                (Some(rule), "true") => found.push((mode, rule.id, true)),
                (Some(rule), "false") => found.push((mode, rule.id, false)),
                _ => faults.push(fault("must be true or false")),
            }
        }
    }
    found
}

/// A default that podward has none of, by which no pod would be completed.
fn default_fault(labels: &Labels) -> Option<LabelFault> {
    let value = labels.get(DEFAULT_LABEL)?;
    (value != DEFAULT_VALUE).then(|| LabelFault {
        label: DEFAULT_LABEL.to_owned(),
        value: value.clone(),
        reason: "must be restricted",
    })
}

impl Standards {
    /// What is asked where no label says anything.
    #[must_use]
    pub const fn none(family: Family) -> Self {
        Self {
            family,
            enforce: Standard::NONE,
            audit: Standard::NONE,
            warn: Standard::NONE,
            rules: Vec::new(),
        }
    }

    /// What labels ask for. A level that is none counts as `restricted` where it is enforced and as `privileged`
    /// otherwise, a version that is none as `latest`, as in Pod Security admission.
    #[must_use]
    pub fn of(labels: &Labels, family: Family) -> (Self, Vec<LabelFault>) {
        let mut standards = Self::none(family);
        let mut faults = Vec::new();
        let mut read = |mode: Mode, broken: Profile| {
            let mut standard = Standard::NONE;
            let mut says_level = None;
            let label = family.label(mode);
            if let Some(value) = labels.get(&label) {
                let profile = family.profile(value);
                says_level = Some(profile.is_some());
                standard.profile = profile.unwrap_or_else(|| {
                    let (value, reason) = (value.clone(), family.profiles());
                    faults.push(LabelFault {
                        label: label.clone(),
                        value,
                        reason,
                    });
                    broken
                });
            }
            let label = label + "-version";
            let says_version = labels.get(&label);
            if let Some(value) = says_version {
                standard.version = version(value).unwrap_or_else(|| {
                    faults.push(LabelFault {
                        label: label.clone(),
                        value: value.clone(),
                        reason: "must be \"latest\" or \"v1.x\"",
                    });
                    Version::Latest
                });
            }
            (standard, says_level, says_version.is_some())
        };
        let (enforce, enforced, _) = read(Mode::Enforce, Profile::Level(Level::Restricted));
        let (audit, _, _) = read(Mode::Audit, Profile::ALWAYS);
        let (mut warn, warned, warn_version) = read(Mode::Warn, Profile::ALWAYS);
        if warned.is_none() && enforced == Some(true) && enforce.profile > warn.profile {
            warn.profile = enforce.profile;
            if !warn_version {
                warn.version = enforce.version;
            }
        }
        (standards.enforce, standards.audit, standards.warn) = (enforce, audit, warn);
        if family == Family::Podward {
            standards.rules = single_rules(labels, &mut faults);
            faults.extend(default_fault(labels));
        }
        if Self::stray_rule(labels, family).is_some() {
            standards.rules.clear();
        }
        if warned.is_none() {
            standards.warn_of_enforced_rules();
        }
        (standards, faults)
    }

    /// Single rules that are enforced are warned of too, unless a label of their own says otherwise.
    fn warn_of_enforced_rules(&mut self) {
        for at in 0..self.rules.len() {
            if let Some((Mode::Enforce, rule, on)) = self.rules.get(at).copied()
                && self.rule(Mode::Warn, rule).is_none()
            {
                self.rules.push((Mode::Warn, rule, on));
            }
        }
    }

    /// What is said of a single rule in a mode: that it is asked for, or left out.
    #[must_use]
    pub fn rule(&self, mode: Mode, rule: &str) -> Option<bool> {
        let mut rules = self.rules.iter();
        let found = rules.find(|(of, name, _)| *of == mode && *name == rule);
        found.map(|(_, _, on)| *on)
    }

    /// The first label of a single rule where no label names a profile: without one a namespace is not looked at,
    /// since a selector of the API server cannot ask for labels that begin alike.
    #[must_use]
    pub fn stray_rule(labels: &Labels, family: Family) -> Option<&str> {
        let modes = [Mode::Enforce, Mode::Audit, Mode::Warn];
        let named = |mode: &Mode| Self::names_profile(labels, family, *mode);
        if family != Family::Podward || modes.iter().any(named) {
            return None;
        }
        modes.iter().find_map(|mode| {
            let start = format!("{}.", family.label(*mode));
            let (label, _) = labels.range(start.clone()..).next()?;
            label.starts_with(&start).then_some(label.as_str())
        })
    }

    /// Whether nothing is asked in any mode.
    #[must_use]
    pub fn ask_nothing(&self) -> bool {
        self.enforce.is_privileged() && self.tell_nothing()
    }

    /// Whether nothing is noted or told, nor any rule asked for by itself.
    #[must_use]
    pub fn tell_nothing(&self) -> bool {
        self.audit.is_privileged() && self.warn.is_privileged() && self.rules.is_empty()
    }

    /// Whether rules of podward's own are asked for, beside the controls of Pod Security.
    #[must_use]
    pub fn ask_for_own_rules(&self) -> bool {
        let all = [self.enforce, self.audit, self.warn];
        all.iter().any(|one| one.profile == Profile::Podward) || !self.rules.is_empty()
    }

    /// Whether a namespace has a label for a mode.
    #[must_use]
    pub fn says(labels: &Labels, family: Family, mode: Mode) -> bool {
        let start = family.label(mode);
        let is_own = |rest: &str| rest.is_empty() || rest == "-version" || rest.starts_with('.');
        labels
            .range(start.clone()..)
            .map_while(|(label, _)| label.strip_prefix(&start))
            .any(is_own)
    }

    /// Whether a namespace has the label that names a mode's profile.
    #[must_use]
    pub fn names_profile(labels: &Labels, family: Family, mode: Mode) -> bool {
        labels.contains_key(&family.label(mode))
    }

    /// What a mode asks for.
    #[must_use]
    pub const fn standard(&self, mode: Mode) -> Standard {
        match mode {
            Mode::Enforce => self.enforce,
            Mode::Audit => self.audit,
            Mode::Warn => self.warn,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standards(labels: &[(&str, &str)], family: Family) -> (String, String) {
        let own = |name: &&str| match family {
            Family::PodSecurity => format!("pod-security.kubernetes.io/{name}"),
            Family::Podward => format!("podward.dev/{name}"),
        };
        let labels = labels.iter().map(|(n, v)| (own(n), (*v).to_owned()));
        let (standards, faults) = Standards::of(&labels.collect(), family);
        let Standards {
            enforce,
            audit,
            warn,
            ..
        } = standards;
        (format!("{enforce} {audit} {warn}"), joined(&faults))
    }

    #[test]
    fn labels_are_read_as_by_pod_security_admission() {
        for (labels, want, fault) in [
            (
                &[] as &[(&str, &str)],
                "privileged:latest privileged:latest privileged:latest",
                "[]",
            ),
            // a stricter level that is enforced is warned of too
            (
                &[("enforce", "baseline")],
                "baseline:latest privileged:latest baseline:latest",
                "[]",
            ),
            (
                &[("enforce", "restricted"), ("enforce-version", "v1.30")],
                "restricted:v1.30 privileged:latest restricted:v1.30",
                "[]",
            ),
            (
                &[("enforce", "restricted"), ("warn-version", "v1.20")],
                "restricted:latest privileged:latest restricted:v1.20",
                "[]",
            ),
            (
                &[("enforce", "restricted"), ("warn", "privileged")],
                "restricted:latest privileged:latest privileged:latest",
                "[]",
            ),
            // what cannot be read is enforced as the strictest, and told of as nothing
            (
                &[
                    ("enforce", "Baseline"),
                    ("audit", "x"),
                    ("audit-version", "v1.030"),
                ],
                "restricted:latest privileged:latest privileged:latest",
                "[metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"Baseline\": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/audit]: Invalid value: \"x\": must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/audit-version]: Invalid value: \"v1.030\": must be \"latest\" or \"v1.x\"]",
            ),
            (
                &[("enforce", "podward")],
                "restricted:latest privileged:latest privileged:latest",
                "metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: \"podward\": must be one of privileged, baseline, restricted",
            ),
        ] {
            let (got, faults) = standards(labels, Family::PodSecurity);
            assert_eq!((got.as_str(), faults.as_str()), (want, fault));
        }
        let (got, _) = standards(&[("enforce", "podward")], Family::Podward);
        assert_eq!(got, "podward:latest privileged:latest podward:latest");
    }

    #[test]
    fn a_default_that_is_none_asks_for_nothing_and_is_a_fault() {
        let own = |value| standards(&[("default", value)], Family::Podward);
        assert_eq!(own("restricted").1, "[]");
        for value in ["Restricted", "baseline", ""] {
            let (got, fault) = own(value);
            assert_eq!(got, "privileged:latest privileged:latest privileged:latest");
            assert_eq!(
                fault,
                format!(
                    "metadata.labels[podward.dev/default]: Invalid value: {value:?}: must be restricted"
                )
            );
        }
        let labels = Labels::from([(DEFAULT_LABEL.to_owned(), "x".to_owned())]);
        assert!(Standards::of(&labels, Family::PodSecurity).1.is_empty());
    }

    #[test]
    fn single_rules_are_asked_for_by_name() {
        let labels = |value: &str, rule: &str| {
            let label = format!("podward.dev/enforce.{rule}");
            Labels::from([
                (label, value.to_owned()),
                ("podward.dev/audit".into(), "privileged".into()),
                ("podward.dev/other".into(), "x".into()),
            ])
        };
        let (standards, faults) = Standards::of(&labels("true", "privileged"), Family::Podward);
        assert_eq!(
            (standards.rules.as_slice(), faults.len()),
            (
                &[
                    (Mode::Enforce, "privileged", true),
                    (Mode::Warn, "privileged", true)
                ][..],
                0
            )
        );
        assert!(!standards.ask_nothing());
        for (value, rule) in [("yes", "privileged"), ("true", "no-such-rule")] {
            let labels = labels(value, rule);
            let (standards, faults) = Standards::of(&labels, Family::Podward);
            assert_eq!((standards.rules.len(), faults.len()), (0, 1));
            assert!(Standards::says(&labels, Family::Podward, Mode::Enforce));
            assert!(!Standards::says(&labels, Family::Podward, Mode::Warn));
            assert!(!Standards::says(
                &labels,
                Family::PodSecurity,
                Mode::Enforce
            ));
        }
    }
}
