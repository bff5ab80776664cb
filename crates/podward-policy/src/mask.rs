//! What excerpts of the source must not show.

use std::collections::BTreeMap;
use std::sync::Arc;

use podward_manifest::Position;

use crate::Finding;

/// Widens what is masked, so that the excerpt of one finding does not show the secret of another
/// that stands in the same line.
pub fn mask(findings: &mut [Finding]) {
    mask_all(&mut [findings]);
}

/// The same for several lists at once.
pub(crate) fn mask_all(lists: &mut [&mut [Finding]]) {
    let mut lines: BTreeMap<(Arc<str>, usize), (Position, Position)> = BTreeMap::new();
    for finding in lists.iter().flat_map(|list| list.iter()) {
        let Some((from, to)) = finding.secret else {
            continue;
        };
        let mut hide = |line: usize, from: Position, to: Position| {
            let all = lines
                .entry((Arc::clone(&finding.path), line))
                .or_insert((from, to));
            *all = (all.0.min(from), all.1.max(to));
        };
        let behind = |line: usize| Position {
            line: line + 1,
            column: 1,
        };
        hide(from.line, from, to.min(behind(from.line)));
        if to.line > from.line {
            let line = to.line;
            hide(line, Position { line, column: 1 }, to);
        }
    }
    if lines.is_empty() {
        return;
    }
    for finding in lists.iter_mut().flat_map(|list| list.iter_mut()) {
        let line = finding.position.line;
        if let Some((from, to)) = lines.get(&(Arc::clone(&finding.path), line)) {
            let own = finding.secret.unwrap_or((*from, *to));
            finding.secret = Some((own.0.min(*from), own.1.max(*to)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Severity;

    fn finding(line: usize, secret: Option<(Position, Position)>) -> Finding {
        Finding {
            rule: "r",
            severity: Severity::Error,
            path: "f".into(),
            position: Position { line, column: 1 },
            field: String::new(),
            message: "".into(),
            why: "",
            mend: "".into(),
            fix: None,
            secret,
        }
    }

    #[test]
    fn findings_of_one_line_hide_the_same() {
        let at = |line, column| Position { line, column };
        let mut all = [
            finding(1, Some((at(1, 5), at(1, 9)))),
            finding(1, Some((at(1, 20), at(1, 24)))),
            finding(1, None),
            finding(2, Some((at(2, 3), at(4, 7)))),
            finding(4, Some((at(4, 20), at(4, 22)))),
            finding(9, None),
        ];
        mask(&mut all);
        let secrets = all.map(|finding| finding.secret);
        let line = Some((at(1, 5), at(1, 24)));
        assert_eq!(secrets[..3], [line, line, line]);
        assert_eq!(secrets[3], Some((at(2, 3), at(4, 7))));
        assert_eq!(secrets[4], Some((at(4, 1), at(4, 22))));
        assert_eq!(secrets[5], None);
    }
}
