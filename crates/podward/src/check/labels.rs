//! What the labels of a namespace ask of the workloads that are in it.

use podward_admission::{Family, LabelFault, Labels, Mode, Standards};
use podward_policy::Version;

use crate::standard::Held;

/// Writes down what labels ask for, and gives those that say nothing that is known. What is enforced counts; where
/// nothing is, what is warned of, and then what is audited. Of podward's own labels and those of Pod Security
/// admission it is the one that asks for more.
pub(super) fn ask(labels: &Labels, held: &mut Held) -> Vec<LabelFault> {
    let families = [Family::Podward, Family::PodSecurity];
    let both = families.map(|family| Standards::of(labels, family));
    for mode in [Mode::Enforce, Mode::Warn, Mode::Audit] {
        let named = both
            .iter()
            .filter(|(one, _)| Standards::names_profile(labels, one.family, mode));
        // of two that are equal, the first
        let most = named
            .rev()
            .max_by_key(|(one, _)| one.standard(mode).profile);
        let Some((standards, _)) = most else { continue };
        let standard = standards.standard(mode);
        held.profile = Some(standard.profile);
        held.version = Some(standard.version).filter(|version| *version != Version::Latest);
        let rules = standards.rules.iter();
        let left_out = rules.filter(|(of, _, is_on)| *of == mode && !is_on);
        held.without.extend(left_out.map(|(_, rule, _)| *rule));
        break;
    }
    both.into_iter().flat_map(|(_, faults)| faults).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(labels: &[(&str, &str)]) -> (String, usize) {
        let mut held = Held {
            profile: None,
            version: None,
            server: Version::Latest,
            without: Vec::new(),
        };
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let faults = ask(&labels.collect(), &mut held).len();
        let profile = held.profile.map_or("-", podward_policy::Profile::as_str);
        let version = held.version.map_or(String::new(), |v| format!(":{v}"));
        let without: String = held
            .without
            .iter()
            .map(|rule| format!(" -{rule}"))
            .collect();
        (format!("{profile}{version}{without}"), faults)
    }

    #[test]
    fn what_is_enforced_counts_first_and_the_stricter_of_both_families() {
        const OWN: &str = "podward.dev/enforce";
        const THEIRS: &str = "pod-security.kubernetes.io/enforce";
        for (labels, want) in [
            (&[] as &[_], "-"),
            (&[("app", "web")], "-"),
            (&[(THEIRS, "baseline")], "baseline"),
            (&[(OWN, "podward"), (THEIRS, "baseline")], "podward"),
            (&[(OWN, "baseline"), (THEIRS, "restricted")], "restricted"),
            (
                &[
                    (THEIRS, "restricted"),
                    ("pod-security.kubernetes.io/enforce-version", "v1.30"),
                    (OWN, "privileged"),
                ],
                "restricted:v1.30",
            ),
            (
                &[
                    (OWN, "restricted"),
                    (THEIRS, "restricted"),
                    ("podward.dev/enforce-version", "v1.25"),
                ],
                "restricted:v1.25",
            ),
            // what is enforced is all that is asked, though more is warned of
            (
                &[
                    (THEIRS, "baseline"),
                    ("pod-security.kubernetes.io/warn", "restricted"),
                ],
                "baseline",
            ),
            (
                &[(THEIRS, "privileged"), ("podward.dev/warn", "podward")],
                "privileged",
            ),
            (
                &[
                    ("pod-security.kubernetes.io/warn", "restricted"),
                    ("podward.dev/audit", "podward"),
                ],
                "restricted",
            ),
            (&[("podward.dev/audit", "baseline")], "baseline"),
            (
                &[
                    (OWN, "podward"),
                    ("podward.dev/enforce.hostPorts", "false"),
                    ("podward.dev/warn.privileged", "false"),
                ],
                "podward -hostPorts",
            ),
        ] {
            assert_eq!(asked(labels), (want.to_owned(), 0), "{labels:?}");
        }
    }

    #[test]
    fn a_level_that_is_none_is_told_and_counts_as_admission_takes_it() {
        let labels = [("pod-security.kubernetes.io/enforce", "hard")];
        assert_eq!(asked(&labels), ("restricted".to_owned(), 1));
    }
}
