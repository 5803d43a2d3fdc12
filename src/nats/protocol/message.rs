//! Messages, as they arrive and as they are sent.

use bytes::Bytes;

use super::{Headers, Subject};

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it was sent.
    pub subject: Subject,
    /// Where an answer goes.
    pub reply: Option<Subject>,
    /// Its headers.
    pub headers: Headers,
    /// What it says.
    pub payload: Bytes,
}

impl Message {
    /// Where an answer goes, when there is such a place and it can be written down.
    #[must_use]
    pub fn reply_str(&self) -> Option<&str> {
        let reply = self.reply.as_ref()?;
        Some(reply.as_str()).filter(|subject| !subject.is_empty())
    }

    /// Somebody wrote a reply subject that is none.
    #[must_use]
    pub fn reply_is_malformed(&self) -> bool {
        self.reply.is_some() && self.reply_str().is_none()
    }
}

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    /// Where to.
    pub subject: String,
    /// Where an answer goes.
    pub reply: Option<String>,
    /// Its headers.
    pub headers: Headers,
    /// What it says.
    pub payload: Bytes,
}
