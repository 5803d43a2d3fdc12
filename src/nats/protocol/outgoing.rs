//! A message to send.

use bytes::Bytes;

use super::Headers;

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

impl Outgoing {
    /// What the server counts against its largest payload: headers too.
    pub(in crate::nats) fn size(&self) -> usize {
        let headers = if self.headers.is_empty() {
            0
        } else {
            self.headers.encoded_len()
        };
        headers.saturating_add(self.payload.len())
    }
}
