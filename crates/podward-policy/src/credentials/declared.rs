//! Names of source text that are declared with a type: `password: string = "…"`,
//! `var password string = "…"`, `#define PASSWORD "…"`.

use std::ops::Range;

/// Longest type, bytes.
const TYPE: usize = 48;

/// Types that stand behind a name without a sign, in small letters.
const TYPES: &[&str] = &[
    "string",
    "str",
    "char",
    "securestring",
    "text",
    "varchar",
    "nvarchar",
    "as string",
    "as securestring",
    "[]byte",
    "*string",
    "[]",
];

/// Where the value of a name may begin that is declared with a type, as bytes of the text.
pub(super) fn value(text: &str, name: &Range<usize>) -> Option<usize> {
    let rest = text.get(name.end..)?;
    let sign = rest.trim_start_matches(['?', '!']);
    let at = if let Some(rest) = sign.trim_start_matches(' ').strip_prefix(':') {
        text.len() - rest.len() + typed(rest, |of| !of.is_empty() && is_type(of))?
    } else if let Some(rest) = rest.strip_prefix([' ', '\t', '[']) {
        if is_macro(text, name) {
            return Some(text.len() - rest.trim_start_matches([' ', '\t']).len());
        }
        // `password[]` and `password[32]` of C
        name.end + typed(text.get(name.end..)?, is_known)?
    } else {
        return None;
    };
    let value = text.get(at..)?;
    Some(text.len() - value.trim_start_matches([' ', '\t']).len())
}

/// Whether a name may be declared with a type that stands behind it.
pub(super) fn may_begin(next: Option<u8>, after: Option<u8>) -> bool {
    match next {
        Some(b'?' | b'!' | b'[') => true,
        Some(b' ' | b'\t') => matches!(
            after,
            Some(b' ' | b's' | b'S' | b'A' | b'a' | b'[' | b'*' | b'"' | b'c' | b't' | b'v' | b'n')
        ),
        _ => false,
    }
}

/// How far the value is behind a type and `=`.
fn typed(rest: &str, fits: impl Fn(&str) -> bool) -> Option<usize> {
    let bytes = rest.as_bytes();
    let bytes = bytes.get(..TYPE).unwrap_or(bytes);
    let at = bytes.iter().position(|b| *b == b'=')?;
    let signs = bytes
        .get(at + 1)
        .is_some_and(|b| matches!(b, b'=' | b'>' | b'~'));
    let of = rest.get(..at)?.trim();
    (!signs && fits(of)).then_some(at + 1)
}

/// Whether a text can be a type: words and the signs between them, and no comparison.
fn is_type(of: &str) -> bool {
    let opened = of.matches(['<', '[']).count();
    let closed = of.matches(['>', ']']).count();
    opened == closed
        && !of.ends_with(['!', '|', '+', '-', '*', '.'])
        && of.bytes().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'_' | b'&' | b'<' | b'>' | b'[' | b']' | b'?' | b'|' | b'.' | b'*' | b' ' | b':')
                // of a lifetime
                || b == b'\''
        })
        && (!of.contains('\'') || of.starts_with("&'"))
}

/// One of the types that stand behind a name, which may have a length.
fn is_known(of: &str) -> bool {
    let of = of.to_ascii_lowercase();
    let digit = |c: char| c.is_ascii_digit();
    let bare = match of.split_once(['(', '[']) {
        Some((bare, length)) if length.trim_end_matches([')', ']']).chars().all(digit) => {
            if bare.is_empty() { "[]" } else { bare }
        }
        _ => of.as_str(),
    };
    TYPES.contains(&bare) || TYPES.contains(&of.as_str())
}

/// `#define NAME "…"`.
fn is_macro(text: &str, name: &Range<usize>) -> bool {
    let before = super::pairs::before(text, name.start).trim();
    before
        .strip_prefix('#')
        .is_some_and(|word| word.trim_start() == "define")
}

#[cfg(test)]
mod tests {
    use super::super::Reading;
    use super::super::made::found_in;

    fn values(text: &str) -> Vec<&str> {
        let all = found_in(text, Reading::Code);
        all.into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn declarations_with_a_type_are_read() {
        for text in [
            "const password: string = 'hunter2';",
            "private password?: string = `hunter2`;",
            "password!: string | undefined = \"hunter2\"",
            "const PASSWORD: &str = \"hunter2\";",
            "static PASSWORD: &'static str = r\"hunter2\";",
            "const PASSWORD: Option<&str> = \"hunter2\";",
            "val password: String = \"hunter2\"",
            "let password: String? = \"hunter2\"",
            "password: str = \"hunter2\"",
            "password: Final[str] = b'hunter2'",
            "var password string = \"hunter2\"",
            "const dbPassword string = `hunter2`",
            "var password []byte = \"hunter2\"",
            "param adminPassword string = 'hunter2'",
            "Dim password As String = \"hunter2\"",
            "char password[] = \"hunter2\";",
            "const char password[32] = \"hunter2\";",
            "#define PASSWORD \"hunter2\"",
            "# define DB_PASSWORD   \"hunter2\"",
            "DECLARE @password nvarchar(20) = 'hunter2'",
        ] {
            assert_eq!(values(text), ["hunter2"], "{text}");
        }
    }

    #[test]
    fn other_code_is_left_alone() {
        for text in [
            "const password: string = process.env.PASSWORD;",
            "function f(password: string, user = 'joe') {}",
            "function f(password: string, user: string = 'joe') {}",
            "password: str = os.getenv('PASSWORD')",
            "Password string `json:\"password\"`",
            "if (ok ? password : other == 'joe') {}",
            "password: x => 'hunter2'",
            "password: x <= 'hunter2'",
            "password: x != 'hunter2'",
            "the password string is 'hunter2'",
            "#define PASSWORD_LENGTH \"hunter2\"",
            "#define PASSWORD get(\"hunter2\")",
            "let token: String = \"my-token\"",
            "password: string = ''",
            "// const password: string = 'hunter2'",
            "map[password] = 'hunter'",
        ] {
            assert!(values(text).is_empty(), "{text}");
        }
    }
}
