//! The language of flexible federated credentials, version 1: `claims['sub'] matches 'repo:shop/*'`, joined by `and`.

/// One comparison of a claim.
#[derive(Debug, PartialEq, Eq)]
struct Comparison<'a> {
    claim: &'a str,
    /// Whether `*` and `?` stand for others.
    wild: bool,
    wanted: &'a str,
}

/// A condition on claims.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expression<'a> {
    all: Vec<Comparison<'a>>,
}

impl<'a> Expression<'a> {
    /// Reads an expression.
    pub(crate) fn parse(text: &'a str) -> Result<Self, String> {
        let (mut all, mut rest) = (Vec::new(), text.trim());
        loop {
            let (one, after) = Comparison::parse(rest).ok_or_else(|| {
                let shown: String = rest.chars().take(60).collect();
                format!("wants claims['NAME'] eq 'TEXT' or claims['NAME'] matches 'PATTERN', with one space between them, at: {shown}")
            })?;
            all.push(one);
            if after.is_empty() {
                return Ok(Self { all });
            }
            rest = after
                .strip_prefix(" and ")
                .ok_or("comparisons are joined by the word and")?;
        }
    }

    /// Whether claims are as it says. `claim` gives the text of one by its name.
    pub(crate) fn holds(&self, claim: impl Fn(&str) -> Option<String>) -> bool {
        self.all.iter().all(|one| {
            claim(one.claim).is_some_and(|found| {
                if one.wild {
                    matches(one.wanted, &found)
                } else {
                    one.wanted == found
                }
            })
        })
    }
}

impl<'a> Comparison<'a> {
    fn parse(text: &'a str) -> Option<(Self, &'a str)> {
        let (claim, rest) = text.strip_prefix("claims['")?.split_once("']")?;
        let (operator, rest) = rest.strip_prefix(' ')?.split_once(" '")?;
        let (wanted, rest) = rest.split_once('\'')?;
        let wild = match operator {
            "matches" => true,
            "eq" => false,
            _ => return None,
        };
        let named = !claim.is_empty() && !claim.contains('\'');
        named.then_some((
            Self {
                claim,
                wild,
                wanted,
            },
            rest,
        ))
    }
}

/// Whether a text is as a pattern, where `*` stands for any characters and `?` for one. Time is bounded by the product
/// of both lengths.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // where the last star was, and how much of the text it stood for
    let mut star = None;
    while let Some(here) = text.get(t) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == here => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (p, t) = (at + 1, from + 1);
            }
        }
    }
    pattern.iter().skip(p).all(|one| *one == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_and_marks_for_one() {
        for (pattern, text, want) in [
            ("repo:shop/*", "repo:shop/web:ref:refs/heads/main", true),
            ("repo:shop/*", "repo:shop2/web", false),
            ("repo:shop/*:ref:*", "repo:shop/web:ref:", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
        let long = "a".repeat(2000);
        assert!(!matches(&"*a".repeat(500), &format!("{}b", &long)));
    }

    #[test]
    fn all_comparisons_must_hold() {
        let text = "claims['sub'] matches 'repo:shop/*' and claims['ref'] eq 'main'";
        let expression = Expression::parse(text).unwrap();
        let of = |sub: &'static str, branch: &'static str| {
            expression.holds(|name| match name {
                "sub" => Some(sub.to_owned()),
                "ref" => Some(branch.to_owned()),
                _ => None,
            })
        };
        assert!(of("repo:shop/web", "main"));
        assert!(!of("repo:shop/web", "Main"));
        assert!(!of("repo:else/web", "main"));
        assert!(!expression.holds(|_| None));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "claims['sub']",
            "claims['sub'] like 'x'",
            "claims['sub']  eq 'x'",
            "claims['sub'] eq 'x",
            "claims[''] eq 'x'",
            "claims['sub'] eq 'x' or claims['a'] eq 'b'",
            "claims['sub'] eq 'x' and",
            "claims.sub eq 'x'",
        ] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
