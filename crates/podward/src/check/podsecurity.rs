//! Verdicts as the Kubernetes library gives them.

use podward_policy::{Decoded, Examined, ExaminedObject, Severity};
use serde::Serialize;

use super::print::Printed;
use crate::files::File;

/// The versions whose workloads admission looks at; it never sees the older ones.
const JUDGED_BY_THE_LIBRARY: &[&str] = &["v1", "apps/v1", "batch/v1"];

/// A verdict as a line; the names and their order are those of the library's own test output.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    doc: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err: Option<&'a str>,
}

/// One line a workload that admission looks at.
pub(super) fn file(printed: &mut Printed, file: &File, judged: &Examined) {
    for ExaminedObject {
        object, verdicts, ..
    } in &judged.objects
    {
        let Some(verdict) = verdicts.first() else {
            continue;
        };
        if !JUDGED_BY_THE_LIBRARY.contains(&object.api_version.as_str()) {
            continue;
        }
        let mut line = Line {
            file: &file.relative,
            doc: object.doc,
            kind: None,
            name: None,
            level: None,
            allowed: false,
            detail: None,
            err: None,
        };
        match verdict {
            Decoded::Error(error) => line.err = Some(error),
            Decoded::Verdict(verdict) => {
                line.kind = Some(&object.kind);
                line.name = Some(object.name.as_str()).filter(|name| !name.is_empty());
                line.level = Some(format!("{}:{}", verdict.level, verdict.version));
                line.allowed = verdict.allowed();
                line.detail = (!verdict.allowed()).then(|| verdict.violates());
            }
        }
        printed.workloads += 1;
        printed.refused += usize::from(!line.allowed);
        printed.line(&serde_json::to_string(&line).unwrap_or_default());
    }
    if printed.refused > 0 {
        printed.by_severity.insert(Severity::Error, printed.refused);
    }
}
