//! Tokens that are known by how they begin and how long they are.

use std::ops::Range;

use super::entropy::{bits, is_random, mix};
use super::found::{By, Found};
use super::keys::is_web_token;
use crate::Severity;

/// The shortest word that can be a token, bytes.
pub(super) const SHORTEST: usize = 20;
/// The longest word that is looked at, bytes. A web token with many claims is below it.
const LONGEST: usize = 16 * 1024;

/// Characters of the part behind the beginning.
#[derive(Clone, Copy)]
enum Of {
    Hex,
    Letters,
    Upper,
    /// Letters, digits, `-` and `_`.
    Url,
}

/// How a token looks.
struct Form {
    start: &'static str,
    of: Of,
    /// Fewest and most characters behind the beginning.
    length: (usize, usize),
    kind: &'static str,
}

const fn form(start: &'static str, of: Of, least: usize, most: usize, kind: &'static str) -> Form {
    Form {
        start,
        of,
        length: (least, most),
        kind,
    }
}

const GITHUB: &str = "a GitHub token";
const GITLAB: &str = "a GitLab token";
const SLACK: &str = "a Slack token";
const STRIPE: &str = "a Stripe key";
/// It opens what is made up alone, but names the account.
const STRIPE_TEST: &str = "a Stripe key for tests";
const VAULT: &str = "a HashiCorp Vault token";
const DIGITAL_OCEAN: &str = "a DigitalOcean token";

/// The forms by their first letter, so that a word is compared with few.
fn forms(first: u8) -> &'static [Form] {
    match first {
        b'A' => {
            const {
                &[
                    form("AIza", Of::Url, 35, 35, "a Google API key"),
                    form("AGE-SECRET-KEY-1", Of::Upper, 50, 64, "an age key"),
                ]
            }
        }
        b'S' => const { &[form("SK", Of::Hex, 32, 32, "a Twilio key")] },
        b'd' => {
            const {
                &[
                    form("dckr_pat_", Of::Url, 20, 64, "a Docker Hub token"),
                    form("dop_v1_", Of::Hex, 64, 64, DIGITAL_OCEAN),
                    form("doo_v1_", Of::Hex, 64, 64, DIGITAL_OCEAN),
                    form("dor_v1_", Of::Hex, 64, 64, DIGITAL_OCEAN),
                    form("dapi", Of::Hex, 32, 32, "a Databricks token"),
                ]
            }
        }
        b'g' => {
            const {
                &[
                    form("ghp_", Of::Letters, 36, 255, GITHUB),
                    form("gho_", Of::Letters, 36, 255, GITHUB),
                    form("ghu_", Of::Letters, 36, 255, GITHUB),
                    form("ghs_", Of::Letters, 36, 255, GITHUB),
                    form("ghr_", Of::Letters, 36, 255, GITHUB),
                    form("github_pat_", Of::Url, 70, 255, GITHUB),
                    form("glpat-", Of::Url, 20, 255, GITLAB),
                    form("gldt-", Of::Url, 20, 255, GITLAB),
                    form("glrt-", Of::Url, 20, 255, GITLAB),
                    form("glsa_", Of::Url, 41, 41, "a Grafana token"),
                ]
            }
        }
        b'G' => const { &[form("GOCSPX-", Of::Url, 28, 28, "a Google client secret")] },
        b'N' => const { &[form("NRAK-", Of::Upper, 27, 27, "a New Relic key")] },
        b'h' => const { &[form("hf_", Of::Letters, 30, 40, "a Hugging Face token")] },
        b'n' => const { &[form("npm_", Of::Letters, 36, 36, "an npm token")] },
        b'p' => {
            const {
                &[
                    form("pypi-AgEI", Of::Url, 50, 1024, "a PyPI token"),
                    form("pul-", Of::Hex, 40, 40, "a Pulumi token"),
                ]
            }
        }
        b'r' => {
            const {
                &[
                    form("rk_live_", Of::Letters, 20, 255, STRIPE),
                    form("rk_test_", Of::Letters, 20, 255, STRIPE_TEST),
                ]
            }
        }
        b'w' => {
            const {
                &[form(
                    "whsec_",
                    Of::Letters,
                    24,
                    255,
                    "a Stripe web hook secret",
                )]
            }
        }
        b'y' => const { &[form("ya29.", Of::Url, 40, 2048, "a Google access token")] },
        b's' => {
            const {
                &[
                    form("sk_live_", Of::Letters, 20, 255, STRIPE),
                    form("sk_test_", Of::Letters, 20, 255, STRIPE_TEST),
                    form("sk-ant-", Of::Url, 40, 255, "an Anthropic key"),
                    form("sk-proj-", Of::Url, 40, 255, "an OpenAI key"),
                    form("sk-svcacct-", Of::Url, 40, 255, "an OpenAI key"),
                    form("shpat_", Of::Hex, 32, 32, "a Shopify token"),
                    form("sk-", Of::Letters, 40, 64, "an OpenAI key"),
                ]
            }
        }
        b'x' => {
            const {
                &[
                    form("xoxa-", Of::Url, 20, 255, SLACK),
                    form("xoxb-", Of::Url, 20, 255, SLACK),
                    form("xoxp-", Of::Url, 20, 255, SLACK),
                    form("xoxr-", Of::Url, 20, 255, SLACK),
                    form("xoxs-", Of::Url, 20, 255, SLACK),
                    form("xapp-", Of::Url, 30, 255, SLACK),
                ]
            }
        }
        _ => &[],
    }
}

/// Looks at a word: what stands between blanks, quotation marks and the like.
pub(super) fn word(text: &str, at: Range<usize>, found: &mut Found) {
    if at.len() > LONGEST {
        return;
    }
    let Some(whole) = text.get(at.clone()) else {
        return;
    };
    // it may begin with a dot or a dash, which the others do not
    if at.len() <= 64 && is_entra_secret(whole) {
        found.add(
            By::Form,
            "a client secret of Microsoft Entra",
            at,
            Severity::Error,
        );
        return;
    }
    let word = whole.trim_start_matches(['-', '.', '_', '~']);
    let word = word.trim_end_matches('.');
    let start = at.end - whole.trim_start_matches(['-', '.', '_', '~']).len();
    let span = start..start + word.len();
    let Some(first) = word.bytes().next() else {
        return;
    };
    let kind = match first {
        b'e' if word.starts_with("eyJ") && is_web_token(word) => Some("a JSON web token"),
        b'A' if is_aws_id(word) => {
            found.add(
                By::Form,
                "an AWS access key id",
                span.clone(),
                Severity::Warning,
            );
            aws_secret(text, &span, found);
            return;
        }
        b'S' if is_sendgrid(word) => Some("a SendGrid key"),
        b'h' | b's' if is_vault(word) => Some(VAULT),
        _ => forms(first)
            .iter()
            .find(|form| form.fits(word))
            .map(|form| form.kind),
    };
    if let Some(kind) = kind {
        let severity = if kind == STRIPE_TEST {
            Severity::Warning
        } else {
            Severity::Error
        };
        found.add(By::Form, kind, span, severity);
    }
}

impl Form {
    fn fits(&self, word: &str) -> bool {
        let Some(body) = word.strip_prefix(self.start) else {
            return false;
        };
        let is_part = |byte: u8| match self.of {
            Of::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Of::Letters => byte.is_ascii_alphanumeric(),
            Of::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Of::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
        };
        let (least, most) = self.length;
        (least..=most).contains(&body.len())
            && body.bytes().all(is_part)
            // `ghp_xxxx…` is how documentation writes one
            && bits(body.as_bytes()) > 2.5
            && mix(body.as_bytes()).digit
    }
}

/// `AKIA` or `ASIA` and 16 capitals and digits. The ids of AWS' documentation end in `EXAMPLE`.
fn is_aws_id(word: &str) -> bool {
    word.len() == 20
        && (word.starts_with("AKIA") || word.starts_with("ASIA"))
        && word
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        && !word.ends_with("EXAMPLE")
        && bits(word.as_bytes()) > 2.5
}

/// How far from its id the secret key of AWS is looked for, bytes.
const NEAR: usize = 200;

/// The 40 characters of a secret key near its id.
fn aws_secret(text: &str, id: &Range<usize>, found: &mut Found) {
    let from = id.start.saturating_sub(NEAR);
    let to = text.len().min(id.end + NEAR);
    let bytes = text.as_bytes().get(from..to).unwrap_or_default();
    let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let mut start = 0;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|b| is_part(**b)).count();
        let run = rest.get(..length).unwrap_or_default();
        let mix = mix(run);
        if length == 40 && mix.lower && mix.upper && mix.digit && bits(run) >= 4.0 {
            let at = from + start;
            found.add(
                By::Form,
                "a secret key of AWS",
                at..at + length,
                Severity::Error,
            );
        }
        start += length + 1;
    }
}

/// Three characters, a digit, `Q~`, and 31 to 34 more.
fn is_entra_secret(word: &str) -> bool {
    let bytes = word.as_bytes();
    (37..=40).contains(&bytes.len())
        && bytes.get(4..6) == Some(b"Q~")
        && bytes.get(3).is_some_and(u8::is_ascii_digit)
        && bits(bytes) >= 3.5
}

/// `SG.`, 22 characters, a dot and 43.
fn is_sendgrid(word: &str) -> bool {
    let Some((id, secret)) = word
        .strip_prefix("SG.")
        .and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    let is_url = |part: &str| {
        part.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    id.len() == 22 && secret.len() == 43 && is_url(id) && is_url(secret)
}

/// `hvs.`, `hvb.` and `hvr.` of today, and `s.` with 24 letters and digits of before.
fn is_vault(word: &str) -> bool {
    let today = ["hvs.", "hvb.", "hvr."];
    let is_url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let new = today.iter().find_map(|start| word.strip_prefix(start));
    let old = word.strip_prefix("s.").filter(|rest| rest.len() == 24);
    new.is_some_and(|body| {
        (24..=255).contains(&body.len()) && body.bytes().all(is_url) && mix(body.as_bytes()).digit
    }) || old.is_some_and(|body| {
        let mix = mix(body.as_bytes());
        body.bytes().all(|b| b.is_ascii_alphanumeric()) && mix.upper && mix.lower && is_random(body)
    })
}

#[cfg(test)]
mod tests {
    use super::super::made::{capitals, found, hex, holds, holds_none, letters, web_token};

    #[test]
    fn tokens_have_their_form() {
        let cases = [
            ("a GitHub token", "ghp_", letters(36)),
            ("a GitHub token", "gho_", letters(36)),
            ("a GitHub token", "ghu_", letters(36)),
            ("a GitHub token", "ghs_", letters(36)),
            ("a GitHub token", "ghr_", letters(36)),
            (
                "a GitHub token",
                "github_pat_",
                format!("{}_{}", letters(22), letters(59)),
            ),
            ("a GitLab token", "glpat-", letters(20)),
            (
                "a Slack token",
                "xoxb-",
                format!("{}-{}", hex(12), letters(24)),
            ),
            ("a Google API key", "AIza", letters(35)),
            ("a Stripe key", "sk_live_", letters(24)),
            ("a Stripe key", "rk_live_", letters(24)),
            ("a Stripe key for tests", "sk_test_", letters(24)),
            ("a Stripe web hook secret", "whsec_", letters(32)),
            ("a Google client secret", "GOCSPX-", letters(28)),
            ("a Google access token", "ya29.", letters(120)),
            (
                "a SendGrid key",
                "SG.",
                format!("{}.{}", letters(22), letters(43)),
            ),
            ("an npm token", "npm_", letters(36)),
            ("a PyPI token", "pypi-AgEI", letters(80)),
            ("a Docker Hub token", "dckr_pat_", letters(27)),
            ("a HashiCorp Vault token", "hvs.", letters(24)),
            ("a HashiCorp Vault token", "s.", letters(24)),
            ("a Twilio key", "SK", hex(32)),
            ("a DigitalOcean token", "dop_v1_", hex(64)),
            ("a Databricks token", "dapi", hex(32)),
            ("an OpenAI key", "sk-", letters(48)),
            ("an OpenAI key", "sk-proj-", letters(60)),
            ("a New Relic key", "NRAK-", capitals(27)),
            ("a Hugging Face token", "hf_", letters(34)),
            ("a Pulumi token", "pul-", hex(40)),
            (
                "a Grafana token",
                "glsa_",
                format!("{}_{}", letters(32), hex(8)),
            ),
            ("a Shopify token", "shpat_", hex(32)),
            ("an age key", "AGE-SECRET-KEY-1", capitals(58)),
            ("a client secret of Microsoft Entra", "abc8Q~", letters(34)),
        ];
        for (kind, start, body) in cases {
            holds(kind, &format!("{start}{body}"));
            // one character more before it, or a body that nobody drew
            holds_none(&format!("x{start}{body}"));
            holds_none(&format!("{start}{}", "x".repeat(body.len())));
        }
    }

    #[test]
    fn tokens_have_their_length() {
        holds_none(&format!("ghp_{}", letters(20)));
        holds_none(&format!("AIza{}", letters(36)));
        holds_none(&format!("dapi{}", hex(20)));
        holds_none(&format!("abc8Q~{}", letters(20)));
        holds_none(&format!("sk-{}", letters(12)));
    }

    #[test]
    fn web_tokens_have_a_header_that_can_be_read() {
        holds(
            "a JSON web token",
            &web_token("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"),
        );
        holds_none(&web_token("{\"typ\":\"none\"}"));
        holds_none(&format!(
            "eyJ{}.{}.{}",
            letters(30),
            letters(30),
            letters(43)
        ));
    }

    #[test]
    fn keys_of_aws_are_told_with_their_ids() {
        let id = format!("AKIA{}", capitals(16));
        let secret = letters(40);
        assert_eq!(
            found(&format!(
                "[default]\nid {id}\nkey {secret}\nother {secret}x\n"
            )),
            [
                ("an AWS access key id", id.as_str()),
                ("a secret key of AWS", secret.as_str())
            ]
        );
        holds_none(&format!("AKIA{}EXAMPLE", capitals(9)));
        holds_none(&format!("AKIA{}", capitals(17)));
        holds_none(&secret);
    }
}
