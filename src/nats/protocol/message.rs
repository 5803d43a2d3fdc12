//! A message that arrived.

use bytes::Bytes;

use super::{Headers, ReplySubject, StatusCode, Subject};

/// A message that arrived. Publishers chose its bytes, and the server checks few of them: what is
/// malformed is marked and readable as nothing, and harms nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it was sent.
    pub subject: Subject,
    /// Where an answer goes.
    pub reply: Option<ReplySubject>,
    /// Its headers.
    pub headers: Headers,
    /// A word of the server, such as [`StatusCode::NO_RESPONDERS`].
    pub status: Option<StatusCode>,
    /// What it says.
    pub payload: Bytes,
}

impl Message {
    /// Where an answer goes, when there is such a place and it can be published to.
    #[must_use]
    pub fn reply_str(&self) -> Option<&str> {
        self.reply.as_ref()?.as_str()
    }

    /// Somebody wrote a reply subject that is none.
    #[must_use]
    pub fn reply_is_malformed(&self) -> bool {
        self.reply.is_some() && self.reply_str().is_none()
    }

    /// How much of a queue it takes, roughly.
    pub(in crate::nats) fn weight(&self) -> usize {
        self.payload.len() + self.headers.encoded_len()
    }
}
