//! What a template of a chart puts in where no value is given.

use std::ops::Range;

/// Longest expression, bytes.
const LONGEST: usize = 512;

/// The text that `{{ … | default "…" }}` or `{{ default "…" … }}` gives, if such an expression stands at a place.
pub(super) fn default(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let open = rest.trim_start_matches(['"', '\'']);
    let inner = open
        .strip_prefix("{{")
        .filter(|_| rest.len() - open.len() <= 1)?;
    let bytes = inner.as_bytes();
    let end = bytes.get(..LONGEST).unwrap_or(bytes);
    let end = end.windows(2).position(|pair| pair == b"}}")?;
    let expression = inner.get(..end).filter(|it| !it.contains('\n'))?;
    let from = at + (rest.len() - open.len()) + "{{".len();
    let words = expression.match_indices("default");
    words
        .filter(|(word, _)| expression.get(..*word).is_some_and(begins_word))
        .find_map(|(word, name)| {
            let behind = expression.get(word + name.len()..)?;
            let value = behind.trim_start_matches(' ');
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '`'))?;
            let value = value.get(1..).filter(|_| behind.starts_with(' '))?;
            let length = value.find(quote).filter(|length| *length > 0)?;
            let start = from + expression.len() - value.len();
            Some(start..start + length)
        })
}

/// Whether a word may begin behind a text.
fn begins_word(before: &str) -> bool {
    before.is_empty() || before.ends_with([' ', '|', '(', '-'])
}

#[cfg(test)]
mod tests {
    use super::super::made::{found, holds_none};

    #[test]
    fn what_a_chart_puts_in_is_a_value() {
        for text in [
            "password: {{ .Values.password | default \"hunter2\" }}\n",
            "password: {{ .Values.password | default \"hunter2\" | quote }}\n",
            "password: \"{{ default `hunter2` .Values.password }}\"\n",
            "password: {{- default \"hunter2\" .Values.password -}}\n",
            "- name: DB_PASSWORD\n  value: {{ (default \"hunter2\" .Values.password) | quote }}\n",
        ] {
            assert_eq!(found(text), [("a password", "hunter2")], "{text}");
        }
        let text = "password: {{ .Values.password | default \"changeme\" }}\n";
        assert_eq!(found(text), [("a default password", "changeme")]);
    }

    #[test]
    fn what_a_chart_makes_is_none() {
        for text in [
            "password: {{ .Values.password }}\n",
            "password: {{ .Values.password | default \"\" }}\n",
            "password: {{ .Values.password | default (randAlphaNum 16) }}\n",
            "password: {{ .Values.password | default .Values.global.password | quote }}\n",
            "password: {{ default \"$(PASSWORD)\" .Values.password }}\n",
            "password: {{ include \"default\" \"hunter2\" }}\n",
            "password: {{ .Values.password\n | default \"hunter2\" }}\n",
            "user: {{ .Values.user | default \"hunter2\" }}\n",
            "# password: {{ .Values.password | default \"hunter2\" }}\n",
        ] {
            holds_none(text);
        }
    }
}
