//! Where a text changes, and into what.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::place::Lines;
use super::render::{self, Style};
use super::{Change, EditError, Step, remove, shown};
use crate::{Node, Position, Value};

/// Bytes of a text that are replaced.
pub(super) struct Splice {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) with: String,
}

/// The text with all splices made; `None` where two meet.
pub(super) fn apply(text: &str, mut splices: Vec<(usize, Splice)>) -> Option<String> {
    // of two at one place the deeper comes first: it ends what the other goes on behind
    splices.sort_by_key(|(depth, splice)| (splice.from, Reverse(*depth)));
    let mut out = String::with_capacity(text.len() + 256);
    let mut done = 0;
    for (_, splice) in &splices {
        out.push_str(text.get(done..splice.from)?);
        out.push_str(&splice.with);
        done = splice.to;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// The changes as splices, each with the depth of its place.
pub(super) fn find(
    lines: &Lines<'_>,
    root: &Node,
    changes: &[Change],
    style: Style,
) -> Result<Vec<(usize, Splice)>, EditError> {
    let step = moved_in(root).unwrap_or(style.step);
    let style = Style { step, ..style };
    let mut splices = Vec::new();
    // what is new goes in once for each mapping that takes it
    let mut added: BTreeMap<&[Step], (&Node, Map<String, Json>)> = BTreeMap::new();
    // what goes out goes once for each mapping and sequence that it is in
    let mut gone: BTreeMap<&[Step], (&Node, Vec<&Step>)> = BTreeMap::new();
    for change in changes {
        let mut node = root;
        let mut above = root;
        let mut missing = None;
        for (depth, step) in change.path.iter().enumerate() {
            let here = change.path.get(..=depth).unwrap_or_default();
            match child(node, step, here)? {
                Some(found) => (above, node) = (node, found),
                None => {
                    missing = Some(depth);
                    break;
                }
            }
        }
        let Some(value) = &change.value else {
            let Some((last, path)) = change.path.split_last() else {
                let why = "it is the whole object";
                return Err(EditError::Form("the object".into(), why));
            };
            if missing.is_none() {
                let (_, steps) = gone.entry(path).or_insert_with(|| (above, Vec::new()));
                steps.push(last);
            }
            continue;
        };
        let Some(depth) = missing else {
            if node.to_json() != *value {
                let splice = replace(lines, node, value, &change.path, style)?;
                splices.push((change.path.len(), splice));
            }
            continue;
        };
        let (above, rest) = change.path.split_at_checked(depth).unwrap_or_default();
        let Some(Step::Key(_)) = rest.first() else {
            return Err(EditError::Missing(shown(&change.path)));
        };
        let (_, entries) = added.entry(above).or_insert_with(|| (node, Map::new()));
        let mut whole = Json::Object(std::mem::take(entries));
        super::set(&mut whole, rest.iter(), value);
        if let Json::Object(merged) = whole {
            *entries = merged;
        }
    }
    for (path, (node, entries)) in &added {
        splices.push((path.len(), insert(lines, node, entries, path, style)?));
    }
    for (path, (node, steps)) in &gone {
        let whole: Vec<Step> = path.iter().chain(steps.first().copied()).cloned().collect();
        let taken = remove::parts(lines, node, steps, &whole)?;
        splices.extend(taken.into_iter().map(|splice| (path.len(), splice)));
    }
    Ok(splices)
}

/// The child that a step leads to, whose text must stand within its parent's.
fn child<'a>(node: &'a Node, step: &Step, path: &[Step]) -> Result<Option<&'a Node>, EditError> {
    let (found, key) = match step {
        Step::Index(index) => (node.items().get(*index), None),
        Step::Key(name) => (node.get(name), node.key_position(name)),
    };
    let Some(found) = found else { return Ok(None) };
    let within = |at: Position| node.start <= at && at <= node.end;
    let owned = within(found.start) && within(found.end) && key.is_none_or(within);
    // an alias stands behind its key; what it means stands elsewhere, and before
    let in_order = key.is_none_or(|key| key <= found.start);
    if owned && in_order {
        Ok(Some(found))
    } else {
        Err(EditError::Shared(shown(path)))
    }
}

/// Whether a mapping or sequence is written in braces or brackets.
pub(super) fn is_flow(lines: &Lines<'_>, node: &Node) -> bool {
    lines
        .byte(node.start)
        .and_then(|at| lines.text.as_bytes().get(at))
        .is_some_and(|first| matches!(first, b'{' | b'['))
}

/// Where the last child ends, before the brace or bracket.
fn last_end(node: &Node) -> Position {
    let values = node.entries().iter().map(|(_, value)| value);
    values
        .chain(node.items())
        .map(|child| child.end)
        .filter(|end| *end <= node.end)
        .max()
        .unwrap_or(node.end)
}

/// The columns by which this text moves a mapping in: those of the first one that is.
fn moved_in(node: &Node) -> Option<usize> {
    let below = |(key, value): &(Node, Node)| {
        let first = value.entries().first().map(|(first, _)| first.start)?;
        (first.line > key.start.line)
            .then(|| first.column.checked_sub(key.start.column))
            .flatten()
            .filter(|columns| (1..=8).contains(columns))
    };
    let values = node.entries().iter().map(|(_, value)| value);
    node.entries()
        .iter()
        .find_map(below)
        .or_else(|| values.chain(node.items()).find_map(moved_in))
}

/// The style of a mapping: in braces it may have its keys in quotes, in a text that is no JSON too.
fn style_at(lines: &Lines<'_>, node: &Node, style: Style) -> Style {
    let first = node
        .entries()
        .first()
        .and_then(|(key, _)| lines.byte(key.start));
    let quoted = first.and_then(|at| lines.text.as_bytes().get(at)) == Some(&b'"');
    Style {
        quoted: style.quoted || quoted && is_flow(lines, node),
        ..style
    }
}

pub(super) fn place(lines: &Lines<'_>, at: Position, path: &[Step]) -> Result<usize, EditError> {
    lines
        .byte(at)
        .ok_or_else(|| EditError::Missing(shown(path)))
}

/// New keys of a mapping.
fn insert(
    lines: &Lines<'_>,
    node: &Node,
    entries: &Map<String, Json>,
    path: &[Step],
    style: Style,
) -> Result<Splice, EditError> {
    let style = style_at(lines, node, style);
    match &node.value {
        Value::Null => return replace(lines, node, &Json::Object(entries.clone()), path, style),
        Value::Mapping(own) if own.is_empty() => {
            let (from, to) = (
                place(lines, node.start, path)?,
                place(lines, node.end, path)?,
            );
            let with = format!("{{{}}}", render::pairs(entries, style.comma, style));
            return Ok(Splice { from, to, with });
        }
        Value::Mapping(_) => {}
        _ => return Err(EditError::Form(shown(path), "it is no mapping")),
    }
    if is_flow(lines, node) {
        let from = place(lines, last_end(node), path)?;
        let last = node.entries().iter().map(|(key, _)| key.start).max();
        let between = match last.filter(|last| last.line != node.start.line) {
            // one entry a line, as in formatted JSON
            Some(last) => format!(",{}{}", style.line_end, lines.indent(last)),
            None => style.comma.to_owned(),
        };
        let with = [&between, &*render::pairs(entries, &between, style)].concat();
        return Ok(Splice {
            from,
            to: from,
            with,
        });
    }
    let own = |key: &Node| node.start <= key.start && key.start <= node.end;
    let column = node
        .entries()
        .iter()
        .find(|(key, _)| own(key))
        .map(|(key, _)| key.start.column)
        .ok_or_else(|| EditError::Shared(shown(path)))?;
    let text = entries
        .iter()
        .map(|(name, value)| render::block(name, value, column - 1, style))
        .collect();
    Ok(after(lines, node.end, column, text, style))
}

/// Lines put behind the one that ends at a position, and behind its comments.
fn after(lines: &Lines<'_>, end: Position, column: usize, text: String, style: Style) -> Splice {
    let at = lines.behind(end).unwrap_or(lines.text.len());
    let at = lines.behind_comments(at, column);
    let before = lines.text.get(..at).unwrap_or_default();
    let with = if before.is_empty() || before.ends_with('\n') {
        text
    } else {
        // the last line has no end
        [style.line_end, text.trim_end()].concat()
    };
    Splice {
        from: at,
        to: at,
        with,
    }
}

/// Another value in the place of one.
fn replace(
    lines: &Lines<'_>,
    node: &Node,
    value: &Json,
    path: &[Step],
    style: Style,
) -> Result<Splice, EditError> {
    let (from, to) = (
        place(lines, node.start, path)?,
        place(lines, node.end, path)?,
    );
    let old = lines.between(node.start, node.end).unwrap_or_default();
    let refused = |why| Err(EditError::Form(shown(path), why));
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => refused("it is a mapping"),
        Value::Sequence(items) if !items.is_empty() => sequence(lines, node, value, path, style),
        Value::Mapping(_) | Value::Sequence(_) => {
            let with = render::flow(value, style);
            Ok(Splice { from, to, with })
        }
        // there is no text: its place is that of the colon, or right behind it
        Value::Null if old.is_empty() => {
            let colon = lines.text.as_bytes().get(from) == Some(&b':');
            let from = from + usize::from(colon);
            let with = format!(" {}", render::flow(value, style));
            Ok(Splice {
                from,
                to: from,
                with,
            })
        }
        _ if node.start.line != node.end.line => refused("it is a block of text"),
        _ => {
            let with = match (old.chars().next(), value) {
                (Some('"'), Json::String(_)) => value.to_string(),
                (Some('\''), Json::String(text)) => format!("'{}'", text.replace('\'', "''")),
                _ => render::flow(value, style),
            };
            Ok(Splice { from, to, with })
        }
    }
}

/// A sequence with items added behind, or, where it stands in brackets, any other.
fn sequence(
    lines: &Lines<'_>,
    node: &Node,
    value: &Json,
    path: &[Step],
    style: Style,
) -> Result<Splice, EditError> {
    let refused = |why| Err(EditError::Form(shown(path), why));
    let (Json::Array(wanted), Json::Array(have)) = (value, node.to_json()) else {
        return refused("it is a sequence");
    };
    let added = wanted
        .strip_prefix(have.as_slice())
        .filter(|added| !added.is_empty());
    if is_flow(lines, node) {
        let quoted = lines
            .byte(node.start)
            .and_then(|at| lines.text.get(at + 1..));
        let quoted = quoted.is_some_and(|rest| rest.trim_start().starts_with('"'));
        let quoted = style.quoted || quoted;
        let style = Style { quoted, ..style };
        if let Some(added) = added {
            let from = place(lines, last_end(node), path)?;
            let with = added
                .iter()
                .map(|item| [style.comma, &*render::flow(item, style)].concat())
                .collect();
            return Ok(Splice {
                from,
                to: from,
                with,
            });
        }
        let from = place(lines, node.start, path)?;
        let rest = lines.text.get(from..).unwrap_or_default();
        let Some(close) = rest.find(']').filter(|close| {
            let inside = rest.get(..*close).unwrap_or_default();
            !inside.contains(['\n', '#']) && !inside.get(1..).unwrap_or_default().contains('[')
        }) else {
            return refused("it is a sequence of several lines or of sequences");
        };
        let with = render::flow(value, style);
        return Ok(Splice {
            from,
            to: from + close + 1,
            with,
        });
    }
    let Some(added) = added else {
        return refused("it is a sequence of several lines");
    };
    let last = node.items().last().map_or(node.end, |item| item.end);
    // the dash stands where the sequence starts, or before its first item
    let dash = node
        .items()
        .first()
        .and_then(|first| {
            let line = lines.between(
                Position {
                    line: first.start.line,
                    column: 1,
                },
                first.start,
            )?;
            Some(line.chars().take_while(|c| *c == ' ').count())
        })
        .unwrap_or_default();
    let text = added
        .iter()
        .map(|item| {
            format!(
                "{}- {}{}",
                " ".repeat(dash),
                render::flow(item, style),
                style.line_end
            )
        })
        .collect();
    Ok(after(lines, last, dash + 1, text, style))
}
