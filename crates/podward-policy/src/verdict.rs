//! The verdict on a workload's pods, in the words of the API server.

use std::borrow::Cow;

use podward_manifest::Workload;

use crate::check::Check;
use crate::pod::Pod;
use crate::{CHECKS, Finding, Level, Version};

/// A control that does not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The control.
    pub check: &'static str,
    /// The server's reason.
    pub reason: Cow<'static, str>,
    /// The server's detail.
    pub detail: String,
    /// Every place that breaks it.
    pub findings: Vec<Finding>,
}

/// What Pod Security admission says of a pod.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The level it was judged at.
    pub level: Level,
    /// The version of the standards it was judged by.
    pub version: Version,
    /// The controls that do not hold, in the order of the server.
    pub violations: Vec<Violation>,
}

impl Violation {
    /// The reason with its detail.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.detail.is_empty() {
            return self.reason.clone().into_owned();
        }
        [&self.reason, " (", &self.detail, ")"].concat()
    }
}

impl Verdict {
    /// Whether the pod may be made.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.violations.is_empty()
    }

    /// The server's refusal of a pod.
    #[must_use]
    pub fn forbidden_message(&self, pod: &str) -> String {
        format!("pods \"{pod}\" is forbidden: {}", self.violates())
    }

    /// What breaks which level and version.
    #[must_use]
    pub fn violates(&self) -> String {
        format!(
            "violates PodSecurity \"{}:{}\": {}",
            self.level,
            self.version,
            self.sentence()
        )
    }

    /// The server's warning.
    #[must_use]
    pub fn warning(&self) -> String {
        format!(
            "would violate PodSecurity \"{}:{}\": {}",
            self.level,
            self.version,
            self.sentence()
        )
    }

    /// Every reason with its detail.
    #[must_use]
    pub fn sentence(&self) -> String {
        let parts: Vec<_> = self.violations.iter().map(Violation::sentence).collect();
        parts.join(", ")
    }
}

/// Judges the pods of a workload at a level, by the standards of a version of Kubernetes.
#[must_use]
pub fn judge(workload: &Workload<'_>, level: Level, version: Version) -> Verdict {
    let pod = Pod::new(workload, version);
    let asked = || asked_at(level).filter(|check| pod.is_since(check.since));
    let replaced: Vec<&str> = asked().filter_map(|check| check.replaces).collect();
    let violations = asked()
        .filter(|check| !replaced.contains(&check.rule.id))
        .filter_map(|check| violation(check, &pod, workload))
        .collect();
    Verdict {
        level,
        version,
        violations,
    }
}

fn asked_at(level: Level) -> impl Iterator<Item = &'static Check> {
    CHECKS
        .iter()
        .copied()
        .filter(move |check| check.level() <= level)
}

fn violation(check: &'static Check, pod: &Pod<'_>, workload: &Workload<'_>) -> Option<Violation> {
    let breach = (check.run)(pod)?;
    let findings = breach
        .spots
        .into_iter()
        .map(|spot| spot.finding(check.rule, &workload.object.path))
        .collect();
    Some(Violation {
        check: check.rule.id,
        reason: breach.reason,
        detail: breach.detail,
        findings,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A Pod with this spec, indented by two.
    pub(crate) fn with_spec<T>(spec: &str, then: impl FnOnce(&Workload<'_>) -> T) -> T {
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  {spec}\n");
        let document = podward_manifest::parse("p.yaml", &text)
            .unwrap()
            .into_iter()
            .next()
            .unwrap();
        let objects = podward_manifest::objects(document).unwrap();
        then(&podward_manifest::workload(&objects[0]).unwrap())
    }

    /// What the server says of a Pod with this spec.
    pub(crate) fn sentence(spec: &str, level: Level) -> String {
        with_spec(spec, |workload| {
            judge(workload, level, Version::Latest).sentence()
        })
    }

    #[test]
    fn findings_stand_where_the_field_is_or_would_be() {
        let spec =
            "containers:\n  - name: a\n    securityContext:\n      privileged: true\n  - name: b";
        with_spec(spec, |workload| {
            let verdict = judge(workload, Level::Restricted, Version::Latest);
            let at: Vec<_> = verdict
                .violations
                .iter()
                .flat_map(|violation| &violation.findings)
                .map(|f| (f.field.as_str(), f.position.line, f.position.column))
                .collect();
            assert!(
                at.contains(&("spec.containers[0].securityContext.privileged", 8, 19)),
                "{at:?}"
            );
            assert!(
                at.contains(&(
                    "spec.containers[1].securityContext.allowPrivilegeEscalation",
                    9,
                    5
                )),
                "{at:?}"
            );
        });
    }

    #[test]
    fn the_refusal_is_the_servers() {
        with_spec("hostPID: true", |workload| {
            assert_eq!(
                judge(workload, Level::Baseline, Version::Latest).forbidden_message("p"),
                "pods \"p\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostPID=true)"
            );
            assert!(judge(workload, Level::Privileged, Version::Latest).allowed());
        });
    }
}
