//! A file's findings or verdicts, in each format.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::mpsc::SyncSender;

use podward_manifest::{Lines, ParseError, Source};
use podward_policy::{Decoded, Examined, ExaminedObject, Finding};
use serde_json::json;

use super::baseline::{Baseline, Key};
use super::print::{Format, Printed};
use super::{Run, baseline, github, junit, podsecurity, sarif};
use crate::files::File;
use crate::finding;
use crate::io::Tone;
use crate::report::Report;

/// Longest sentence that is repeated with every finding, bytes. It names all containers at fault.
const MAX_SENTENCE: usize = 500;

/// From how many bytes on a piece of a file is handed on.
const PIECE: usize = 1 << 20;

/// Hands a piece on; where nobody prints any more, there is nothing left to do.
pub(super) fn send(pieces: &SyncSender<Printed>, printed: Printed) {
    let _ = pieces.send(printed);
}

/// Writes a file out, as it is judged.
pub(super) struct Writer<'a> {
    run: &'a Run<'a>,
    file: &'a File,
    source: &'a Source,
    pieces: &'a SyncSender<Printed>,
    /// What was not handed on yet.
    printed: Printed,
    /// What a baseline calls the file, where there is one.
    name: String,
    /// The findings of the baseline that were not met yet.
    known: BTreeMap<Key, usize>,
    errors: Vec<ParseError>,
    lines: Option<Lines<'a>>,
    heading: String,
    /// Rules of which it was told why they are there.
    told: BTreeSet<&'static str>,
    fixes: sarif::Fixes,
    /// Whether a suite of JUnit has begun, and its cases come piece by piece.
    in_suite: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        run: &'a Run<'a>,
        file: &'a File,
        source: &'a Source,
        pieces: &'a SyncSender<Printed>,
    ) -> Self {
        let known = run.baseline.map(|baseline| baseline.of(file));
        let folder = run.baseline.map(Baseline::folder).or(run.writes);
        Self {
            run,
            file,
            source,
            pieces,
            printed: Printed::default(),
            name: folder.map_or_else(String::new, |folder| folder.name(file)),
            known: known.unwrap_or_default(),
            errors: Vec::new(),
            lines: None,
            heading: String::new(),
            told: BTreeSet::new(),
            fixes: sarif::Fixes::default(),
            in_suite: false,
        }
    }

    /// Begins the suite of a file that is not known as a whole; its parts were counted before.
    pub(super) fn begin_suite(&mut self, counts: &junit::Counts) {
        if !self.run.is_quiet {
            junit::begin(&mut self.printed, &self.file.shown, counts);
            self.in_suite = true;
        }
    }

    /// What is counted of a part; `known` are the findings of the baseline that were not met yet.
    pub(super) fn count(
        &self,
        judged: &Examined,
        known: &mut BTreeMap<Key, usize>,
        counts: &mut junit::Counts,
    ) {
        let mut all = findings(&mut Printed::default(), judged, false);
        baseline::leave(known, &self.name, &mut all);
        counts.add(&all, judged.errors.len());
    }

    /// The findings of the baseline that were not met yet.
    pub(super) fn known(&self) -> BTreeMap<Key, usize> {
        self.known.clone()
    }

    /// Writes what was found in a part of the file, or in all of it.
    pub(super) fn add(&mut self, mut judged: Examined) {
        let told = self.printed.errors.len();
        let errors = std::mem::take(&mut judged.errors);
        for error in &errors {
            let lines = self.lines.get_or_insert_with(|| self.source.lines());
            let report = Report::new(&error.message).at(&error.path, Some(error.position));
            let report = report.excerpt(lines.excerpt(error.position));
            self.printed.errors.push(report);
        }
        self.errors.extend(errors);
        if self.in_suite {
            junit::errors(&mut self.printed, &self.file.shown, told);
        }
        let (run, printed) = (self.run, &mut self.printed);
        if run.format == Format::Podsecurity {
            podsecurity::file(printed, self.file, &judged);
        } else {
            let mut all = findings(printed, &judged, !run.is_quiet);
            printed.known += baseline::leave(&mut self.known, &self.name, &mut all);
            for shown in &all {
                let finding = shown.finding;
                *printed.by_severity.entry(finding.severity).or_default() += 1;
                *printed.by_rule.entry(finding.rule).or_default() += 1;
            }
            if run.writes.is_some() {
                let keys = all.iter().map(|one| Key::of(&self.name, one));
                printed.keys.extend(keys);
            }
            if !run.is_quiet {
                self.write(&all);
            }
        }
        if self.printed.text.len() >= PIECE {
            send(self.pieces, std::mem::take(&mut self.printed));
        }
    }

    fn write(&mut self, all: &[Shown<'_>]) {
        let printed = &mut self.printed;
        match self.run.format {
            Format::Podsecurity => {}
            Format::Text => self.text(all),
            Format::Json => all.iter().for_each(|shown| printed.json(&event(shown))),
            Format::Sarif => self.fixes.file(printed, self.source, all),
            Format::Junit if self.in_suite => junit::cases(printed, &self.file.shown, all),
            Format::Junit => junit::file(printed, &self.file.shown, all),
            Format::Github => github::file(printed, all),
        }
    }

    fn text(&mut self, all: &[Shown<'_>]) {
        let (io, printed) = (self.run.io, &mut self.printed);
        for shown in all {
            let lines = self.lines.get_or_insert_with(|| self.source.lines());
            let heading = heading(&self.source.path, shown);
            if self.heading != heading {
                printed.line(&io.tone(Tone::Strong, &heading));
                self.heading = heading;
            }
            let more = finding::More {
                why: self.told.insert(shown.finding.rule),
                sentence: shown.sentence.as_deref(),
            };
            let text = finding::text(io, Some(lines), shown.finding, &more);
            for line in text.lines() {
                printed.text.push_str("  ");
                printed.line(line);
            }
            printed.line("");
        }
    }

    /// Hands on the last piece.
    pub(super) fn end(mut self) {
        let is_json = self.run.format == Format::Json && !self.run.is_quiet;
        for error in self.errors.iter().filter(|_| is_json) {
            let event = json!({
                "event": "error",
                "file": error.path,
                "line": error.position.line,
                "column": error.position.column,
                "message": error.message,
            });
            self.printed.line(&event.to_string());
        }
        if self.in_suite {
            junit::end(&mut self.printed);
        }
        if let Some(baseline) = self.run.baseline {
            baseline.left_over(&self.known);
        }
        self.printed.ends = true;
        send(self.pieces, self.printed);
    }
}

/// The file, and the object that a finding is in.
fn heading(path: &str, shown: &Shown<'_>) -> String {
    let Some(ExaminedObject { object, .. }) = shown.object else {
        return path.to_owned();
    };
    let name = match &object.namespace {
        Some(namespace) => format!("{namespace}/{}", object.name),
        None => object.name.clone(),
    };
    crate::io::harmless(&format!("{path}: {} {name}", object.kind)).into_owned()
}

/// A finding and where it belongs.
pub(super) struct Shown<'a> {
    pub(super) object: Option<&'a ExaminedObject>,
    pub(super) finding: &'a Finding,
    /// What Kubernetes itself would say.
    pub(super) sentence: Option<Rc<str>>,
}

/// Everything that was found, in the order of the file.
fn findings<'a>(
    printed: &mut Printed,
    judged: &'a Examined,
    with_sentences: bool,
) -> Vec<Shown<'a>> {
    let mut all: Vec<Shown<'a>> = Vec::new();
    let mut add = |object, finding, sentence| {
        all.push(Shown {
            object,
            finding,
            sentence,
        });
    };
    printed.suppressed += judged.suppressed;
    judged.of_file.iter().for_each(|f| add(None, f, None));
    for object in &judged.objects {
        let fields = object.findings.iter();
        fields.for_each(|f| add(Some(object), f, None));
        // nobody would ask the API server for a patch
        let is_whole = !object.is_patch;
        let with_sentences = with_sentences && is_whole;
        for verdict in &object.verdicts {
            printed.workloads += usize::from(is_whole);
            let Decoded::Verdict(verdict) = verdict else {
                printed.refused += usize::from(is_whole);
                continue;
            };
            printed.refused += usize::from(is_whole && !verdict.allowed());
            for violation in &verdict.violations {
                let sentence = with_sentences.then(|| shortened(violation.sentence()).into());
                for finding in &violation.findings {
                    add(Some(object), finding, sentence.clone());
                }
            }
        }
    }
    all.sort_by_key(|shown| shown.finding.position);
    all
}

fn shortened(mut sentence: String) -> String {
    if sentence.len() > MAX_SENTENCE {
        sentence.truncate(sentence.floor_char_boundary(MAX_SENTENCE));
        sentence.push('…');
    }
    sentence
}

/// A finding as a line of JSON.
fn event<'a>(shown: &'a Shown<'_>) -> finding::Json<'a> {
    let object = shown.object.map(|one| &one.object);
    let mut event = finding::Json::from(shown.finding);
    event.event = Some("finding");
    event.sentence = Some(shown.sentence.as_deref());
    event.doc = object.map(|object| object.doc);
    event.kind = object.map(|object| object.kind.as_str());
    event.name = object.map(|object| object.name.as_str());
    event.namespace = object.map(|object| object.namespace.as_deref());
    event
}
