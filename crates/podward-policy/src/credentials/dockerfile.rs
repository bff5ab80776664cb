//! Instructions of a Dockerfile.

use std::ops::Range;

use super::found::{Credential, join};
use super::kinds::is_key_file;
use super::scan::{Reading, credentials_in};
use super::shell;
use crate::Severity;

/// An instruction: its name, and its words with their places.
struct Instruction<'a> {
    name: &'a str,
    words: Vec<(usize, &'a str)>,
    /// Where its last line ends.
    end: usize,
}

/// The instructions of a text, lines that go on joined.
fn instructions(text: &str) -> Vec<Instruction<'_>> {
    let mut all: Vec<Instruction<'_>> = Vec::new();
    let (mut start, mut goes_on) = (0, false);
    for line in text.split_inclusive('\n') {
        let begins = start;
        start += line.len();
        let content = line.trim();
        if content.starts_with('#') || content.is_empty() {
            continue;
        }
        let is_next = std::mem::replace(&mut goes_on, content.ends_with('\\'));
        let content = content.trim_end_matches('\\');
        let at = begins + line.len() - line.trim_start().len();
        let mut words = content
            .split_ascii_whitespace()
            .map(|word| (at + (word.as_ptr().addr() - content.as_ptr().addr()), word));
        if !is_next {
            let Some((_, name)) = words.next() else {
                continue;
            };
            all.push(Instruction {
                name,
                words: Vec::new(),
                end: start,
            });
        }
        if let Some(last) = all.last_mut() {
            last.words.extend(words);
            last.end = start;
        }
    }
    all
}

/// Adds what only the instructions tell: `ENV NAME VALUE`, and what commands are given.
pub(super) fn add(text: &str, all: &mut Vec<Credential>) {
    shell::add_of_script(text, all);
    let mut more = Vec::new();
    for instruction in instructions(text) {
        let mut words = instruction.words.into_iter();
        let is_env = instruction.name.eq_ignore_ascii_case("ENV");
        let Some((at, name)) = words
            .next()
            .filter(|(_, word)| is_env && !word.contains('='))
        else {
            continue;
        };
        let from = at + name.len();
        let rest = text.get(from..instruction.end).unwrap_or_default();
        let from = from + rest.len() - rest.trim_start().len();
        let value = rest.trim();
        for mut one in credentials_in(Some(name), value, Reading::Form) {
            one.span = one.span.start + from..one.span.end + from;
            more.push(one);
        }
    }
    join(all, more, false);
}

/// Files with keys that the build copies, where they are named, and what is to be said of each.
pub(super) fn key_files(text: &str) -> Vec<(Range<usize>, String, Severity)> {
    let all = instructions(text);
    let is =
        |instruction: &Instruction<'_>, name: &str| instruction.name.eq_ignore_ascii_case(name);
    let last = all
        .iter()
        .rposition(|instruction| is(instruction, "FROM"))
        .unwrap_or_default();
    let mut found = Vec::new();
    for (index, instruction) in all.iter().enumerate() {
        if !is(instruction, "COPY") && !is(instruction, "ADD") {
            continue;
        }
        let sources: Vec<_> = instruction
            .words
            .iter()
            .filter(|(_, word)| !word.starts_with("--"))
            .collect();
        // the last is where they go
        for (at, word) in sources.iter().rev().skip(1).rev() {
            let path = word.trim_matches(['[', ']', '"', ',', '\'']);
            let Some(is_sure) = is_key_file(path) else {
                continue;
            };
            let start = at + (path.as_ptr().addr() - word.as_ptr().addr());
            let into = if index < last {
                "a stage of the build"
            } else {
                "the image"
            };
            let severity = if is_sure && index >= last {
                Severity::Error
            } else {
                Severity::Warning
            };
            found.push((
                start..start + path.len(),
                format!("{path} is copied into {into}"),
                severity,
            ));
        }
    }
    found
}
