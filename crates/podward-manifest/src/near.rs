//! Columns of long lines. Who shows or edits many places of a text that is one line must not count its characters from
//! the start for each of them.

use std::cell::Cell;

/// The place that was found last: a line, a column of it, from 0, and the byte of the line where that begins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Near(Cell<(usize, usize, usize)>);

impl Near {
    /// The byte of a line, whose text is given, where a column begins, which counts characters from 0; the end of the
    /// text where it is right behind. `None` beyond.
    pub(crate) fn byte(&self, line: usize, text: &str, column: usize) -> Option<usize> {
        let (at, byte) = match self.0.get() {
            // from the start where that is nearer
            (of, at, byte) if of == line && column >= at / 2 => (at, byte),
            _ => (0, 0),
        };
        let (before, behind) = text.split_at_checked(byte)?;
        let found = match at.checked_sub(column) {
            Some(0) => byte,
            Some(back) => before.char_indices().nth_back(back - 1)?.0,
            None => {
                let starts = behind.char_indices().map(|(more, _)| more);
                let mut all = starts.chain(std::iter::once(behind.len()));
                byte + all.nth(column - at)?
            }
        };
        self.0.set((line, column, found));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_column_is_found_from_any_other() {
        let text: String = "aé漢".chars().cycle().take(300).collect();
        let near = Near::default();
        for column in [0, 299, 298, 7, 8, 300, 150, 149, 301, 1000, 0, 75, 74, 36] {
            let mut bytes = text.char_indices().map(|(byte, _)| byte);
            let want = bytes.nth(column).or((column == 300).then_some(text.len()));
            assert_eq!(near.byte(2, &text, column), want, "{column}");
            assert_eq!(near.byte(1, "short", 2), Some(2));
        }
        assert_eq!(near.byte(9, "", 3), None);
    }
}
