//! Verdicts: what Pod Security admission would say, and every finding with its line.

use podward_cluster::View;
use podward_manifest::{Source, Workload};
use podward_policy::{Finding, Level, Severity, Verdict, Version, credentials, judge, mask};
use serde_json::json;

use super::load::{Folder, namespace};
use crate::finding;
use crate::io::{Io, Tone, harmless};

const WITH_WHY: finding::More<'_> = finding::More {
    why: true,
    sentence: None,
};

const LABEL: &str = "pod-security.kubernetes.io/";

/// The levels of a namespace, each with the version of the standards.
struct Levels {
    enforce: (Level, Version),
    warn: (Level, Version),
    source: &'static str,
}

/// Whether a workload's pods may be made, and why not.
pub(super) struct Judged {
    /// The server's message, where they may not.
    pub(super) refused: Option<String>,
    /// The level that was enforced.
    pub(super) level: Level,
}

fn levels(view: &View, namespace: &str, profile: Level) -> Levels {
    let label = |mode: &str| {
        view.get("Namespace", "", namespace)?
            .pointer("/metadata/labels")?
            .get(format!("{LABEL}{mode}"))?
            .as_str()
    };
    // a level that cannot be read counts as the strictest, as in the API server
    let read = |text: &str| text.parse().unwrap_or(Level::Restricted);
    let enforce = label("enforce").map(read);
    let warn = label("warn").map(read);
    let labelled = enforce.is_some() || warn.is_some();
    let unset = if labelled { Level::Privileged } else { profile };
    // so does a version that cannot be read: as the newest
    let version = |mode| {
        label(mode)
            .and_then(|text| text.parse().ok())
            .unwrap_or(Version::Latest)
    };
    Levels {
        enforce: (enforce.unwrap_or(unset), version("enforce-version")),
        warn: (warn.unwrap_or(Level::Privileged), version("warn-version")),
        source: if labelled {
            "namespace label"
        } else {
            "--profile"
        },
    }
}

/// Judges one workload and prints what was found.
pub(super) fn workload(
    io: &Io,
    folder: &Folder,
    view: &View,
    workload: &Workload<'_>,
    namespace: &str,
    pod: &str,
    profile: Level,
) -> Judged {
    let levels = levels(view, namespace, profile);
    let verdict = judge(workload, levels.enforce.0, levels.enforce.1);
    let refused = (!verdict.allowed()).then(|| verdict.forbidden_message(pod));
    let warned = judge(workload, levels.warn.0, levels.warn.1);
    // the server does not warn of what it refuses
    let warning = (refused.is_none() && !warned.allowed()).then(|| warned.warning());
    let findings = if refused.is_some() {
        everything(workload, verdict)
    } else {
        literal(workload)
    };
    let (word, tone) = match refused {
        Some(_) => ("refused", Tone::Bad),
        None => ("admitted", Tone::Good),
    };
    io.line(format_args!(
        "  {} {} {namespace}/{} ({}, by {})",
        io.tone(tone, word),
        workload.object.kind,
        workload.object.name,
        levels.enforce.0,
        levels.source
    ));
    if let Some(message) = &refused {
        io.line(format_args!("    {}", harmless(message)));
    }
    if let Some(warning) = &warning {
        io.line(format_args!(
            "    {} {}",
            io.tone(Tone::Warn, "Warning:"),
            harmless(warning)
        ));
    }
    for finding in &findings {
        let lines = folder.source(&finding.path).map(Source::lines);
        let text = finding::text(io, lines.as_ref(), finding, &WITH_WHY);
        io.line(format_args!("\n    {}", text.replace('\n', "\n    ")));
    }
    io.emit(
        "admission",
        json!({
            "kind": workload.object.kind,
            "namespace": namespace,
            "name": workload.object.name,
            "level": levels.enforce.0.as_str(),
            "source": levels.source,
            "outcome": word,
            "message": refused,
            "warning": warning,
            "findings": findings.iter().map(finding::Json::from).collect::<Vec<_>>(),
        }),
    );
    Judged {
        refused,
        level: levels.enforce.0,
    }
}

/// Judges a folder of which not everything could be read: no pod is made.
pub(super) fn only(io: &Io, folder: &Folder, profile: Level) {
    io.section("Admission");
    let view = folder.view();
    let (mut admitted, mut refused) = (0, 0);
    for object in &folder.objects {
        let Some(found) = podward_manifest::workload(object) else {
            continue;
        };
        let judged = workload(
            io,
            folder,
            &view,
            &found,
            namespace(object),
            &object.name,
            profile,
        );
        match judged.refused {
            Some(_) => refused += 1,
            None => admitted += 1,
        }
    }
    io.section("Summary");
    let faults = folder.faults.len() + folder.more_faults;
    io.line(format_args!(
        "  {} workloads judged: {admitted} admitted, {refused} refused; nothing was started, for {faults} fault{} in the files (told below)",
        admitted + refused,
        if faults == 1 { "" } else { "s" },
    ));
    io.emit(
        "summary",
        json!({"judged": admitted + refused, "admitted": admitted, "refused": refused, "faults": faults}),
    );
    folder.tell_faults(io);
}

/// Credentials in the manifest; hints are for who asks `check`.
fn literal(workload: &Workload<'_>) -> Vec<Finding> {
    let mut found = credentials(workload);
    found.retain(|finding| finding.severity != Severity::Info);
    mask(&mut found);
    found
}

/// All that is to be mended: who mends one fault wants to know of the rest.
fn everything(workload: &Workload<'_>, verdict: Verdict) -> Vec<Finding> {
    let of = |verdict: Verdict| verdict.violations.into_iter().flat_map(|v| v.findings);
    let mut findings: Vec<Finding> =
        of(judge(workload, Level::Restricted, Version::Latest)).collect();
    for finding in of(verdict) {
        if !findings.iter().any(|other| other.field == finding.field) {
            findings.push(finding);
        }
    }
    findings.extend(literal(workload));
    mask(&mut findings);
    findings.sort_by_key(|f| (f.position.line, f.position.column));
    findings
}
