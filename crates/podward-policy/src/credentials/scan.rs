//! One pass over a text.

use super::found::{By, Credential, Found};
use crate::Severity;

use super::{connections, declared, forms, headers, keys, names, pairs, sql, urls, values};
/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// What has the form of a credential alone: text that says nothing of itself.
    Form,
    /// Values, configuration and scripts: `key = value`, `key: value` and `<key>value</key>` too.
    Text,
    /// Source files, where only what stands in quotation marks is a value.
    Code,
}

/// Finds the credentials of a text, in its order and without overlaps. `name` is what the whole
/// text is the value of, if it has a name: a variable, a key, a header. Takes time in proportion
/// to the text, whatever it holds.
#[must_use]
pub fn credentials_in(name: Option<&str>, text: &str, reading: Reading) -> Vec<Credential> {
    let mut found = Found::default();
    if let Some(name) = name
        && let Some(speaks) = names::speaks(name)
        && let Some((kind, severity)) = values::judge(speaks, text)
        && !names::is_repeated(name, text.trim(), speaks)
    {
        match values::azure_key(name, text) {
            Some(kind) => found.add(By::Place, kind, trimmed(text), Severity::Error),
            None => found.add(By::Name, kind, trimmed(text), severity),
        }
    }
    if !is_short_word(text) {
        Pass {
            text,
            bytes: text.as_bytes(),
            reading,
            named: None,
            comment: Comment::default(),
            found: &mut found,
        }
        .run();
    }
    found.settle()
}

/// The last comment of XML, `<!-- … -->`, which may have many lines.
#[derive(Default)]
struct Comment {
    /// Where it ends, bytes.
    end: usize,
    /// Whether none ends behind it, so that the text is not gone through again and again.
    is_last: bool,
}

/// Whether a text is one word, too short for a token: most values of manifests are.
fn is_short_word(text: &str) -> bool {
    text.len() < forms::SHORTEST && text.bytes().all(|byte| class(byte) == Class::Word)
}

/// Where a text stands without the space around it.
fn trimmed(text: &str) -> std::ops::Range<usize> {
    let start = text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

/// What a byte may begin or end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word or of a token.
    Word,
    /// `:`, which may be that of a URL.
    Colon,
    /// `$`, which may begin a hash.
    Dollar,
    Other,
}

const CLASSES: [Class; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated when compiled, over all values of a byte"
)]
const fn classes() -> [Class; 256] {
    let mut table = [Class::Other; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = match at as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'~' => Class::Word,
            b':' => Class::Colon,
            b'$' => Class::Dollar,
            _ => Class::Other,
        };
        at += 1;
    }
    table
}

fn class(byte: u8) -> Class {
    CLASSES
        .get(usize::from(byte))
        .copied()
        .unwrap_or(Class::Other)
}

struct Pass<'a> {
    text: &'a str,
    bytes: &'a [u8],
    reading: Reading,
    /// What the last `name: NAME` said of the `value:` that follows it, and where that ended.
    named: Option<(names::Speaks, usize)>,
    comment: Comment,
    found: &'a mut Found,
}

impl Pass<'_> {
    fn run(mut self) {
        let (mut at, mut word) = (0, 0..0);
        while let Some(byte) = self.bytes.get(at) {
            at = match class(*byte) {
                Class::Word => {
                    word = at..at + self.length(at, Class::Word);
                    self.word(word.clone())
                }
                Class::Colon => {
                    urls::userinfo(self.text, &word, at, self.found);
                    at + 1
                }
                Class::Dollar => {
                    keys::hash(self.text, at, self.found);
                    at + 1
                }
                Class::Other => at + self.length(at, Class::Other),
            };
        }
    }

    /// How many bytes of a class stand from here.
    fn length(&self, from: usize, of: Class) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        rest.iter()
            .position(|byte| class(*byte) != of)
            .unwrap_or(rest.len())
    }

    /// Looks at a word and tells where to go on.
    fn word(&mut self, word: std::ops::Range<usize>) -> usize {
        let next = self.byte(word.end);
        if next == Some(b' ') && self.ends_with(&word, b"-----BEGIN") {
            return keys::pem(self.text, word.end, self.found);
        }
        if self.byte(word.start) == Some(b'-')
            && self.reading == Reading::Text
            && word.start > 0
            && self.byte(word.start - 1) == Some(b'!')
        {
            self.comment(&word);
        }
        if word.len() >= forms::SHORTEST {
            forms::word(self.text, word.clone(), self.found);
        }
        match self.byte(word.start) {
            Some(b'A') if word.start > 0 && self.byte(word.start - 1) == Some(b'+') => {
                connections::marked(self.text, &word, self.found);
            }
            Some(b'L') if word.len() >= forms::SHORTEST => {
                keys::encoded_pem(self.text, &word, self.found);
            }
            _ => {}
        }
        let is_scheme = next == Some(b' ')
            && matches!(word.len(), 5 | 6)
            && headers::scheme(self.text, &word, self.found);
        if next == Some(b' ') && matches!(word.len(), 2 | 8) && self.reading != Reading::Form {
            sql::statement(self.text, &word, self.found);
        }
        if next == Some(b'(') && word.start > 0 && self.byte(word.start - 1) == Some(b'@') {
            urls::driver(self.text, &word, self.found);
        }
        if matches!(next, Some(b' ' | b'\t'))
            && matches!(word.len(), 6 | 10 | 11)
            && self.reading == Reading::Text
        {
            pairs::directive(self.text, &word, self.found);
        }
        if self.reading == Reading::Code
            && (next == Some(b':') || declared::may_begin(next, self.byte(word.end + 1)))
        {
            pairs::declared(self.text, &word, self.found);
        }
        if !is_scheme && self.reading != Reading::Form && self.may_be_key(word.end, next) {
            let context = pairs::Context {
                reading: self.reading,
                commented: word.start < self.comment.end,
                named: &mut self.named,
            };
            pairs::pair(self.text, &word, context, self.found);
        }
        word.end
    }

    /// Looks whether a word that begins with a dash begins a comment of XML. What nothing ends is none.
    #[cold]
    fn comment(&mut self, word: &std::ops::Range<usize>) {
        let before = self.bytes.get(..word.start).unwrap_or_default();
        let begins = word.start >= self.comment.end
            && !self.comment.is_last
            && before.ends_with(b"<!")
            && self.byte(word.start + 1) == Some(b'-');
        if begins {
            let rest = self.text.get(word.start + 2..).unwrap_or_default();
            match rest.find("-->") {
                Some(length) => self.comment.end = word.start + 2 + length,
                None => self.comment.is_last = true,
            }
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn ends_with(&self, word: &std::ops::Range<usize>, end: &[u8]) -> bool {
        let word = self.bytes.get(word.clone()).unwrap_or_default();
        word.ends_with(end)
    }

    /// Whether a sign may follow the word that ends here. In running text another word does.
    fn may_be_key(&self, end: usize, next: Option<u8>) -> bool {
        match next {
            Some(b':' | b'=' | b'"' | b'\'' | b'>' | b'\\' | b'`') => true,
            Some(b' ' | b'\t') => {
                matches!(self.bytes.get(end + 1), Some(b':' | b'=' | b' ' | b'\t'))
            }
            _ => false,
        }
    }
}
