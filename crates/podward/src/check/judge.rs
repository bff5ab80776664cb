//! What is found in one file.

use podward_manifest::{
    FieldFault, Object, ParseError, Source, Workload, decode_error, objects_found, parse_each,
    strict, workloads,
};
use podward_policy::{Finding, Level, Severity, Verdict, Version, credentials_of, judge, mask};

/// One file, judged.
#[derive(Default)]
pub(super) struct Judged {
    /// What of it is no YAML.
    pub(super) errors: Vec<ParseError>,
    /// Keys that are there twice, in documents that hold Kubernetes objects.
    pub(super) twice: Vec<Finding>,
    pub(super) objects: Vec<JudgedObject>,
}

/// One object, judged.
pub(super) struct JudgedObject {
    pub(super) object: Object,
    /// Unknown fields, values of a wrong type, and credentials.
    pub(super) fields: Vec<Finding>,
    /// None where the object makes no pods; a custom resource may make several kinds.
    pub(super) verdicts: Vec<Decoded>,
}

/// What the API server would say of the pods of an object.
pub(super) enum Decoded {
    Verdict(Verdict),
    /// It would not get as far: the decoder's sentence.
    Error(String),
}

/// Judges all that a file holds.
pub(super) fn file(source: &Source, level: Level, version: Version) -> Judged {
    let (documents, errors) = parse_each(&source.path, &source.text);
    let mut judged = Judged {
        errors,
        twice: Vec::new(),
        objects: Vec::new(),
    };
    for mut document in documents {
        let duplicates = std::mem::take(&mut document.duplicates);
        let objects = objects_found(document);
        if objects.is_empty() {
            continue;
        }
        let secret = objects.iter().any(|object| object.kind == "Secret");
        let found = duplicates.into_iter().map(|error| twice(error, secret));
        judged.twice.extend(found);
        for object in objects {
            let found = workloads(&object);
            let verdicts = found.iter().map(|pods| verdict(pods, level, version));
            let verdicts = verdicts.collect();
            let faults = strict(&object).into_iter();
            let mut fields: Vec<_> = faults.map(|fault| field(&object, fault)).collect();
            // hints wait for a way to ask for them
            let told = |finding: &Finding| finding.severity != Severity::Info;
            fields.extend(credentials_of(&object).into_iter().filter(told));
            mask(&mut fields);
            judged.objects.push(JudgedObject {
                object,
                fields,
                verdicts,
            });
        }
    }
    judged
}

fn verdict(workload: &Workload<'_>, level: Level, version: Version) -> Decoded {
    match decode_error(workload.object) {
        Some(error) => Decoded::Error(error),
        None => Decoded::Verdict(judge(workload, level, version)),
    }
}

fn twice(error: ParseError, secret: bool) -> Finding {
    Finding {
        rule: "duplicateKey",
        path: error.path,
        position: error.position,
        field: String::new(),
        message: error.message,
        why: "kubectl refuses the file, and what reads it all the same takes the last value in silence",
        mend: "keep one of them".to_owned(),
        severity: Severity::Error,
        fix: None,
        secret: secret.then_some((error.position, BEHIND_ALL)),
    }
}

const BEHIND_ALL: podward_manifest::Position = podward_manifest::Position {
    line: usize::MAX,
    column: 1,
};

fn field(object: &Object, fault: FieldFault) -> Finding {
    let (rule, why) = if fault.unknown {
        (
            "unknownField",
            "the API server drops the field, so that what it asks for does not hold",
        )
    } else {
        (
            "wrongType",
            "the API server cannot read the object and refuses it",
        )
    };
    let may_be_secret = !fault.unknown
        && (object.kind == "Secret"
            || (fault.field.ends_with(".value") && fault.field.contains("env[")));
    Finding {
        rule,
        path: object.path.clone(),
        position: fault.position,
        field: fault.field,
        message: fault.message,
        why,
        mend: fault.help,
        severity: Severity::Error,
        fix: None,
        secret: may_be_secret.then_some((fault.position, fault.end)),
    }
}
