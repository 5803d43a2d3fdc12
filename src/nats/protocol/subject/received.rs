//! The subject of a message that arrived.

use std::fmt;

use bytes::Bytes;

/// The subject of a message that arrived. Publishers chose it, so it may be no UTF-8.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Subject(Bytes);

impl Subject {
    pub(in crate::nats) fn received(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The subject, or an empty text when it is malformed: no pattern matches that.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// It is no UTF-8.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        std::str::from_utf8(&self.0).is_err()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}
