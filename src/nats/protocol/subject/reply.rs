//! Where an answer goes.

use std::fmt;

use bytes::Bytes;

use super::is_subject;

/// The reply subject of a message that arrived. The server checks nothing of it: it may be no
/// UTF-8, have wildcards, or name a place where the requester itself may not publish. Whoever
/// answers decides whether to answer there.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ReplySubject(Bytes);

impl ReplySubject {
    pub(in crate::nats) fn received(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The subject; `None` when it is malformed and nothing can be published there.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0)
            .ok()
            .filter(|text| is_subject(text))
    }
}

impl fmt::Debug for ReplySubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}
