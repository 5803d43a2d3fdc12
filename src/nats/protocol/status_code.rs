//! The status in the first line of a header block.

use std::fmt;

/// Three digits with which the server itself speaks in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// Nobody listens where the request was sent.
    pub const NO_RESPONDERS: Self = Self(503);

    /// Reads three digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_code = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        is_code.then(|| text.parse().ok().map(Self))?
    }

    /// The number.
    #[must_use]
    pub fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_three_digits() {
        assert_eq!(StatusCode::parse("503"), Some(StatusCode::NO_RESPONDERS));
        for bad in ["", "50", "5033", "+50", "abc", "５０３"] {
            assert_eq!(StatusCode::parse(bad), None, "{bad}");
        }
    }
}
