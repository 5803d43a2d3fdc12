//! What a handler can return.

use prost::Message;

use super::Proto;
use crate::server::Failure;

/// Becomes the bytes of a reply, or the reason why there is none.
pub trait IntoReply {
    /// Makes them.
    ///
    /// # Errors
    /// The handler's own: the caller is told in a reply with ADR-32's error headers.
    fn into_reply(self) -> Result<Vec<u8>, Failure>;
}

impl<T: Message> IntoReply for Proto<T> {
    fn into_reply(self) -> Result<Vec<u8>, Failure> {
        Ok(self.0.encode_to_vec())
    }
}

impl<R: IntoReply> IntoReply for Result<R, Failure> {
    fn into_reply(self) -> Result<Vec<u8>, Failure> {
        self.and_then(IntoReply::into_reply)
    }
}
