//! ULIDs: the part of a key that a client chooses.

use std::fmt;

/// A ULID was expected: 26 characters of Crockford base32, in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a ULID")]
pub struct UlidError;

/// 48 bits of time and 80 of chance (<https://github.com/ulid/spec>), in its one canonical spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(ulid::Ulid);

impl Ulid {
    /// From the clock in milliseconds and ten random bytes.
    #[must_use]
    pub fn new(now_ms: u64, random: [u8; 10]) -> Self {
        let mut wide = [0; 16];
        wide[6..].copy_from_slice(&random);
        Self(ulid::Ulid::from_parts(now_ms, u128::from_be_bytes(wide)))
    }

    /// The same time with other random bytes.
    #[must_use]
    pub fn with_random(self, random: [u8; 10]) -> Self {
        Self::new(self.0.timestamp_ms(), random)
    }

    /// Reads the 26 characters.
    ///
    /// # Errors
    /// It is not a ULID, or not spelled canonically: two spellings of one key would be two keys.
    pub fn parse(text: &str) -> Result<Self, UlidError> {
        let ulid = ulid::Ulid::from_string(text).map_err(|_| UlidError)?;
        if ulid.to_string() == text {
            Ok(Self(ulid))
        } else {
            Err(UlidError)
        }
    }
}

impl fmt::Display for Ulid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_was_written() {
        let ulid = Ulid::new(1_700_000_000_000, [7; 10]);
        assert_eq!(Ulid::parse(&ulid.to_string()), Ok(ulid));
    }

    #[test]
    fn has_one_spelling() {
        let ulid = Ulid::new(1_700_000_000_000, [7; 10]).to_string();
        assert_eq!(Ulid::parse(&ulid.to_lowercase()), Err(UlidError));
        assert_eq!(Ulid::parse(""), Err(UlidError));
        assert_eq!(Ulid::parse("not a ulid but twenty-six!"), Err(UlidError));
    }
}
