//! The pods of an object, judged by what a namespace asks for.

use std::sync::Arc;

use podward_manifest::{Object, Workload, workloads};
use podward_policy::{
    Exceptions, Finding, Ids, Level, Neighbours, Profile, Safety, Settings, Severity, Verdict,
    Version, findings_of, judge, surroundings,
};

use crate::bounds::have_too_many_containers;
use crate::standards::{Family, LabelFault, Mode, Standard, Standards};

/// Most lines of podward's own in an answer: the API server cuts what is longer than 4 KiB.
const MAX_LINES: usize = 8;

/// The pods that an object makes.
pub(crate) struct Pods<'a> {
    object: &'a Object,
    workloads: Vec<Workload<'a>>,
    /// What was judged already.
    known: Vec<(Standard, Vec<Verdict>)>,
    found: Vec<(Version, Arc<[Finding]>)>,
}

/// Pods that do not meet a standard.
pub(crate) struct Judged {
    family: Family,
    standard: Standard,
    verdict: Option<Verdict>,
    /// Findings of podward's own rules.
    findings: Vec<Finding>,
}

impl<'a> Pods<'a> {
    pub(crate) fn of(object: &'a Object) -> Self {
        let mut workloads = workloads(object);
        // a template that is left out, as a Job's in a CronJob may be, is judged when it is there
        workloads.retain(|one| !one.spec.is_null());
        Self {
            object,
            workloads,
            known: Vec::new(),
            found: Vec::new(),
        }
    }

    pub(crate) fn any(&self) -> bool {
        !self.workloads.is_empty()
    }

    /// Whether they have more containers than are judged.
    pub(crate) fn are_too_many(&self) -> bool {
        have_too_many_containers(&self.workloads)
    }

    /// Whether every pod has a runtime class of these.
    pub(crate) fn all_of_classes(&self, is_one: impl Fn(&str) -> bool) -> bool {
        self.workloads.iter().all(|one| {
            let class = one.spec.get("runtimeClassName");
            class.and_then(|class| class.as_str()).is_some_and(&is_one)
        })
    }

    /// What does not hold of what a mode asks for.
    pub(crate) fn judged(
        &mut self,
        asked: &[(Standards, Vec<LabelFault>)],
        mode: Mode,
    ) -> Vec<Judged> {
        let mut all: Vec<Judged> = Vec::new();
        for (standards, _) in asked {
            for judged in self.breaches(standards, mode) {
                let is_told = |one: &Judged| one.violates() == judged.violates();
                if !all.iter().any(is_told) {
                    all.push(judged);
                }
            }
        }
        all
    }

    /// The pods that break what a mode asks for.
    pub(crate) fn breaches(&mut self, standards: &Standards, mode: Mode) -> Vec<Judged> {
        let standard = standards.standard(mode);
        let judged = |verdict, findings| Judged {
            family: standards.family,
            standard,
            verdict,
            findings,
        };
        let verdicts = self.verdicts(standard).iter();
        let mut all: Vec<_> = verdicts
            .filter(|verdict| !verdict.allowed())
            .map(|verdict| without(verdict, |rule| standards.rule(mode, rule) == Some(false)))
            .filter(|verdict| !verdict.allowed())
            .map(|verdict| judged(Some(verdict), Vec::new()))
            .collect();
        let own = self.own(standards, mode);
        if !own.is_empty() {
            all.push(judged(None, own));
        }
        all
    }

    fn verdicts(&mut self, standard: Standard) -> &[Verdict] {
        let at = self.known.iter().position(|(known, _)| *known == standard);
        let at = at.unwrap_or_else(|| {
            let pods = self.workloads.iter();
            let level = standard.profile.level();
            let verdicts = pods
                .map(|one| judge(one, level, standard.version))
                .collect();
            self.known.push((standard, verdicts));
            self.known.len() - 1
        });
        self.known.get(at).map_or(&[], |(_, verdicts)| verdicts)
    }

    /// Breaches of podward's own rules that a mode asks for.
    fn own(&mut self, standards: &Standards, mode: Mode) -> Vec<Finding> {
        let standard = standards.standard(mode);
        let profile = standard.profile == Profile::Podward;
        let mut rules = standards.rules.iter();
        if !profile && !rules.any(|(of, _, on)| *of == mode && *on) {
            return Vec::new();
        }
        let asked = |finding: &&Finding| {
            let named = standards.rule(mode, finding.rule);
            named.unwrap_or(profile && finding.severity >= Severity::Warning)
        };
        let mut found: Vec<_> = self
            .findings(standard.version)
            .iter()
            .filter(asked)
            .cloned()
            .collect();
        if !profile {
            // controls of Pod Security that are asked for by themselves, and that the profile does not name already
            let restricted = Standard {
                profile: Profile::Level(Level::Restricted),
                ..standard
            };
            let broken = |verdicts: &[Verdict]| -> Vec<Finding> {
                let violations = verdicts.iter().flat_map(|verdict| &verdict.violations);
                let findings = violations.flat_map(|violation| &violation.findings);
                findings.cloned().collect()
            };
            let named = broken(self.verdicts(standard));
            let is_named = |finding: &Finding| named.iter().any(|one| one.rule == finding.rule);
            let more = broken(self.verdicts(restricted)).into_iter();
            found.extend(more.filter(|one| asked(&one) && !is_named(one)));
        }
        found
    }

    /// What podward's own rules find. No annotation of the object leaves anything of it: who writes a pod does not
    /// decide what it is held to.
    fn findings(&mut self, version: Version) -> Arc<[Finding]> {
        if let Some((_, found)) = self.found.iter().find(|(known, _)| *known == version) {
            return Arc::clone(found);
        }
        let settings = Settings {
            profile: Profile::Podward,
            version,
            ids: Ids::default(),
            exceptions: Arc::new(Exceptions::default()),
        };
        let alone = surroundings(Neighbours::default);
        let found: Arc<[Finding]> = findings_of(self.object, &settings, &alone).into();
        self.found.push((version, Arc::clone(&found)));
        found
    }
}

/// A verdict without the controls that are left out.
fn without(verdict: &Verdict, is_left_out: impl Fn(&str) -> bool) -> Verdict {
    let mut verdict = verdict.clone();
    verdict
        .violations
        .retain(|violation| !is_left_out(violation.check));
    verdict
}

impl Judged {
    /// What is broken, as the refusal says it.
    pub(crate) fn violates(&self) -> String {
        match &self.verdict {
            Some(verdict) => verdict.violates(),
            None => format!("violates podward \"{}\": {}", self.standard, self.rules()),
        }
    }

    /// What would be broken, as the warning says it.
    pub(crate) fn would_violate(&self) -> String {
        match &self.verdict {
            Some(verdict) => verdict.warning(),
            None => format!(
                "would {}",
                self.violates().replacen("violates", "violate", 1)
            ),
        }
    }

    /// The reasons alone.
    pub(crate) fn reasons(&self) -> String {
        match &self.verdict {
            Some(verdict) => {
                let reasons: Vec<_> = verdict.violations.iter().map(|one| &*one.reason).collect();
                reasons.join(", ")
            }
            None => self.rules(),
        }
    }

    fn rules(&self) -> String {
        let mut told: Vec<(&str, Vec<&str>)> = Vec::new();
        for finding in &self.findings {
            match told.iter_mut().find(|(rule, _)| *rule == finding.rule) {
                Some((_, fields)) => fields.push(&finding.field),
                None => told.push((finding.rule, vec![&finding.field])),
            }
        }
        let told: Vec<_> = told
            .iter()
            .map(|(rule, fields)| format!("{rule} ({})", fields.join(", ")))
            .collect();
        told.join(", ")
    }

    /// What mends it, field by field, and by which command: lines without breaks.
    pub(crate) fn own_lines(&self) -> Vec<String> {
        let violations = self.verdict.iter().flat_map(|verdict| &verdict.violations);
        let findings = violations.flat_map(|violation| &violation.findings);
        let all: Vec<_> = findings.chain(&self.findings).collect();
        let mut lines: Vec<String> = all
            .iter()
            .take(MAX_LINES)
            .map(|finding| format!("podward: {}: {}", finding.field, finding.mend))
            .collect();
        if let Some(more) = all.len().checked_sub(MAX_LINES).filter(|more| *more > 0) {
            lines.push(format!("podward: and {more} more fields"));
        }
        let unsafe_fixes = all
            .iter()
            .filter_map(|finding| finding.fix.as_ref())
            .any(|fix| matches!(fix.safety, Safety::MayBreak(_)));
        let version = match self.standard.version {
            Version::Latest => String::new(),
            version @ Version::V1(_) => format!(" --kubernetes-version {version}"),
        };
        let profile = match self.family {
            Family::Podward if self.verdict.is_none() => Profile::Podward,
            _ => self.standard.profile,
        };
        lines.push(format!(
            "podward: mend the manifest by: podward fix --profile {profile}{version}{} FILE",
            if unsafe_fixes { " --unsafe-fixes" } else { "" }
        ));
        lines
            .iter_mut()
            .for_each(|line| *line = line.replace('\n', " "));
        lines
    }
}
