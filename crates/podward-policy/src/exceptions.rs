//! What a person has decided to leave: by a comment, an annotation or the configuration, each with
//! its reason.

mod layout;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use layout::Layout;
use podward_manifest::{Node, Object, Position};

use crate::rule::pod;
use crate::{Finding, Profile, Remedy, Rule, Settings, Severity, Version};

/// What the configuration says of rules, as far as it is about one file.
#[derive(Debug, Default)]
pub struct Exceptions {
    /// Rules whose findings count as another severity, or not at all.
    pub severities: BTreeMap<String, Option<Severity>>,
    /// Rules that are left where they are broken.
    pub ignores: Vec<Arc<Ignore>>,
    /// Findings that are to stay.
    pub known: Known,
    /// Whether the file is a patch of kustomize: what is missing in it stands in what it patches.
    pub is_patch: bool,
}

/// Says of a finding in an object whether it is to stay; of none where there is no function.
#[derive(Clone, Default)]
pub struct Known(pub Option<Arc<IsKnown>>);

/// Whether a finding in an object is known.
pub type IsKnown = dyn Fn(&Object, &Finding) -> bool + Send + Sync;

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Known").field(&self.0.is_some()).finish()
    }
}

impl Known {
    fn holds(&self, object: &Object, finding: &Finding) -> bool {
        self.0.as_ref().is_some_and(|known| known(object, finding))
    }
}

/// Rules that are left in some objects.
#[derive(Debug, Default)]
pub struct Ignore {
    /// Names of the rules.
    pub rules: Vec<String>,
    /// Namespaces of the objects; all where there is none.
    pub namespaces: Vec<String>,
    /// Whether it has left anything.
    pub used: AtomicBool,
}

const SOURCE: &str = "docs/check.md, \"What is left\"";

pub(crate) static UNUSED: Rule = Rule {
    id: "unusedSuppression",
    severity: Severity::Warning,
    profile: Profile::ALWAYS,
    title: "every suppression leaves something, and says why",
    why: "a suppression that leaves nothing today hides tomorrow's fault, and one without a reason cannot be judged",
    mend: "take the comment or the annotation out, or write the rule's name and the reason",
    source: SOURCE,
    remedy: Remedy::ByHand,
    as_of: Version::Latest,
    file: "web.yaml",
    fails: &[
        pod!(
            "  # podward: ignore[credentialInEnv] made for each test\n  hostPID: false\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        ),
        pod!(
            "  # podward: ignore[hostNamespaces]\n  hostPID: true\n  containers:\n  - name: web\n    image: example.com/web:1\n"
        ),
    ],
    passes: &[pod!(
        "  containers:\n  - name: web\n    image: example.com/web:1\n    env:\n    - name: DB_PASSWORD\n      value: hunter2 # podward: ignore[credentialInEnv] of a database that is made for each test\n"
    )],
};

/// What a comment begins with.
const NAME: &str = "podward:";
const MARK: &str = "podward: ignore[";
const ANNOTATION: &str = "podward.dev/ignore.";

/// A comment or an annotation that leaves a rule.
struct Suppression {
    rule: String,
    reason: String,
    /// Where it is written.
    at: Position,
    scope: Scope,
    used: bool,
}

/// The lines of a file that a suppression is about, from the first to the last.
#[derive(Clone, Copy)]
pub(super) enum Scope {
    Lines(usize, usize),
    /// Those of the object that begins on a line.
    ObjectAt(usize),
    /// The object that an annotation is in.
    Annotated,
    /// None: it only looks like a comment, within a text.
    Text,
    /// None: it is not written as one.
    Unread,
}

/// The suppressions of a file.
#[derive(Default)]
pub(crate) struct Suppressions {
    /// Those in comments, in the order of the file.
    comments: Vec<Suppression>,
    /// By rule, those that are about lines.
    of_lines: BTreeMap<String, Vec<OfLines>>,
    /// By rule and line, those that are about the object that begins there.
    of_objects: BTreeMap<(String, usize), Vec<usize>>,
    /// Those in annotations, which have had their effect.
    annotations: Vec<Suppression>,
}

/// A comment that is about lines.
struct OfLines {
    /// Which of the comments.
    index: usize,
    first: usize,
    /// The last line that it or one before it is about.
    last: usize,
}

impl Suppressions {
    /// Whether a text may hold any.
    pub(crate) fn are_in(text: &str) -> bool {
        holds(text, NAME) || holds(text, ANNOTATION)
    }

    /// Those in comments.
    pub(crate) fn of_comments(text: &str) -> Self {
        if !holds(text, NAME) {
            return Self::default();
        }
        let layout = Layout::of(text);
        let mut suppressions = Self::default();
        for (index, line) in text.lines().enumerate() {
            let Some((before, rules, reason)) = comment(line) else {
                if let Some(before) = unread(line) {
                    suppressions.add(Suppression {
                        rule: String::new(),
                        reason: String::new(),
                        at: Position {
                            line: index + 1,
                            column: before.chars().count() + 1,
                        },
                        scope: Scope::Unread,
                        used: false,
                    });
                }
                continue;
            };
            let at = Position {
                line: index + 1,
                column: before.chars().count() + 1,
            };
            let scope = layout.scope(index, before.trim().is_empty());
            for rule in rules.split(',') {
                suppressions.add(Suppression {
                    rule: rule.trim().to_owned(),
                    reason: reason.to_owned(),
                    at,
                    scope,
                    used: false,
                });
            }
        }
        suppressions
    }

    fn add(&mut self, comment: Suppression) {
        let (index, rule) = (self.comments.len(), comment.rule.clone());
        match comment.scope {
            // comments are met in the order of the lines they are about
            Scope::Lines(first, to) => {
                let of_rule = self.of_lines.entry(rule).or_default();
                let last = of_rule.last().map_or(to, |before| to.max(before.last));
                of_rule.push(OfLines { index, first, last });
            }
            Scope::ObjectAt(line) => {
                let of_object = self.of_objects.entry((rule, line));
                of_object.or_default().push(index);
            }
            Scope::Annotated | Scope::Text | Scope::Unread => {}
        }
        self.comments.push(comment);
    }

    /// Takes out what only looks like a comment: it stands within a text of the document.
    pub(crate) fn leave_texts(&mut self, root: &Node) {
        let from = self.comments.partition_point(|one| one.at < root.start);
        let to = self.comments.partition_point(|one| one.at < root.end);
        let Some(within) = self.comments.get_mut(from..to) else {
            return;
        };
        if within.is_empty() {
            return;
        }
        let mut texts = Vec::new();
        texts_of(root, &mut texts);
        // of texts that begin before a place, only the last can hold it
        texts.sort_unstable();
        for one in within {
            let before = texts.partition_point(|(start, _)| *start <= one.at);
            let last = before.checked_sub(1).and_then(|index| texts.get(index));
            if last.is_some_and(|(_, end)| one.at < *end) {
                one.scope = Scope::Text;
            }
        }
    }

    /// Takes out what is to be left of an object; how many findings those were.
    pub(crate) fn apply<'f>(
        &mut self,
        object: &Object,
        settings: &Settings,
        findings: impl Iterator<Item = &'f mut Vec<Finding>>,
    ) -> usize {
        let mut of_object = annotations(object);
        let namespace = crate::neighbours::namespace(object);
        let lines = (object.node.start.line, object.node.end.line);
        let mut taken = 0;
        for list in findings {
            let before = list.len();
            list.retain_mut(|finding| {
                // each of them has its use, also where one alone would do
                let left = self.leaves(finding, Some(lines)) | leaves(&mut of_object, finding);
                !left
                    && of_configuration(finding, Some(namespace), settings)
                    && !settings.exceptions.known.holds(object, finding)
            });
            taken += before - list.len();
        }
        self.annotations.append(&mut of_object);
        taken
    }

    /// The same of findings that belong to no object.
    pub(crate) fn apply_to_file(
        &mut self,
        settings: &Settings,
        findings: &mut Vec<Finding>,
    ) -> usize {
        let before = findings.len();
        findings.retain_mut(|finding| {
            !self.leaves(finding, None) && of_configuration(finding, None, settings)
        });
        before - findings.len()
    }

    fn leaves(&mut self, finding: &Finding, object: Option<(usize, usize)>) -> bool {
        let line = finding.position.line;
        let mut about = Vec::new();
        if let Some(of_rule) = self.of_lines.get(finding.rule) {
            let begun = of_rule.partition_point(|one| one.first <= line);
            let begun = of_rule.get(..begun).unwrap_or_default().iter().rev();
            // none before reaches as far
            let reaching = begun.take_while(|one| one.last >= line);
            about.extend(reaching.map(|one| one.index));
        }
        if !self.of_objects.is_empty() {
            let start = object.filter(|(from, to)| (from..=to).contains(&&line));
            let lines = start.map(|(from, _)| from).into_iter().chain([line]);
            for at in lines {
                let of_object = self.of_objects.get(&(finding.rule.to_owned(), at));
                about.extend(of_object.into_iter().flatten());
            }
        }
        let mut left = false;
        for index in about {
            let Some(one) = self.comments.get_mut(index) else {
                continue;
            };
            let covers = match one.scope {
                Scope::Lines(from, to) => (from..=to).contains(&line),
                Scope::ObjectAt(_) => true,
                Scope::Annotated | Scope::Text | Scope::Unread => false,
            };
            if covers && !one.reason.is_empty() {
                one.used = true;
                left = true;
            }
        }
        left
    }

    /// Findings on the suppressions themselves: those that leave nothing or have no reason.
    pub(crate) fn faults(self, path: &str, settings: &Settings) -> Vec<Finding> {
        let mut told = BTreeSet::new();
        let mut found = Vec::new();
        // a name that is none often stands in many places
        let mut nearest = BTreeMap::new();
        let all = self.comments.into_iter().chain(self.annotations);
        let is_told = |one: &Suppression| !one.used && !matches!(one.scope, Scope::Text);
        for suppression in all.filter(is_told) {
            let name = suppression.rule.as_str();
            let message = match crate::rule(name) {
                None if matches!(suppression.scope, Scope::Unread) => {
                    format!("this is no suppression: write {MARK}rule] and the reason in a comment")
                }
                None => {
                    let nearest = nearest
                        .entry(name.to_owned())
                        .or_insert_with(|| crate::rules::nearest(name));
                    format!(
                        "there is no rule {name:?}: {}podward explain --list tells all",
                        nearest.map_or_else(String::new, |rule| format!("did you mean {rule:?}? "))
                    )
                }
                Some(_) if suppression.reason.is_empty() => {
                    format!("the suppression of {name} has no reason, so it does not count")
                }
                // what is not asked for today may be tomorrow
                Some(rule) if rule.profile > settings.profile => continue,
                Some(_) => format!("the suppression of {name} leaves nothing"),
            };
            // an object that is judged more than once has one
            if !told.insert((suppression.at, name.to_owned())) {
                continue;
            }
            found.push(Finding {
                rule: UNUSED.id,
                severity: UNUSED.severity,
                path: path.into(),
                position: suppression.at,
                field: String::new(),
                message: message.into(),
                why: UNUSED.why,
                mend: UNUSED.mend.into(),
                fix: None,
                secret: None,
            });
        }
        found.retain_mut(|finding| of_configuration(finding, None, settings));
        found
    }
}

/// Whether a text holds another, asked of whole files.
pub(crate) fn holds(text: &str, part: &str) -> bool {
    memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()
}

/// From where to where the texts of a tree stand.
fn texts_of(node: &Node, found: &mut Vec<(Position, Position)>) {
    if node.as_str().is_some() {
        found.push((node.start, node.end));
    }
    node.items().iter().for_each(|item| texts_of(item, found));
    for (key, value) in node.entries() {
        texts_of(key, found);
        texts_of(value, found);
    }
}

fn leaves(all: &mut [Suppression], finding: &Finding) -> bool {
    let mut left = false;
    for suppression in all {
        if suppression.rule == finding.rule && !suppression.reason.is_empty() {
            suppression.used = true;
            left = true;
        }
    }
    left
}

/// What the configuration makes of a finding: whether it stays.
fn of_configuration(finding: &mut Finding, namespace: Option<&str>, settings: &Settings) -> bool {
    let exceptions = &settings.exceptions;
    for ignore in &exceptions.ignores {
        let in_namespace = ignore.namespaces.is_empty()
            || namespace.is_some_and(|name| ignore.namespaces.iter().any(|known| known == name));
        if in_namespace && ignore.rules.iter().any(|rule| rule == finding.rule) {
            ignore.used.store(true, Ordering::Relaxed);
            return false;
        }
    }
    match exceptions.severities.get(finding.rule) {
        Some(None) => false,
        Some(Some(severity)) => {
            finding.severity = *severity;
            true
        }
        None => true,
    }
}

/// What stands before a comment that leaves rules, its rules and its reason.
fn comment(line: &str) -> Option<(&str, &str, &str)> {
    let mark = line.find(MARK)?;
    let (before, after) = line.split_at_checked(mark)?;
    let (rules, reason) = after.strip_prefix(MARK)?.split_once(']')?;
    Some((comment_before(before)?, rules, reason.trim()))
}

/// What stands before a comment that is meant to leave rules, and is not written so that it does.
fn unread(line: &str) -> Option<&str> {
    let (before, after) = line.split_at_checked(line.find(NAME)?)?;
    let rest = after.strip_prefix(NAME)?.trim_start();
    let rest = rest.strip_prefix("ignore")?.trim_start();
    rest.starts_with('[').then(|| comment_before(before))?
}

/// What stands before the sign of a comment that a text ends with.
fn comment_before(text: &str) -> Option<&str> {
    let text = text.trim_end();
    let before = text.strip_suffix('#').or_else(|| text.strip_suffix("//"))?;
    let is_comment = before.is_empty() || before.ends_with(char::is_whitespace);
    is_comment.then_some(before)
}

/// The suppressions in the annotations of an object and of its pods.
fn annotations(object: &Object) -> Vec<Suppression> {
    let mut all = Vec::new();
    let of_pods: [&[&str]; 3] = [
        &["metadata"],
        &["spec", "template", "metadata"],
        &["spec", "jobTemplate", "spec", "template", "metadata"],
    ];
    for path in of_pods {
        let metadata = object.node.at(path);
        let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
        let entries = annotations.map_or(&[] as &[_], Node::entries);
        for (key, value) in entries {
            let Some(rule) = key.as_str().and_then(|key| key.strip_prefix(ANNOTATION)) else {
                continue;
            };
            all.push(Suppression {
                rule: rule.to_owned(),
                reason: value.as_str().unwrap_or_default().trim().to_owned(),
                at: key.start,
                scope: Scope::Annotated,
                used: false,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(text: &str) -> Vec<(String, usize, usize)> {
        let all = Suppressions::of_comments(text).comments.into_iter();
        all.map(|suppression| {
            let (from, to) = match suppression.scope {
                Scope::Lines(from, to) => (from, to),
                Scope::ObjectAt(line) => (line, 0),
                Scope::Annotated | Scope::Text | Scope::Unread => (0, 0),
            };
            (
                format!("{}: {}", suppression.rule, suppression.reason),
                from,
                to,
            )
        })
        .collect()
    }

    #[test]
    fn a_comment_is_about_its_line_or_the_next_and_what_is_below_it() {
        let text = "# podward: ignore[a] whole\n\napiVersion: v1\nspec:\n  x: 1 # podward: ignore[b, c] line\n  # podward: ignore[d] block\n  # more\n  containers:\n  - name: a\n    y: 2\n  # podward: ignore[e] item\n  - name: b\n    z: 3\n  w: 4\n";
        assert_eq!(
            covered(text),
            [
                ("a: whole".into(), 3, 0),
                ("b: line".into(), 5, 5),
                ("c: line".into(), 5, 5),
                ("d: block".into(), 8, 13),
                ("e: item".into(), 12, 13),
            ]
        );
    }

    #[test]
    fn a_text_is_no_comment() {
        let text = "a: \"x # podward: ignore[b] c\"\nd: |\n  # podward: ignore[e] f\n  g\nh: i # podward: ignore[j] k\n";
        let mut suppressions = Suppressions::of_comments(text);
        let document = podward_manifest::parse("f", text).unwrap().remove(0);
        suppressions.leave_texts(&document.root);
        let left = suppressions.comments.iter();
        let left = left.filter(|one| !matches!(one.scope, Scope::Text));
        assert_eq!(left.map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["j"]);
    }

    #[test]
    fn what_is_meant_to_leave_rules_and_does_not_is_told() {
        let told = |comment: &str| {
            let text = format!("a: 1\nb: 2 {comment}\n");
            let settings = Settings {
                profile: Profile::Podward,
                version: Version::Latest,
                ids: crate::Ids::default(),
                exceptions: std::sync::Arc::default(),
            };
            let found = Suppressions::of_comments(&text)
                .faults("f", &settings)
                .into_iter();
            let lines: Vec<_> = found
                .map(|finding| format!("{}: {}", finding.position, finding.message))
                .collect();
            lines.join("\n")
        };
        for comment in [
            "# podward:ignore[privileged] a reason",
            "# podward: ignore [privileged] a reason",
            "#podward: ignore[privileged a reason",
            "// podward: ignore[",
        ] {
            let wanted = "2:6: this is no suppression: write podward: ignore[rule] and the reason in a comment";
            assert_eq!(told(comment), wanted, "{comment}");
        }
        assert_eq!(
            told("# podward: ignore[privileged-port] a reason"),
            "2:6: there is no rule \"privileged-port\": did you mean \"privilegedPort\"? podward explain --list tells all"
        );
        for comment in [
            "# podward: ignores it",
            "# see podward: ignore[x",
            "podward:ignore[x]",
        ] {
            assert_eq!(told(comment), "", "{comment}");
        }
    }

    #[test]
    fn what_is_no_comment_leaves_nothing() {
        assert!(covered("a: \"podward: ignore[b] c\"\nb: x#podward: ignore[b] c\n").is_empty());
    }
}
