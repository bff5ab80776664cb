//! Mending a file: the fixes of its findings, each kept only if the file then reads as meant, has
//! that finding no more and has no new one. Pure: text in, text out.

use std::collections::BTreeSet;

use podward_manifest::{Object, edit, objects_found, parse, workload};

use crate::{Finding, Level, Safety, Version, judge};

/// What became of the findings of a file.
#[derive(Debug, Default)]
pub struct Mended {
    /// The text, mended.
    pub text: String,
    /// Findings that are mended.
    pub done: Vec<Finding>,
    /// Findings whose fix may break a pod, and was not asked for.
    pub unsafe_left: Vec<Finding>,
    /// Findings whose fix could not be made, and why.
    pub failed: Vec<(Finding, String)>,
    /// Findings that a person has to mend.
    pub by_hand: Vec<Finding>,
}

/// What a finding is, wherever it stands: its place moves as lines come in.
fn key(finding: &Finding) -> (&'static str, String, String) {
    (finding.rule, finding.field.clone(), finding.message.clone())
}

/// Every finding of a file, with the number and the start of its object.
fn findings(
    path: &str,
    text: &str,
    level: Level,
    version: Version,
) -> Result<Vec<(usize, Object, Finding)>, String> {
    let documents = parse(path, text).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    let all = documents.into_iter().flat_map(objects_found);
    for (number, object) in all.enumerate() {
        let Some(pods) = workload(&object) else {
            continue;
        };
        let verdict = judge(&pods, level, version);
        let spots = verdict.violations.into_iter().flat_map(|v| v.findings);
        found.extend(spots.map(|finding| (number, object.clone(), finding)));
    }
    Ok(found)
}

/// Mends the findings of a file at a level.
///
/// # Errors
/// When the file cannot be read.
pub fn mend(
    path: &str,
    text: &str,
    level: Level,
    version: Version,
    may_break: bool,
) -> Result<Mended, String> {
    let mut mended = Mended {
        text: text.to_owned(),
        ..Mended::default()
    };
    let mut tried = BTreeSet::new();
    // ends: each finding is tried once, and no fix may bring another
    loop {
        let before = findings(path, &mended.text, level, version)?;
        let next = before.iter().find(|(number, _, finding)| {
            let wanted = finding
                .fix
                .as_ref()
                .is_some_and(|fix| may_break || fix.safety == Safety::Safe);
            wanted && !tried.contains(&(*number, key(finding)))
        });
        let Some((number, object, finding)) = next else {
            break;
        };
        tried.insert((*number, key(finding)));
        let Some(fix) = &finding.fix else { break };
        let edited = edit(
            &mended.text,
            object.node.start,
            std::slice::from_ref(&fix.change),
        )
        .map_err(|e| e.to_string())
        .and_then(|text| {
            let after = findings(path, &text, level, version)?;
            worse(&before, &after, *number, finding).map_or(Ok(text), Err)
        });
        match edited {
            Ok(text) => mended.text = text,
            Err(why) => mended.failed.push((finding.clone(), why)),
        }
    }
    sort(path, text, level, version, &mut mended)?;
    Ok(mended)
}

/// Why a fix is no good: it leaves its finding, or brings another.
fn worse(
    before: &[(usize, Object, Finding)],
    after: &[(usize, Object, Finding)],
    number: usize,
    mended: &Finding,
) -> Option<String> {
    let had: BTreeSet<_> = before.iter().map(|(n, _, f)| (*n, key(f))).collect();
    for (n, _, finding) in after {
        if (*n, key(finding)) == (number, key(mended)) {
            return Some("the finding would stay".into());
        }
        if !had.contains(&(*n, key(finding))) {
            return Some(format!("it would bring another: {}", finding.message));
        }
    }
    None
}

/// Tells the findings of the first text apart by what became of them.
fn sort(
    path: &str,
    text: &str,
    level: Level,
    version: Version,
    mended: &mut Mended,
) -> Result<(), String> {
    let left: BTreeSet<_> = findings(path, &mended.text, level, version)?
        .iter()
        .map(|(number, _, finding)| (*number, key(finding)))
        .collect();
    let failed: BTreeSet<_> = mended.failed.iter().map(|(f, _)| key(f)).collect();
    for (number, _, finding) in findings(path, text, level, version)? {
        let is_left = left.contains(&(number, key(&finding)));
        match &finding.fix {
            _ if !is_left => mended.done.push(finding),
            Some(_) if failed.contains(&key(&finding)) => {}
            Some(fix) if fix.safety != Safety::Safe => mended.unsafe_left.push(finding),
            _ => mended.by_hand.push(finding),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a pod\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: a  # the one\n    image: x\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec:\n  hostNetwork: true # node exporter\n  containers:\n  - name: b\n    securityContext: {privileged: true}\n";

    fn run(may_break: bool) -> Mended {
        mend("f", TEXT, Level::Restricted, Version::Latest, may_break).unwrap()
    }

    #[test]
    fn safe_fixes_leave_a_working_pod_as_it_works() {
        let mended = run(false);
        assert_eq!(
            mended.text,
            TEXT.replace(
                "    image: x\n",
                "    image: x\n    securityContext:\n      allowPrivilegeEscalation: false\n  securityContext:\n    seccompProfile:\n      type: RuntimeDefault\n"
            )
        );
        assert_eq!(mended.done.len(), 2);
        assert!(mended.unsafe_left.len() > 4);
        assert!(mended.failed.is_empty(), "{:?}", mended.failed);
    }

    #[test]
    fn all_fixes_together_make_it_restricted_and_a_second_run_changes_nothing() {
        let mended = run(true);
        let again = mend("f", &mended.text, Level::Restricted, Version::Latest, true).unwrap();
        assert_eq!(again.text, mended.text);
        assert!(again.done.is_empty());
        let left = findings("f", &mended.text, Level::Restricted, Version::Latest).unwrap();
        assert!(left.is_empty(), "{}\n{left:?}", mended.text);
        for comment in ["# a pod", "# the one", "# node exporter"] {
            assert!(mended.text.contains(comment));
        }
    }

    #[test]
    fn what_is_shared_is_left_and_said() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n  containers:\n  - name: a\n    securityContext: &s {capabilities: {drop: [ALL]}}\n  - name: b\n    securityContext: *s\n";
        let mended = mend("f", text, Level::Restricted, Version::Latest, true).unwrap();
        assert_eq!(mended.text, text);
        assert_eq!(mended.failed.len(), 2, "{:?}", mended.failed);
    }
}
