//! What a comment is about, by the lines around it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::Scope;

/// How the lines of a text are laid out.
pub(super) struct Layout<'a> {
    lines: Vec<&'a str>,
    /// For each line, the first from there on that says something; one more, behind the last.
    next: Vec<usize>,
    /// The last lines of blocks that were asked for, by their first.
    ends: RefCell<BTreeMap<usize, usize>>,
}

impl<'a> Layout<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let mut next = vec![lines.len(); lines.len() + 1];
        let mut found = lines.len();
        for (place, (index, line)) in next
            .iter_mut()
            .rev()
            .skip(1)
            .zip(lines.iter().enumerate().rev())
        {
            if says(line) {
                found = index;
            }
            *place = found;
        }
        Self {
            lines,
            next,
            ends: RefCell::default(),
        }
    }

    /// What a comment is about: its own line, or the next that says something, with all that is
    /// indented below it.
    pub(super) fn scope(&self, index: usize, alone: bool) -> Scope {
        let first = if alone {
            let next = self.next.get(index + 1).copied().unwrap_or_default();
            if next >= self.lines.len() {
                return Scope::Lines(index + 1, index + 1);
            }
            next
        } else {
            index
        };
        let head = self.lines.get(first).copied().unwrap_or_default();
        if alone && (indent(head) == 0 || head.trim_start().starts_with("- apiVersion:")) {
            return Scope::ObjectAt(first + 1);
        }
        let end = *self
            .ends
            .borrow_mut()
            .entry(first)
            .or_insert_with(|| self.end(first, head));
        Scope::Lines(first + 1, end + 1)
    }

    /// The last line of the block that begins with a line. What follows the last line that says
    /// something is about the next.
    fn end(&self, first: usize, head: &str) -> usize {
        let depth = indent(head);
        let is_item = |line: &str| line.trim_start().starts_with("- ");
        let head_is_item = is_item(head);
        let belongs = |line: &str| {
            indent(line) > depth || (!head_is_item && indent(line) == depth && is_item(line))
        };
        let mut last = first;
        loop {
            let next = self.next.get(last + 1).copied().unwrap_or(self.lines.len());
            match self.lines.get(next) {
                Some(line) if belongs(line) => last = next,
                _ => return last,
            }
        }
    }
}

fn says(line: &str) -> bool {
    let text = line.trim_start();
    !text.is_empty() && !text.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
