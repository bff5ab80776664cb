//! Patterns of paths, as git reads them in .gitignore: bytes, `*`, `?`, `[a-z]` and `**`.

/// Longest pattern that is looked at, bytes: a path has no more.
const LONGEST: usize = 4096;

/// What a part of a pattern takes.
#[derive(Debug)]
enum Part {
    /// This byte.
    Byte(u8),
    /// One byte of these, never `/`.
    Of(Box<[bool; 256]>),
    /// Any bytes without `/`, or none.
    Name,
    /// Any bytes, or none.
    Any,
    /// Folders, or none: what stands before it is the start or a `/`.
    Folders,
    /// The inside of [`Part::Folders`], which ends behind a `/`.
    InFolders,
}

/// A pattern of a whole text.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// The text itself, where nothing in the pattern has a meaning of its own.
    literal: Option<Vec<u8>>,
    parts: Vec<Part>,
}

impl Pattern {
    /// Reads a pattern; none where it matches nothing, such as one with an open `[`.
    pub(crate) fn new(text: &[u8]) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        if !is_pattern(text) {
            return Some(Self {
                literal: Some(text.to_vec()),
                parts: Vec::new(),
            });
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(byte) = text.get(at).copied() {
            at += 1;
            match byte {
                b'\\' => {
                    parts.push(Part::Byte(*text.get(at)?));
                    at += 1;
                }
                b'?' => parts.push(Part::Of(Box::new(std::array::from_fn(|byte| {
                    byte != usize::from(b'/')
                })))),
                b'[' => parts.push(Part::Of(class(text, &mut at)?)),
                b'*' => at = stars(text, at, &mut parts),
                byte => parts.push(Part::Byte(byte)),
            }
        }
        Some(Self {
            literal: None,
            parts,
        })
    }

    /// Whether a text is one of those that are meant. Takes time in proportion to the text and the
    /// pattern, whatever they are.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        if let Some(literal) = &self.literal {
            return literal == text;
        }
        // which parts may be next, all at once
        let mut now = vec![false; self.parts.len() + 1];
        let mut then = now.clone();
        self.enter(0, &mut now);
        for byte in text {
            then.fill(false);
            for (at, part) in self.parts.iter().enumerate() {
                if !now.get(at).copied().unwrap_or_default() {
                    continue;
                }
                match part {
                    Part::Byte(wanted) if wanted == byte => self.enter(at + 1, &mut then),
                    Part::Of(these) if these.get(usize::from(*byte)) == Some(&true) => {
                        self.enter(at + 1, &mut then);
                    }
                    Part::Name if *byte != b'/' => self.enter(at, &mut then),
                    Part::Any => self.enter(at, &mut then),
                    Part::InFolders => {
                        self.enter(at, &mut then);
                        if *byte == b'/' {
                            self.enter(at + 1, &mut then);
                        }
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut now, &mut then);
        }
        now.last().copied().unwrap_or_default()
    }

    /// Marks a part as next, and those after it where it takes nothing.
    fn enter(&self, at: usize, next: &mut [bool]) {
        match next.get_mut(at) {
            Some(mark) if !*mark => *mark = true,
            _ => return,
        }
        match self.parts.get(at) {
            Some(Part::Name | Part::Any) => self.enter(at + 1, next),
            Some(Part::Folders) => {
                self.enter(at + 1, next);
                self.enter(at + 2, next);
            }
            _ => {}
        }
    }
}

/// Whether something in a text has a meaning as a pattern.
pub(super) fn is_pattern(text: &[u8]) -> bool {
    text.iter()
        .any(|byte| matches!(byte, b'*' | b'?' | b'[' | b'\\'))
}

/// What stars mean, the first of which stands before `at`; gives where to go on. Two or more cross
/// folders where they stand alone between slashes.
fn stars(text: &[u8], at: usize, parts: &mut Vec<Part>) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let more = rest.iter().take_while(|byte| **byte == b'*').count();
    let (before, end) = (at.checked_sub(2), at + more);
    let begins = before.is_none_or(|before| text.get(before) == Some(&b'/'));
    let rest = text.get(end..).unwrap_or_default();
    if more == 0 || !begins {
        parts.push(Part::Name);
    } else if rest.is_empty() || rest.starts_with(b"\\/") {
        parts.push(Part::Any);
    } else if rest.starts_with(b"/") {
        parts.extend([Part::Folders, Part::InFolders]);
        return end + 1;
    } else {
        parts.push(Part::Name);
    }
    end
}

/// The bytes of `[…]`, whose inside begins at `at`, which is moved behind it; none where it does
/// not end or names an unknown kind.
fn class(text: &[u8], at: &mut usize) -> Option<Box<[bool; 256]>> {
    let byte = |at: usize| text.get(at).copied();
    let mut these = Box::new([false; 256]);
    let negated = matches!(byte(*at)?, b'!' | b'^');
    *at += usize::from(negated);
    let (mut last, mut first): (Option<u8>, bool) = (None, true);
    loop {
        let mut one = byte(*at)?;
        if one == b']' && !first {
            break;
        }
        first = false;
        *at += 1;
        if one == b'-'
            && let Some(from) = last
            && byte(*at).is_some_and(|next| next != b']')
        {
            let mut to = byte(*at)?;
            *at += 1;
            if to == b'\\' {
                to = byte(*at)?;
                *at += 1;
            }
            (from..=to).for_each(|byte| set(&mut these, byte));
            last = None;
            continue;
        }
        if one == b'[' && byte(*at) == Some(b':') {
            let name = text.get(*at + 1..)?;
            let end = name.iter().position(|byte| *byte == b']')?;
            if let Some(kind) = name.get(..end)?.strip_suffix(b":") {
                let is_one = kind_of(kind)?;
                (0..=u8::MAX)
                    .filter(|byte| is_one(*byte))
                    .for_each(|byte| set(&mut these, byte));
                *at += end + 2;
                last = None;
                continue;
            }
        }
        if one == b'\\' {
            one = byte(*at)?;
            *at += 1;
        }
        set(&mut these, one);
        last = Some(one);
    }
    *at += 1;
    if negated {
        these.iter_mut().for_each(|is_one| *is_one = !*is_one);
    }
    if let Some(slash) = these.get_mut(usize::from(b'/')) {
        *slash = false;
    }
    Some(these)
}

fn set(these: &mut [bool; 256], byte: u8) {
    if let Some(one) = these.get_mut(usize::from(byte)) {
        *one = true;
    }
}

/// The kinds of bytes that have a name.
fn kind_of(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |b| b.is_ascii_alphanumeric(),
        b"alpha" => |b| b.is_ascii_alphabetic(),
        b"blank" => |b| matches!(b, b' ' | b'\t'),
        b"cntrl" => |b| b.is_ascii_control(),
        b"digit" => |b| b.is_ascii_digit(),
        b"graph" => |b| b.is_ascii_graphic(),
        b"lower" => |b| b.is_ascii_lowercase(),
        b"print" => |b| b.is_ascii_graphic() || b == b' ',
        b"punct" => |b| b.is_ascii_punctuation(),
        b"space" => |b| b.is_ascii_whitespace() || b == 0x0b,
        b"upper" => |b| b.is_ascii_uppercase(),
        b"xdigit" => |b| b.is_ascii_hexdigit(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern.as_bytes()).is_some_and(|p| p.matches(text.as_bytes()))
    }

    #[test]
    fn stars_stay_in_a_folder_unless_they_stand_alone() {
        for (pattern, text, wanted) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a/b.yaml", false),
            ("a/*/c", "a/b/c", true),
            ("a/*/c", "a/b/b/c", false),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "abc", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/c", "a/c", true),
            ("a/**/c", "a/x/y/c", true),
            ("a/**/c", "a/xc", false),
            ("a**c", "a/c", false),
            ("a**c", "abc", true),
            ("**", "a/b", true),
            ("***/c", "a/b/c", true),
            ("a?c", "a/c", false),
            ("a?c", "abc", true),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn classes_have_ranges_names_and_escapes() {
        for (pattern, text, wanted) in [
            ("[a-c]", "b", true),
            ("[!a-c]", "b", false),
            ("[^a-c]", "d", true),
            ("[]x]", "]", true),
            ("[!]x]", "]", false),
            ("[a-]", "-", true),
            ("[[:digit:]x]", "7", true),
            ("[[:digit:]x]", "y", false),
            ("[[:nosuch:]]", "a", false),
            ("[[:x]", ":", true),
            ("[\\]]", "]", true),
            ("[a", "a", false),
            ("[!x]", "/", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\", "a\\", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let pattern = Pattern::new("**/*a".repeat(300).as_bytes()).unwrap();
        let start = std::time::Instant::now();
        assert!(!pattern.matches("a/".repeat(1000).as_bytes()));
        assert!(start.elapsed().as_secs() < 2);
    }
}
