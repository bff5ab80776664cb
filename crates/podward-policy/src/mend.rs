//! Mending a file: the fixes of its findings, each kept only if the file then reads as meant, has
//! that finding no more and has no new one. Pure: text in, text out.

use std::collections::BTreeSet;

use podward_manifest::{Position, edit, objects_found, parse, workload};

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

/// Most times a document is gone through: a fix brings out what its finding hid.
const PASSES: usize = 4;

/// Rule, field and message.
type Key = (&'static str, String, String);

/// What a finding is, wherever it stands: its place moves as lines come in.
fn key(finding: &Finding) -> Key {
    (finding.rule, finding.field.clone(), finding.message.clone())
}

/// Every finding of a file, with the number and the start of its object.
fn findings(
    path: &str,
    text: &str,
    level: Level,
    version: Version,
) -> Result<Vec<(usize, Position, Finding)>, String> {
    let documents = parse(path, text).map_err(|e| e.to_string())?;
    let mut found = Vec::new();
    let all = documents.into_iter().flat_map(objects_found);
    for (number, object) in all.enumerate() {
        let Some(pods) = workload(&object) else {
            continue;
        };
        let verdict = judge(&pods, level, version);
        let spots = verdict.violations.into_iter().flat_map(|v| v.findings);
        found.extend(spots.map(|finding| (number, object.node.start, finding)));
    }
    Ok(found)
}

/// What is to be reached, and how far a fix may go.
#[derive(Clone, Copy)]
struct Aim<'a> {
    path: &'a str,
    level: Level,
    version: Version,
    may_break: bool,
}

impl Aim<'_> {
    fn findings(&self, text: &str) -> Result<Vec<(usize, Position, Finding)>, String> {
        findings(self.path, text, self.level, self.version)
    }

    fn wants(&self, finding: &Finding) -> bool {
        let fix = finding.fix.as_ref();
        fix.is_some_and(|fix| self.may_break || fix.safety == Safety::Safe)
    }
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
    let aim = Aim {
        path,
        level,
        version,
        may_break,
    };
    // document by document, so that a long file takes no longer for each; what stands before the
    // first line of one, such as a directive, may need the whole
    let parts = parts(text);
    let mut whole = Mended::default();
    let mut line = 0;
    for part in &parts {
        let Ok(mut mended) = aim.mend(part) else {
            return aim.mend(text);
        };
        let findings = [
            &mut mended.done,
            &mut mended.unsafe_left,
            &mut mended.by_hand,
        ];
        let failed = mended.failed.iter_mut().map(|(finding, _)| finding);
        for finding in findings.into_iter().flatten().chain(failed) {
            finding.position.line += line;
        }
        line += part.matches('\n').count();
        whole.text.push_str(&mended.text);
        whole.done.append(&mut mended.done);
        whole.unsafe_left.append(&mut mended.unsafe_left);
        whole.failed.append(&mut mended.failed);
        whole.by_hand.append(&mut mended.by_hand);
    }
    Ok(whole)
}

/// A text cut before each line that begins a document.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(at) = rest.get(from..).and_then(|tail| tail.find("\n---")) {
        let cut = from + at + 1;
        let after = rest.get(cut + 3..).and_then(|tail| tail.chars().next());
        if after.is_none_or(char::is_whitespace)
            && let Some((part, tail)) = rest.split_at_checked(cut)
        {
            parts.push(part);
            (rest, from) = (tail, 3);
        } else {
            from = cut;
        }
    }
    parts.push(rest);
    parts
}

impl Aim<'_> {
    fn mend(&self, text: &str) -> Result<Mended, String> {
        let mut mended = Mended {
            text: text.to_owned(),
            ..Mended::default()
        };
        let mut tried = BTreeSet::new();
        for _ in 0..PASSES {
            if !self.pass(&mut mended, &mut tried)? {
                break;
            }
        }
        self.sort(&self.findings(text)?, &mut mended)?;
        Ok(mended)
    }

    /// Mends what can be, once for each object; whether there was anything to try.
    fn pass(
        &self,
        mended: &mut Mended,
        tried: &mut BTreeSet<(usize, Key)>,
    ) -> Result<bool, String> {
        let all = self.findings(&mended.text)?;
        let mut objects: Vec<usize> = all.iter().map(|(number, ..)| *number).collect();
        objects.dedup();
        let mut any = false;
        // from the last one on: the places of those before it stay
        for number in objects.into_iter().rev() {
            let wanted: Vec<_> = all
                .iter()
                .filter(|(of, _, finding)| *of == number && self.wants(finding))
                .filter(|(_, _, finding)| tried.insert((number, key(finding))))
                .collect();
            let Some(&&(_, object, _)) = wanted.first() else {
                continue;
            };
            any = true;
            let findings: Vec<&Finding> = wanted.iter().map(|(_, _, finding)| finding).collect();
            if let Ok(text) = self.attempt(&mended.text, number, object, &findings) {
                mended.text = text;
                continue;
            }
            // one of them cannot be made: which one, and why
            for finding in findings {
                match self.attempt(&mended.text, number, object, &[finding]) {
                    Ok(text) => mended.text = text,
                    Err(why) => mended.failed.push((finding.clone(), why)),
                }
            }
        }
        Ok(any)
    }

    /// The text with these findings of an object mended, and nothing made worse.
    fn attempt(
        &self,
        text: &str,
        number: usize,
        object: Position,
        findings: &[&Finding],
    ) -> Result<String, String> {
        let fixes = findings.iter().filter_map(|finding| finding.fix.as_ref());
        let changes: Vec<_> = fixes.map(|fix| fix.change.clone()).collect();
        let edited = edit(text, object, &changes).map_err(|e| e.to_string())?;
        let (before, after) = (self.findings(text)?, self.findings(&edited)?);
        worse(&before, &after, number, findings).map_or(Ok(edited), Err)
    }

    /// Tells the findings apart by what became of them.
    fn sort(&self, all: &[(usize, Position, Finding)], mended: &mut Mended) -> Result<(), String> {
        let left: BTreeSet<_> = self
            .findings(&mended.text)?
            .iter()
            .map(|(number, _, finding)| (*number, key(finding)))
            .collect();
        for (number, _, finding) in all {
            let is_left = left.contains(&(*number, key(finding)));
            let has_failed = mended.failed.iter().any(|(failed, _)| failed == finding);
            let finding = finding.clone();
            match &finding.fix {
                _ if !is_left => mended.done.push(finding),
                Some(_) if has_failed => {}
                Some(fix) if fix.safety != Safety::Safe => mended.unsafe_left.push(finding),
                _ => mended.by_hand.push(finding),
            }
        }
        Ok(())
    }
}

/// Why fixes are no good: they leave one of their findings, or break a rule that held. Of a rule that
/// did not hold, others may come out that were hidden.
fn worse(
    before: &[(usize, Position, Finding)],
    after: &[(usize, Position, Finding)],
    number: usize,
    mended: &[&Finding],
) -> Option<String> {
    let had: BTreeSet<_> = before.iter().map(|(n, _, f)| (*n, f.rule)).collect();
    let gone: BTreeSet<_> = mended.iter().map(|f| (number, key(f))).collect();
    for (n, _, finding) in after {
        if gone.contains(&(*n, key(finding))) {
            return Some("the finding would stay".into());
        }
        if !had.contains(&(*n, finding.rule)) {
            return Some(format!("it would bring another: {}", finding.message));
        }
    }
    None
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
