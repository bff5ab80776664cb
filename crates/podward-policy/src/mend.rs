//! Mending files: the fixes of their findings, each kept only if the file then reads as meant, has
//! that finding no more and has no new one. Pure: text in, text out.

mod across;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use podward_manifest::{Change, Position, Step, edit_all};
use serde_json::Value;

use crate::neighbours::Surroundings;
use crate::{Decoded, Finding, Safety, Settings, Severity, examine, patch};
pub use across::{Fixed, mend_across};

/// What became of the findings of a file.
#[derive(Clone, Debug, Default)]
pub struct Mended {
    /// Path of the file.
    pub path: String,
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
    /// Findings whose fix changes other objects too: [`mend_across`] makes it.
    pub across: Vec<Finding>,
    /// How many of its objects are patches of kustomize, which are left as they are.
    pub patches: usize,
}

/// How far mending goes.
#[derive(Clone, Debug)]
pub struct Mending {
    /// What is to be reached.
    pub settings: Settings,
    /// Whether fixes are made too that may break a pod that works.
    pub may_break: bool,
    /// Whether hints are acted on too.
    pub hints: bool,
}

/// Most times a document is gone through: a fix brings out what its finding hid, and where one cannot be
/// made, those beside it are made one by one.
const PASSES: usize = 16;

/// Rule, field and message.
type Key = (&'static str, String, Cow<'static, str>);

/// A finding, with the number and the start of its object.
type Placed = (usize, Position, Finding);

/// What a finding is, wherever it stands: its place moves as lines come in.
fn key(finding: &Finding) -> Key {
    (finding.rule, finding.field.clone(), finding.message.clone())
}

/// Every finding of a file.
fn findings(
    path: &str,
    text: &str,
    settings: &Settings,
    around: &Surroundings<'_>,
) -> Result<Vec<Placed>, String> {
    let examined = examine(path, text, settings, around);
    if let Some(error) = examined.errors.first() {
        return Err(error.to_string());
    }
    let mut found = Vec::new();
    for (number, one) in examined.objects.into_iter().enumerate() {
        let start = one.object.node.start;
        let verdicts = one
            .verdicts
            .into_iter()
            .filter_map(|decoded| match decoded {
                Decoded::Verdict(verdict) => Some(verdict),
                Decoded::Error(_) => None,
            });
        let violations = verdicts.flat_map(|verdict| verdict.violations);
        let of_verdicts = violations.flat_map(|violation| violation.findings);
        // what the pod is for comes first: it decides what else is asked of it
        let all = one.findings.into_iter().chain(of_verdicts);
        found.extend(all.map(|finding| (number, start, finding)));
    }
    Ok(found)
}

/// One file that is to be mended.
struct Aim<'a> {
    path: &'a str,
    mending: &'a Mending,
    around: &'a Surroundings<'a>,
}

/// Mends the findings of a file that its own objects can mend.
///
/// # Errors
/// When the file cannot be read.
pub fn mend(
    path: &str,
    text: &str,
    mending: &Mending,
    around: &Surroundings<'_>,
) -> Result<Mended, String> {
    let aim = Aim {
        path,
        mending,
        around,
    };
    // document by document, so that a long file takes no longer for each; what stands before the
    // first line of one, such as a directive, may need the whole
    let parts = parts(text);
    let mut whole = Mended {
        path: path.to_owned(),
        patches: aim.patches(text),
        ..Mended::default()
    };
    let mut line = 0;
    for part in &parts {
        let Ok(mut mended) = aim.mend(part) else {
            return aim.mend(text).map(|mended| Mended {
                patches: whole.patches,
                ..mended
            });
        };
        let findings = [
            &mut mended.done,
            &mut mended.unsafe_left,
            &mut mended.by_hand,
            &mut mended.across,
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
        whole.across.append(&mut mended.across);
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
    fn findings(&self, text: &str) -> Result<Vec<Placed>, String> {
        findings(self.path, text, &self.mending.settings, self.around)
    }

    /// How many objects are patches.
    fn patches(&self, text: &str) -> usize {
        let settings = &self.mending.settings;
        if !settings.exceptions.is_patch && !patch::may_be_in(text) {
            return 0;
        }
        let examined = examine(self.path, text, settings, self.around);
        examined.objects.iter().filter(|one| one.is_patch).count()
    }

    /// Whether the fix of a finding is to be made, as far as one object goes.
    fn wants(&self, finding: &Finding) -> bool {
        self.mending.wants(finding) && !changes_others(finding)
    }

    fn mend(&self, text: &str) -> Result<Mended, String> {
        let mut mended = Mended {
            path: self.path.to_owned(),
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
        let mut groups = Vec::new();
        for of_one in all.chunk_by(|(one, ..), (next, ..)| one == next) {
            let Some((number, start, _)) = of_one.first() else {
                continue;
            };
            let (number, start) = (*number, *start);
            let findings: Vec<_> = of_one
                .iter()
                .map(|(_, _, finding)| finding)
                .filter(|finding| self.wants(finding) && tried.insert((number, key(finding))))
                .collect();
            if !findings.is_empty() {
                groups.push(Group {
                    number,
                    start,
                    findings,
                });
            }
        }
        self.settle(mended, &groups)?;
        Ok(!groups.is_empty())
    }

    /// Mends these objects: all at once, or by halves, so that one whose fixes cannot be made does not cost a reading of
    /// the document for each of the others.
    fn settle(&self, mended: &mut Mended, groups: &[Group<'_>]) -> Result<(), String> {
        let Some(first) = groups.first() else {
            return Ok(());
        };
        if let Ok(text) = self.attempt(&mended.text, groups) {
            mended.text = text;
            return Ok(());
        }
        if groups.len() > 1 {
            let (before, behind) = groups.split_at(groups.len() / 2);
            // from the last one on: the places of those before it stay
            self.settle(mended, behind)?;
            return self.settle(mended, before);
        }
        // one of them cannot be made: which one, and why
        for finding in &first.findings {
            // an item taken out has given those behind it other numbers: they are for the next time
            let current = self.findings(&mended.text)?;
            let is_it = |(of, _, one): &&Placed| *of == first.number && key(one) == key(finding);
            let Some((number, start, finding)) = current.iter().find(is_it) else {
                continue;
            };
            let alone = Group {
                number: *number,
                start: *start,
                findings: vec![finding],
            };
            match self.attempt(&mended.text, &[alone]) {
                Ok(text) => mended.text = text,
                Err(why) => mended.failed.push((finding.clone(), why)),
            }
        }
        Ok(())
    }

    /// The text with the findings of these objects mended, and nothing made worse.
    fn attempt(&self, text: &str, groups: &[Group<'_>]) -> Result<String, String> {
        let edits: Vec<_> = groups
            .iter()
            .map(|group| {
                let changes = group.findings.iter().flat_map(|finding| finding.changes());
                (group.start, distinct(changes))
            })
            .collect();
        let edited = edit_all(text, &edits).map_err(|e| e.to_string())?;
        let (before, after) = (self.findings(text)?, self.findings(&edited)?);
        worse(&before, &after, groups, self.mending).map_or(Ok(edited), Err)
    }

    /// Tells the findings apart by what became of them.
    fn sort(&self, all: &[Placed], mended: &mut Mended) -> Result<(), String> {
        let now = self.findings(&mended.text)?;
        let left: BTreeSet<_> = now
            .iter()
            .map(|(number, _, finding)| (*number, key(finding)))
            .collect();
        // a hint may have become a fault by what was mended
        let across = now.into_iter().map(|(_, _, finding)| finding);
        mended.across = across
            .filter(|finding| self.mending.wants(finding) && changes_others(finding))
            .collect();
        // another fix may have mended what one alone could not
        let keys: BTreeSet<_> = left.iter().map(|(_, key)| key).collect();
        mended
            .failed
            .retain(|(finding, _)| keys.contains(&key(finding)));
        for (number, _, finding) in all {
            let is_left = left.contains(&(*number, key(finding)));
            let has_failed = mended.failed.iter().any(|(failed, _)| failed == finding);
            let finding = finding.clone();
            match &finding.fix {
                // a hint need not be acted on
                _ if is_left && finding.severity == Severity::Info => {}
                _ if !is_left => mended.done.push(finding),
                Some(_) if has_failed => {}
                Some(_) if self.mending.wants(&finding) && changes_others(&finding) => {}
                Some(fix) if matches!(fix.safety, Safety::MayBreak(_)) => {
                    mended.unsafe_left.push(finding);
                }
                _ => mended.by_hand.push(finding),
            }
        }
        Ok(())
    }
}

impl Mending {
    fn wants(&self, finding: &Finding) -> bool {
        if finding.severity == Severity::Info && !self.hints {
            return false;
        }
        match finding.fix.as_ref().map(|fix| fix.safety) {
            Some(Safety::Safe) => true,
            Some(Safety::MayBreak(_)) => self.may_break,
            Some(Safety::Decision(_)) | None => false,
        }
    }
}

fn is_safe(finding: &Finding) -> bool {
    let fix = finding.fix.as_ref();
    fix.is_some_and(|fix| fix.safety == Safety::Safe)
}

fn changes_others(finding: &Finding) -> bool {
    let fix = finding.fix.as_ref();
    fix.is_some_and(|fix| !fix.elsewhere.is_empty())
}

/// Findings of an object that are mended together.
struct Group<'f> {
    /// Number of the object in its file.
    number: usize,
    /// Where it starts.
    start: Position,
    findings: Vec<&'f Finding>,
}

/// Changes of which several findings may ask for the same.
fn distinct(changes: impl Iterator<Item = Change>) -> Vec<Change> {
    let mut known: BTreeMap<Vec<Step>, Vec<Option<Value>>> = BTreeMap::new();
    let is_new = |change: &Change| {
        let values = known.entry(change.path.clone()).or_default();
        let is_new = !values.contains(&change.value);
        if is_new {
            values.push(change.value.clone());
        }
        is_new
    };
    changes.filter(is_new).collect()
}

/// Why fixes are no good: they leave one of their findings, or break a rule that held. Of a rule that
/// did not hold, others may come out that were hidden, and so may one that is mended next.
fn worse(
    before: &[Placed],
    after: &[Placed],
    groups: &[Group<'_>],
    mending: &Mending,
) -> Option<String> {
    let had: BTreeSet<_> = before.iter().map(|(n, _, f)| (*n, f.rule)).collect();
    let mut gone = BTreeSet::new();
    // a hint may come of what was asked for though it may break, and is the hint at how it breaks
    let mut safe = BTreeMap::new();
    for group in groups {
        gone.extend(group.findings.iter().map(|f| (group.number, key(f))));
        let is_safe = group.findings.iter().all(|finding| is_safe(finding));
        safe.insert(group.number, is_safe && !group.findings.is_empty());
    }
    let all_are_safe = !safe.is_empty() && safe.values().all(|is_safe| *is_safe);
    for (n, _, finding) in after {
        if gone.contains(&(*n, key(finding))) {
            return Some("the finding would stay".into());
        }
        let is_safe = *safe.get(n).unwrap_or(&all_are_safe);
        let counts = finding.severity > Severity::Info || is_safe;
        let is_new = counts && !had.contains(&(*n, finding.rule));
        if is_new && !mending.wants(finding) {
            return Some(format!("it would bring another: {}", finding.message));
        }
    }
    None
}

#[cfg(test)]
mod tests;
