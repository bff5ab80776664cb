//! How large a log may grow.

use std::fmt;
use std::str::FromStr;

/// Segments of a log: the oldest is dropped whole, an eighth of what is kept.
pub(crate) const SEGMENTS: u64 = 8;
/// Smallest bound, bytes: below, a segment holds too few events to be worth its file.
const MINIMUM: u64 = 1 << 20;
/// Largest bound, bytes: positions in the index have room for more.
const MAXIMUM: u64 = 1 << 40;

/// Bytes of a whole log: at least 1 MiB, 256 MiB by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound(u64);

/// A text is no bound.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// No number and unit.
    #[error("give a whole number and a unit, such as 256MiB; the units are KiB, MiB and GiB")]
    Form,
    /// Too little or too much.
    #[error("the access log takes from 1MiB to 1024GiB")]
    Range,
}

impl Bound {
    /// A bound in bytes.
    ///
    /// # Errors
    /// When it is below 1 MiB or above 1 TiB.
    pub fn new(bytes: u64) -> Result<Self, BoundError> {
        if (MINIMUM..=MAXIMUM).contains(&bytes) {
            Ok(Self(bytes))
        } else {
            Err(BoundError::Range)
        }
    }

    /// Bytes of all segments together.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Bytes of one segment, whole blocks of the disk.
    pub(crate) const fn segment(self) -> u64 {
        self.0 / SEGMENTS / 4096 * 4096
    }
}

impl Default for Bound {
    fn default() -> Self {
        Self(256 << 20)
    }
}

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl FromStr for Bound {
    type Err = BoundError;

    fn from_str(text: &str) -> Result<Self, BoundError> {
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .ok_or(BoundError::Form)?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BoundError::Form);
        }
        let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
        Self::new(bytes.ok_or(BoundError::Range)?)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounds_and_bounds_texts() {
        for (text, bytes) in [
            ("1MiB", 1 << 20),
            ("1536KiB", 1536 << 10),
            ("256MiB", 256 << 20),
            ("4GiB", 4_u64 << 30),
        ] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!(bound.bytes(), bytes);
            assert_eq!(bound.to_string(), text);
        }
        assert_eq!("1024KiB".parse::<Bound>().unwrap().to_string(), "1MiB");
        assert_eq!(Bound::default().to_string(), "256MiB");
    }

    #[test]
    fn other_texts_are_not() {
        for text in [
            "", "MiB", "256", "256MB", "256M", "+1MiB", "1.5MiB", " 1MiB", "-1MiB",
        ] {
            assert_eq!(text.parse::<Bound>(), Err(BoundError::Form), "{text:?}");
        }
        for text in ["0MiB", "1023KiB", "1025GiB", "99999999999999999999GiB"] {
            assert_eq!(text.parse::<Bound>(), Err(BoundError::Range), "{text:?}");
        }
    }
}
