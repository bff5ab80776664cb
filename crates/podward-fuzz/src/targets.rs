//! What is tried, and what must hold.

use podward_manifest::{
    Change, Node, Position, Step, edit, objects_found, parse, parse_each, parse_generally,
};
use podward_policy::{Reading, credentials_in};
use serde_json::{Value, json};

use crate::draw::Draw;

pub(crate) struct Target {
    pub(crate) name: &'static str,
    /// Texts that its inputs are made of; manifests where it has none of its own.
    pub(crate) seeds: Option<fn() -> Vec<String>>,
    /// Says what does not hold of a text.
    pub(crate) check: fn(&str, &mut Draw) -> Result<(), String>,
    /// The same without questions, to be timed.
    pub(crate) time: fn(&str),
}

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "read",
        seeds: None,
        check: read,
        time: |text| {
            std::hint::black_box(parse_each("f", text));
        },
    },
    Target {
        name: "edit",
        seeds: None,
        check: edited,
        time: |text| {
            let change = Change::new("spec.securityContext.runAsNonRoot", json!(true));
            let start = Position { line: 1, column: 1 };
            // that it cannot be edited is an answer too
            let _ = std::hint::black_box(edit(text, start, &[change]));
        },
    },
    Target {
        name: "credentials",
        seeds: None,
        check: credentials,
        time: |text| {
            for reading in READINGS {
                std::hint::black_box(credentials_in(Some("PASSWORD"), text, reading));
            }
        },
    },
];

const READINGS: [Reading; 3] = [Reading::Form, Reading::Text, Reading::Code];

/// Both readers agree, and every place is in the text.
fn read(text: &str, _: &mut Draw) -> Result<(), String> {
    let lines = lines(text);
    let (found, errors) = parse_each("f", text);
    let (fast, general) = (parse("f", text), parse_generally("f", text));
    // a number that is none equals nothing, but is written in the same way
    if format!("{fast:?}") != format!("{general:?}") {
        return Err(format!("the readers differ: {fast:?} and {general:?}"));
    }
    if fast.is_ok_and(|documents| documents.len() != found.len() || !errors.is_empty()) {
        return Err("document by document there is something else".into());
    }
    for document in &found {
        inside(&document.root, &lines)?;
        let twice = document.duplicates.iter();
        twice
            .map(|fault| fault.position)
            .try_for_each(|at| holds(&lines, at))?;
    }
    let mut errors = errors.iter();
    errors.try_for_each(|error| holds(&lines, error.position))
}

/// The lengths of the lines, characters, as YAML ends them.
fn lines(text: &str) -> Vec<usize> {
    let text = text.replace("\r\n", "\n");
    let lines = text.split(['\n', '\r']);
    lines.map(|line| line.chars().count()).collect()
}

fn holds(lines: &[usize], at: Position) -> Result<(), String> {
    let length = at.line.checked_sub(1).and_then(|line| lines.get(line));
    match length {
        Some(length) if (1..=length + 1).contains(&at.column) => Ok(()),
        _ => Err(format!("{at} is not in the text")),
    }
}

fn inside(node: &Node, lines: &[usize]) -> Result<(), String> {
    holds(lines, node.start)?;
    holds(lines, node.end)?;
    if node.start > node.end {
        return Err(format!("{} is behind {}", node.start, node.end));
    }
    for (key, value) in node.entries() {
        inside(key, lines)?;
        inside(value, lines)?;
    }
    let mut items = node.items().iter();
    items.try_for_each(|item| inside(item, lines))
}

/// An edit that is made means what was meant, by the general reader too.
fn edited(text: &str, draw: &mut Draw) -> Result<(), String> {
    let (documents, _) = parse_each("f", text);
    let mut objects: Vec<Node> = documents.iter().map(|d| d.root.clone()).collect();
    objects.extend(
        documents
            .into_iter()
            .flat_map(objects_found)
            .map(|o| o.node),
    );
    let Some(object) = objects.get(draw.below(objects.len())) else {
        return Ok(());
    };
    let change = Change {
        path: path(object, draw),
        value: (draw.below(4) > 0).then(|| value(draw)),
    };
    let Ok(after) = edit(text, object.start, std::slice::from_ref(&change)) else {
        return Ok(());
    };
    let documents = parse_generally("f", &after).map_err(|e| format!("{change:?}: {e}"))?;
    // what is gone may have been what its object began with, so that it has no place to be found at
    if change.value.is_none() {
        return Ok(());
    }
    let roots = documents.iter().map(|document| &document.root);
    let mut all: Vec<&Node> = roots.collect();
    while let Some(node) = all.pop() {
        let is_meant = at(node, &change.path) == change.value;
        if node.start == object.start && is_meant {
            return Ok(());
        }
        all.extend(node.entries().iter().map(|(_, value)| value));
        all.extend(node.items());
    }
    Err(format!("{change:?} is not in {after:?}"))
}

/// A path on which something is, with a step more or less.
fn path(mut node: &Node, draw: &mut Draw) -> Vec<Step> {
    const NAMES: [&str; 5] = ["spec", "securityContext", "a", "runAs Root", "é: #"];
    let mut path = Vec::new();
    while path.len() < 12 && draw.below(6) > 0 {
        let (entry, item) = (
            draw.below(node.entries().len()),
            draw.below(node.items().len()),
        );
        if let Some((key, value)) = node.entries().get(entry) {
            path.push(Step::Key(key.as_str().unwrap_or("1").to_owned()));
            node = value;
        } else if let Some(value) = node.items().get(item) {
            path.push(Step::Index(item));
            node = value;
        } else {
            break;
        }
    }
    for _ in 0..draw.below(3) {
        let name = draw.one_of(&NAMES).unwrap_or_default();
        path.push(Step::Key(name.to_owned()));
    }
    path
}

fn value(draw: &mut Draw) -> Value {
    match draw.below(8) {
        0 => json!(true),
        1 => json!(-1000),
        2 => json!(["ALL"]),
        3 => json!({"type": "RuntimeDefault"}),
        4 => json!("yes"),
        5 => json!("a: b # c"),
        6 => json!("'\"\\\né"),
        _ => json!("web"),
    }
}

fn at(node: &Node, path: &[Step]) -> Option<Value> {
    let found = path.iter().try_fold(node, |node, step| match step {
        Step::Key(name) => node.get(name),
        Step::Index(index) => node.items().get(*index),
    });
    found.map(Node::to_json)
}

/// What is told stands in the text, in its order and without overlaps.
fn credentials(text: &str, draw: &mut Draw) -> Result<(), String> {
    const NAMES: [&str; 5] = ["PASSWORD", "apiToken", "config.yaml", "é", ""];
    let name = draw.one_of(&NAMES).filter(|name| !name.is_empty());
    for reading in READINGS {
        let mut last = 0;
        for found in credentials_in(name, text, reading) {
            let span = found.span.clone();
            if span.start < last || span.is_empty() || text.get(span.clone()).is_none() {
                return Err(format!("{reading:?}: {found:?} behind {last}"));
            }
            last = span.end;
        }
    }
    Ok(())
}
