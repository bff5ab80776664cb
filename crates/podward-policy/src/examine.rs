//! All that is found in one file.

use std::borrow::Cow;
use std::sync::Arc;

use podward_manifest::{
    Document, Documents, FieldFault, Object, ParseError, Position, Workload, objects_found,
    strict_and_decoded, strict_pods, workload, workloads,
};

use crate::exceptions::Suppressions;
use crate::finding::Edit;
use crate::mask::{mask_all, values_of};
use crate::neighbours::Surroundings;
use crate::practices::PRACTICES;
use crate::rules::{DUPLICATE_KEY, UNKNOWN_FIELD, WRONG_TYPE};
use crate::{
    Finding, Fix, Rule, Safety, Settings, Verdict, credentials_of, judge, patch, practice,
};

/// One file, examined.
#[derive(Debug, Default)]
pub struct Examined {
    /// What of it is no YAML.
    pub errors: Vec<ParseError>,
    /// Keys that are there twice, in documents that hold Kubernetes objects, and suppressions that
    /// leave nothing.
    pub of_file: Vec<Finding>,
    /// How many findings were left by suppressions.
    pub suppressed: usize,
    /// Its objects.
    pub objects: Vec<ExaminedObject>,
}

/// One object, examined.
#[derive(Debug)]
pub struct ExaminedObject {
    /// The object.
    pub object: Object,
    /// Unknown fields, values of a wrong type, credentials, and what guidance asks for.
    pub findings: Vec<Finding>,
    /// Whether it is a patch of kustomize: what is missing in it is not among the findings, though the
    /// verdicts are as if it were whole.
    pub is_patch: bool,
    /// None where the object makes no pods; a custom resource may make several kinds.
    pub verdicts: Vec<Decoded>,
}

/// What the API server would say of the pods of an object.
#[derive(Debug)]
pub enum Decoded {
    /// The verdict of Pod Security admission.
    Verdict(Verdict),
    /// It would not get as far: the decoder's sentence.
    Error(String),
}

impl Decoded {
    pub(crate) fn verdict_mut(&mut self) -> Option<&mut Verdict> {
        match self {
            Self::Verdict(verdict) => Some(verdict),
            Self::Error(_) => None,
        }
    }
}

impl Examined {
    /// Adds what is found in a text that is no manifest, but for what its comments and the
    /// configuration leave.
    pub fn add(&mut self, path: &str, text: &str, settings: &Settings, mut found: Vec<Finding>) {
        let mut suppressions = Suppressions::of_comments(text);
        self.suppressed += suppressions.apply_to_file(settings, &mut found);
        self.of_file.append(&mut found);
        let told: Vec<_> = self.of_file.iter().map(|f| (f.rule, f.position)).collect();
        let faults = suppressions.faults(path, settings).into_iter();
        let new = faults.filter(|fault| !told.contains(&(fault.rule, fault.position)));
        self.of_file.extend(new);
    }
}

/// Examines all that a file holds.
#[must_use]
pub fn examine(
    path: &str,
    text: &str,
    settings: &Settings,
    surroundings: &Surroundings<'_>,
) -> Examined {
    let suppressions = Suppressions::of_comments(text);
    let mut examining = Examining::of(text, suppressions, settings, surroundings);
    for document in Documents::of(path, text) {
        examining.take(document);
    }
    examining.end(path)
}

/// From how many bytes on a file is not held with all its findings.
pub const LONG: usize = 1 << 20;

/// The same document by document, so that a long file needs no more memory than its text and one
/// tree. A short file with suppressions comes as a whole: only at its end is it known which have left
/// nothing. Of a long one that is told last.
pub fn examine_each(
    path: &str,
    text: &str,
    settings: &Settings,
    surroundings: &Surroundings<'_>,
    each: &mut dyn FnMut(Examined),
) {
    let has_any = Suppressions::are_in(text);
    if has_any && text.len() < LONG {
        return each(examine(path, text, settings, surroundings));
    }
    let suppressions = if has_any {
        Suppressions::of_comments(text)
    } else {
        Suppressions::default()
    };
    let mut examining = Examining::of(text, suppressions, settings, surroundings);
    let mut any = false;
    for document in Documents::of(path, text) {
        examining.take(document);
        if !examining.now.objects.is_empty() {
            each(std::mem::take(&mut examining.now));
            any = true;
        }
    }
    let rest = examining.end(path);
    if !any || !rest.of_file.is_empty() || !rest.errors.is_empty() {
        each(rest);
    }
}

/// A file that is being examined.
struct Examining<'a> {
    settings: &'a Settings,
    surroundings: &'a Surroundings<'a>,
    suppressions: Suppressions,
    /// Whether its text may hold a patch that says that it is one.
    may_be_patch: bool,
    /// What was found, and was not handed on yet.
    now: Examined,
}

impl<'a> Examining<'a> {
    fn of(
        text: &str,
        suppressions: Suppressions,
        settings: &'a Settings,
        surroundings: &'a Surroundings<'a>,
    ) -> Self {
        Self {
            settings,
            surroundings,
            suppressions,
            may_be_patch: patch::may_be_in(text),
            now: Examined::default(),
        }
    }

    fn take(&mut self, read: Result<Document, ParseError>) {
        match read {
            Ok(document) => self.document(document),
            Err(fault) => self.now.errors.push(fault),
        }
    }

    fn document(&mut self, mut document: Document) {
        let duplicates = std::mem::take(&mut document.duplicates);
        self.suppressions.leave_texts(&document.root);
        let objects = objects_found(document);
        if objects.is_empty() {
            return;
        }
        let secret = objects.iter().any(|object| object.kind == "Secret");
        let found = duplicates.into_iter().map(|error| twice(error, secret));
        let mut found: Vec<_> = found.collect();
        let judged = objects.into_iter();
        let judged = judged.map(|object| self::object(object, self.settings, self.surroundings));
        let mut judged: Vec<_> = judged.collect();
        // before anything is left: what is not told must not be shown either
        hide(&mut found, &mut judged);
        let (suppressions, settings) = (&mut self.suppressions, self.settings);
        self.now.suppressed += suppressions.apply_to_file(settings, &mut found);
        self.now.of_file.append(&mut found);
        for mut one in judged {
            let says_so = || self.may_be_patch && patch::is_one(&one.object);
            if settings.exceptions.is_patch || says_so() {
                patch::narrow(&mut one);
            }
            self.now.suppressed += leave(&mut one, settings, suppressions);
            self.now.objects.push(one);
        }
    }

    fn end(mut self, path: &str) -> Examined {
        let faults = self.suppressions.faults(path, self.settings);
        self.now.of_file.extend(faults);
        self.now
    }
}

/// Hides the secrets of a document in all that is found in it: objects may stand in one line.
fn hide(of_file: &mut [Finding], judged: &mut [ExaminedObject]) {
    let mut lists = vec![of_file];
    let mut values = Vec::new();
    for one in judged {
        values_of(&one.object, &mut values);
        lists.push(&mut one.findings);
        let verdicts = one.verdicts.iter_mut().filter_map(Decoded::verdict_mut);
        let violations = verdicts.flat_map(|verdict| &mut verdict.violations);
        lists.extend(violations.map(|violation| violation.findings.as_mut_slice()));
    }
    mask_all(&mut lists, &values);
}

/// Takes out what is to be left of an object; how many findings those were.
fn leave(one: &mut ExaminedObject, settings: &Settings, suppressions: &mut Suppressions) -> usize {
    let verdicts = one.verdicts.iter_mut().filter_map(Decoded::verdict_mut);
    let of_verdicts = verdicts.flat_map(|verdict| &mut verdict.violations);
    let of_verdicts = of_verdicts.map(|violation| &mut violation.findings);
    let all = std::iter::once(&mut one.findings).chain(of_verdicts);
    suppressions.apply(&one.object, settings, all)
}

fn object(object: Object, settings: &Settings, surroundings: &Surroundings<'_>) -> ExaminedObject {
    let pods = workloads(&object);
    let (faults, error) = strict_and_decoded(&object);
    let verdicts = pods.iter().map(|pods| match &error {
        Some(error) => Decoded::Error(error.clone()),
        None => Decoded::Verdict(verdict(pods, settings)),
    });
    let verdicts: Vec<_> = verdicts.collect();
    let own = pods.iter().filter(|pods| workload(pods.object).is_none());
    let faults = faults.into_iter().chain(own.flat_map(strict_pods));
    let mut findings: Vec<_> = faults.map(|fault| field(&object, fault)).collect();
    findings.extend(credentials_of(&object));
    // an object that cannot be decoded has no fields to be judged
    if !matches!(verdicts.first(), Some(Decoded::Error(_))) {
        let found = practice::findings(PRACTICES, &object, &pods, settings, surroundings);
        findings.extend(found);
    }
    ExaminedObject {
        object,
        findings,
        is_patch: false,
        verdicts,
    }
}

/// What podward's own rules find in an object that the API server has decoded, whatever its comments and
/// annotations would leave.
#[must_use]
pub fn findings_of(
    object: &Object,
    settings: &Settings,
    surroundings: &Surroundings<'_>,
) -> Vec<Finding> {
    let pods = workloads(object);
    let mut findings = credentials_of(object);
    findings.extend(practice::findings(
        PRACTICES,
        object,
        &pods,
        settings,
        surroundings,
    ));
    findings
}

const OTHER_USER: Safety =
    Safety::MayBreak("a program that needs root, or files of root, fails as another user");

/// The verdict, with the fixes for which a person has chosen the value.
fn verdict(workload: &Workload<'_>, settings: &Settings) -> Verdict {
    let mut verdict = judge(workload, settings.profile.level(), settings.version);
    let Some(user) = settings.ids.run_as_user else {
        return verdict;
    };
    let replaces_root = verdict.violations.iter().any(|v| v.check == "runAsUser");
    let violations = verdict.violations.iter_mut();
    for violation in violations {
        for finding in &mut violation.findings {
            // what must not be root is not any more, once the user is another
            if violation.check == "runAsNonRoot"
                && replaces_root
                && let Some(fix) = &mut finding.fix
                && matches!(fix.safety, Safety::Decision(_))
            {
                fix.safety = OTHER_USER;
            }
            if violation.check != "runAsUser" {
                continue;
            }
            finding.fix = Some(Fix {
                edits: vec![Edit {
                    field: None,
                    value: Some(user.into()),
                }],
                elsewhere: Vec::new(),
                safety: OTHER_USER,
            });
        }
    }
    verdict
}

/// A finding of a rule on the form of the file.
fn made(rule: &'static Rule, path: Arc<str>, position: Position, field: String) -> Finding {
    Finding {
        rule: rule.id,
        severity: rule.severity,
        path,
        position,
        field,
        message: Cow::Borrowed(""),
        why: rule.why,
        mend: rule.mend.into(),
        fix: None,
        secret: None,
    }
}

fn twice(error: ParseError, secret: bool) -> Finding {
    Finding {
        message: error.message.into(),
        secret: secret.then_some((error.position, BEHIND_ALL)),
        ..made(
            &DUPLICATE_KEY,
            error.path.into(),
            error.position,
            String::new(),
        )
    }
}

const BEHIND_ALL: Position = Position {
    line: usize::MAX,
    column: 1,
};

fn field(object: &Object, fault: FieldFault) -> Finding {
    let rule = if fault.unknown {
        &UNKNOWN_FIELD
    } else {
        &WRONG_TYPE
    };
    let may_be_secret = !fault.unknown
        && (object.kind == "Secret"
            || (fault.field.ends_with(".value") && fault.field.contains("env[")));
    Finding {
        message: fault.message.into(),
        mend: fault.help.into(),
        secret: may_be_secret.then_some((fault.position, fault.end)),
        ..made(rule, Arc::clone(&object.path), fault.position, fault.field)
    }
}
