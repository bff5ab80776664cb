//! PEM, the text form of keys and certificates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// PEM of DER bytes, in lines of 64 characters (RFC 7468). It may hold a private key, and is wiped
/// when dropped.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut out = Zeroizing::new(String::with_capacity(text.len() + text.len() / 64 + 80));
    out.push_str("-----BEGIN ");
    out.push_str(label);
    out.push_str("-----\n");
    let mut rest = text.as_str();
    while let Some((line, after)) = rest
        .split_at_checked(64)
        .filter(|(_, after)| !after.is_empty())
    {
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(rest);
    out.push_str("\n-----END ");
    out.push_str(label);
    out.push_str("-----\n");
    out
}

#[cfg(test)]
mod tests {
    use super::pem;

    #[test]
    fn lines_have_64_characters() {
        let whole = pem("X", &[0; 48]);
        assert_eq!(
            whole.as_str(),
            format!("-----BEGIN X-----\n{}\n-----END X-----\n", "A".repeat(64))
        );
        let longer = pem("X", &[0; 49]);
        assert_eq!(longer.lines().nth(2), Some("AA=="));
    }
}
