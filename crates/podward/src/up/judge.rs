//! Verdicts: what Pod Security admission would say, and every finding with its line.

use podward_cluster::View;
use podward_manifest::Workload;
use podward_policy::{Finding, Level, credentials, judge};

use super::load::Folder;
use crate::io::{Io, Tone};

const LABEL: &str = "pod-security.kubernetes.io/";

/// The levels of a namespace.
struct Levels {
    enforce: Level,
    warn: Level,
    labelled: bool,
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
    Levels {
        labelled: enforce.is_some() || warn.is_some(),
        enforce: enforce.unwrap_or(if warn.is_some() {
            Level::Privileged
        } else {
            profile
        }),
        warn: warn.unwrap_or(Level::Privileged),
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
    let verdict = judge(workload, levels.enforce);
    let name = format!(
        "{} {namespace}/{}",
        workload.object.kind, workload.object.name
    );
    let source = if levels.labelled {
        "namespace label"
    } else {
        "--profile"
    };
    if verdict.allowed() {
        io.line(format_args!(
            "  {} {name} ({}, by {source})",
            io.tone(Tone::Good, "admitted"),
            levels.enforce
        ));
        let warned = judge(workload, levels.warn);
        if !warned.allowed() {
            io.line(format_args!(
                "    {} {}",
                io.tone(Tone::Warn, "Warning:"),
                warned.warning()
            ));
        }
        for finding in credentials(workload) {
            show(io, folder, &finding);
        }
        return Judged {
            refused: None,
            level: levels.enforce,
        };
    }
    let message = verdict.forbidden_message(pod);
    io.line(format_args!(
        "  {} {name} ({}, by {source})",
        io.tone(Tone::Bad, "refused"),
        levels.enforce
    ));
    io.line(format_args!("    {message}"));
    // who mends one fault wants to know of all of them
    let strict = judge(workload, Level::Restricted);
    let mut findings: Vec<Finding> = strict
        .violations
        .into_iter()
        .flat_map(|v| v.findings)
        .collect();
    let seen: Vec<_> = findings.iter().map(|f| f.field.clone()).collect();
    findings.extend(
        verdict
            .violations
            .into_iter()
            .flat_map(|v| v.findings)
            .filter(|f| !seen.contains(&f.field)),
    );
    findings.extend(credentials(workload));
    findings.sort_by_key(|f| (f.position.line, f.position.column));
    for finding in &findings {
        show(io, folder, finding);
    }
    Judged {
        refused: Some(message),
        level: levels.enforce,
    }
}

fn show(io: &Io, folder: &Folder, finding: &Finding) {
    let place = format!(
        "{}:{}:{}",
        finding.path, finding.position.line, finding.position.column
    );
    io.line(format_args!(
        "\n    {} {}",
        io.tone(Tone::Strong, place),
        io.tone(Tone::Bad, &finding.message)
    ));
    let excerpt = folder
        .source(&finding.path)
        .map(|source| match finding.secret {
            Some(secret) => source.excerpt_without(finding.position, secret),
            None => source.excerpt(finding.position),
        });
    for line in excerpt.unwrap_or_default().lines() {
        io.line(format_args!("    {line}"));
    }
    io.line(format_args!("      why:  {}", finding.why));
    io.line(format_args!("      mend: {}", finding.mend));
}
