//! Ids that are unique without anybody giving them out.

use std::fmt;
use std::str::FromStr;

/// A UUID (RFC 9562), which Microsoft calls a GUID: 128 bits, written in five groups of lower case digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(u128);

/// A text is no GUID.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a GUID is 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12")]
pub struct GuidError;

/// Characters of a text.
const LENGTH: usize = 36;
/// Digits of the groups.
const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];

impl Guid {
    /// A GUID of version 4. The bytes are random; six bits give way to version and variant.
    #[must_use]
    pub const fn from_random(bytes: [u8; 16]) -> Self {
        let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62);
        Self(bits | (0x4 << 76) | (0x2 << 62))
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // every request is told its id, and five numbers with leading zeros cost as much as its signature
        let mut text = [b'-'; LENGTH];
        let mut places = text.iter_mut();
        let Self(mut rest) = *self;
        for (group, digits) in GROUPS.into_iter().enumerate() {
            if group > 0 {
                places.next();
            }
            for place in places.by_ref().take(digits) {
                rest = rest.rotate_left(4);
                let digit = u8::try_from(rest & 0xf).unwrap_or_default();
                *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
            }
        }
        f.write_str(str::from_utf8(&text).map_err(|_not_ascii| fmt::Error)?)
    }
}

impl FromStr for Guid {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, GuidError> {
        let mut bits = 0;
        let mut groups = text.split('-');
        for digits in GROUPS {
            let group = groups.next().unwrap_or_default();
            if group.len() != digits || !group.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(GuidError);
            }
            let value = u64::from_str_radix(group, 16).map_err(|_not_reached| GuidError)?;
            bits = bits << (4 * digits) | u128::from(value);
        }
        match groups.next() {
            None => Ok(Self(bits)),
            Some(_) => Err(GuidError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_written_as_it_is_read() {
        let text = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
        assert_eq!(text.parse::<Guid>().unwrap().to_string(), text);
        let upper = text.to_ascii_uppercase().parse::<Guid>().unwrap();
        assert_eq!(upper.to_string(), text);
        let random = Guid::from_random([0xff; 16]).to_string();
        assert_eq!(random, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn nothing_else_is_one() {
        for text in [
            "",
            "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
            "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f",
            "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0-",
            "+f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0",
            "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1fg",
        ] {
            assert_eq!(text.parse::<Guid>(), Err(GuidError), "{text:?}");
        }
    }
}
