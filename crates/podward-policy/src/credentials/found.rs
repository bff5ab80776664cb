//! What a text holds.

use std::ops::Range;

use crate::Severity;

/// A credential in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What it is, with its article: `a password`, `a GitHub token`.
    pub kind: &'static str,
    /// Where it stands, bytes of the text.
    pub span: Range<usize>,
    /// How sure it is, and how bad.
    pub severity: Severity,
}

/// What told a credential, from the best to the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// Its form alone.
    Form,
    /// The text around it, as in a URL or a connection string.
    Place,
    /// A name and a value that can be one.
    Name,
}

/// Adds credentials that were told in another way. Of those that overlap the first ones stay, or
/// with `better` the added ones. Both are in the order of the text; takes time in proportion.
pub(super) fn join(all: &mut Vec<Credential>, mut more: Vec<Credential>, better: bool) {
    let (kept, dropped) = if better {
        (&more, &mut *all)
    } else {
        (&*all, &mut more)
    };
    let mut kept = kept.iter().peekable();
    dropped.retain(|one| {
        while kept
            .next_if(|other| other.span.end <= one.span.start)
            .is_some()
        {}
        kept.peek()
            .is_none_or(|other| one.span.end <= other.span.start)
    });
    all.append(&mut more);
    all.sort_by_key(|one| one.span.start);
}

/// Credentials as they are found. Nothing is allocated until there is one.
#[derive(Default)]
pub(super) struct Found {
    all: Vec<(By, Credential)>,
}

impl Found {
    pub(super) fn add(
        &mut self,
        by: By,
        kind: &'static str,
        span: Range<usize>,
        severity: Severity,
    ) {
        self.all.push((
            by,
            Credential {
                kind,
                span,
                severity,
            },
        ));
    }

    /// One of those that overlap: what is told best, then what is longest.
    pub(super) fn settle(mut self) -> Vec<Credential> {
        self.all
            .sort_by_key(|(by, one)| (one.span.start, *by, std::cmp::Reverse(one.span.end)));
        let mut kept: Vec<(By, Credential)> = Vec::with_capacity(self.all.len());
        for (by, one) in self.all {
            match kept.last_mut() {
                Some((before, last)) if one.span.start < last.span.end => {
                    if by < *before {
                        (*before, *last) = (by, one);
                    }
                }
                _ => kept.push((by, one)),
            }
        }
        kept.into_iter().map(|(_, one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_there_once() {
        let one = |kind, span| Credential {
            kind,
            span,
            severity: Severity::Error,
        };
        let joined = |better| {
            let mut all = vec![one("a", 0..5), one("a", 10..15), one("a", 30..31)];
            let more = vec![
                one("b", 5..9),
                one("b", 9..11),
                one("b", 12..13),
                one("b", 31..32),
            ];
            join(&mut all, more, better);
            all.iter()
                .map(|one| format!("{}{}", one.kind, one.span.start))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(joined(false), "a0 b5 a10 a30 b31");
        assert_eq!(joined(true), "a0 b5 b9 b12 a30 b31");
    }

    #[test]
    fn of_two_at_one_place_the_better_told_stays() {
        let mut found = Found::default();
        found.add(By::Name, "a token", 0..9, Severity::Error);
        found.add(By::Form, "a GitHub token", 2..9, Severity::Error);
        found.add(By::Name, "a password", 9..12, Severity::Error);
        let kinds: Vec<_> = found.settle().into_iter().map(|c| c.kind).collect();
        assert_eq!(kinds, ["a GitHub token", "a password"]);
    }
}
