//! Entries and items taken out, with the lines or the part of a line that is theirs alone.

use super::place::Lines;
use super::splice::{Splice, is_flow, place};
use super::{Change, EditError, Step, shown};
use crate::{Node, Position, Value};

/// One entry of a mapping or item of a sequence.
struct Part {
    start: Position,
    end: Position,
}

/// The changes, of which those that would empty a mapping take it out as a whole; an item of a sequence
/// stays, so that those behind it keep their numbers.
pub(super) fn with_emptied(root: &Node, changes: &[Change]) -> Vec<Change> {
    let mut changes = changes.to_vec();
    while let Some(above) = changes
        .iter()
        .find_map(|change| emptied(root, change, &changes))
    {
        changes.retain(|change| !change.path.starts_with(&above));
        changes.push(Change {
            path: above,
            value: None,
        });
    }
    changes
}

/// The mapping that a change leaves empty, together with the others.
fn emptied(root: &Node, change: &Change, all: &[Change]) -> Option<Vec<Step>> {
    let (None, (Step::Key(_), above)) = (&change.value, change.path.split_last()?) else {
        return None;
    };
    let Some(Step::Key(_)) = above.last() else {
        return None;
    };
    let node = above.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Index(index) => node.items().get(*index),
    })?;
    let within = || all.iter().filter(|change| change.path.starts_with(above));
    let is_gone = |key: &Node| {
        within().any(|change| {
            let last = change.path.get(above.len()..).unwrap_or_default();
            matches!(last, [Step::Key(name)] if key.as_str() == Some(name))
        })
    };
    // something has to be left of the object
    let is_last = above.len() == 1 && root.entries().len() == 1;
    let is_emptied = !is_last
        && !node.entries().is_empty()
        && within().all(|change| change.value.is_none())
        && node.entries().iter().all(|(key, _)| is_gone(key));
    is_emptied.then(|| above.to_vec())
}

/// Takes parts of one node out, all at once.
pub(super) fn parts(
    lines: &Lines<'_>,
    node: &Node,
    steps: &[&Step],
    path: &[Step],
) -> Result<Vec<Splice>, EditError> {
    let all = all(node);
    let gone: Vec<usize> = steps.iter().filter_map(|step| index(node, step)).collect();
    if gone.len() == all.len() {
        return everything(lines, node, path).map(|splice| vec![splice]);
    }
    let flow = is_flow(lines, node);
    let taken = gone.iter().map(|index| {
        if flow {
            within_line(lines, &all, *index, path)
        } else {
            whole_lines(lines, &all, *index, path)
        }
    });
    taken.collect()
}

fn all(node: &Node) -> Vec<Part> {
    match &node.value {
        Value::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| Part {
                start: key.start,
                end: end_of(value).max(key.end),
            })
            .collect(),
        Value::Sequence(items) => items
            .iter()
            .map(|item| Part {
                start: item.start,
                end: end_of(item),
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn index(node: &Node, step: &Step) -> Option<usize> {
    match step {
        Step::Index(index) => Some(*index),
        Step::Key(name) => {
            let entries = node.entries().iter();
            entries
                .map(|(key, _)| key.as_str())
                .position(|key| key == Some(name))
        }
    }
}

/// Where a value ends: a block mapping or sequence with its last child.
fn end_of(node: &Node) -> Position {
    let values = node.entries().iter().map(|(_, value)| value);
    let children = values.chain(node.items()).map(end_of);
    // an alias means what stands elsewhere
    let own = children.filter(|end| node.start <= *end && *end <= node.end);
    own.max().map_or(node.end, |end| end.max(node.end))
}

/// What is left where nothing is: an empty mapping or sequence.
fn everything(lines: &Lines<'_>, node: &Node, path: &[Step]) -> Result<Splice, EditError> {
    let with = if matches!(node.value, Value::Mapping(_)) {
        "{}"
    } else {
        "[]"
    };
    let (from, to) = (
        place(lines, node.start, path)?,
        place(lines, end_of(node), path)?,
    );
    if is_flow(lines, node) {
        let with = with.to_owned();
        return Ok(Splice { from, to, with });
    }
    // behind the colon of its key, where the lines of the block begin
    let before = lines.text.get(..from).unwrap_or_default();
    let text = lines.text.get(from..to).unwrap_or_default();
    let line_end = if text.ends_with('\n') {
        lines.line_end()
    } else {
        ""
    };
    let line = before.rsplit('\n').next().unwrap_or_default();
    if line.trim() == "-" && matches!(node.value, Value::Mapping(_)) {
        let with = format!("{with}{line_end}");
        return Ok(Splice { from, to, with });
    }
    let Some((head, between)) = before.rsplit_once(':') else {
        return Err(EditError::Form(shown(path), "it is not below a key"));
    };
    if !between.chars().all(|c| c.is_whitespace() || c == '-') {
        return Err(EditError::Form(shown(path), "a comment stands before it"));
    }
    Ok(Splice {
        from: head.len() + 1,
        to,
        with: format!(" {with}{line_end}"),
    })
}

/// Takes out the lines of a part of a block.
fn whole_lines(
    lines: &Lines<'_>,
    all: &[Part],
    index: usize,
    path: &[Step],
) -> Result<Splice, EditError> {
    let part = all
        .get(index)
        .ok_or_else(|| EditError::Missing(shown(path)))?;
    let head = lines
        .between(
            Position {
                line: part.start.line,
                column: 1,
            },
            part.start,
        )
        .unwrap_or_default();
    let is_item = matches!(path.last(), Some(Step::Index(_)));
    let alone = if is_item {
        head.trim() == "-"
    } else {
        head.trim().is_empty()
    };
    if !alone {
        return shared_line(lines, all, index, path);
    }
    let from = place(
        lines,
        Position {
            line: part.start.line,
            column: 1,
        },
        path,
    )?;
    let to = lines.behind(part.end).unwrap_or(lines.text.len());
    let with = String::new();
    Ok(Splice { from, to, with })
}

/// Takes out the first entry of a mapping that begins behind a dash: the next one takes its place.
fn shared_line(
    lines: &Lines<'_>,
    all: &[Part],
    index: usize,
    path: &[Step],
) -> Result<Splice, EditError> {
    let refused = |why| Err(EditError::Form(shown(path), why));
    let (0, Some(part), Some(next)) = (index, all.first(), all.get(1)) else {
        return refused("it shares its first line");
    };
    let (from, to) = (
        place(lines, part.start, path)?,
        place(lines, next.start, path)?,
    );
    if lines
        .text
        .get(from..to)
        .is_none_or(|text| text.contains('#'))
    {
        return refused("a comment stands in it");
    }
    let with = String::new();
    Ok(Splice { from, to, with })
}

/// Takes out a part of what stands in braces or brackets, with its comma.
fn within_line(
    lines: &Lines<'_>,
    all: &[Part],
    index: usize,
    path: &[Step],
) -> Result<Splice, EditError> {
    let at = |position: Position| place(lines, position, path);
    let missing = || EditError::Missing(shown(path));
    let part = all.get(index).ok_or_else(missing)?;
    let (from, to) = match (
        index.checked_sub(1).and_then(|i| all.get(i)),
        all.get(index + 1),
    ) {
        // up to the next one, which then stands in its place
        (_, Some(next)) => (at(part.start)?, at(next.start)?),
        (Some(last), None) => (at(last.end)?, at(part.end)?),
        (None, None) => return Err(missing()),
    };
    if lines
        .text
        .get(from..to)
        .is_some_and(|text| text.contains('#'))
    {
        return Err(EditError::Form(shown(path), "a comment stands in it"));
    }
    let with = String::new();
    Ok(Splice { from, to, with })
}
