//! What a handler can return.

use prost::{Message, Name};

use super::Proto;
use crate::server::Failure;

/// Becomes the bytes of a reply, or the reason why there is none.
pub trait IntoReply {
    /// Makes them.
    ///
    /// # Errors
    /// The handler's own: the caller is told in a reply with ADR-32's error headers.
    fn into_reply(self) -> Result<Vec<u8>, Failure>;

    /// The full name of the protobuf message that it is.
    #[must_use]
    fn message_name() -> Option<String>;
}

impl<T: Message + Name> IntoReply for Proto<T> {
    fn into_reply(self) -> Result<Vec<u8>, Failure> {
        Ok(self.0.encode_to_vec())
    }

    fn message_name() -> Option<String> {
        Some(T::full_name())
    }
}

impl<R: IntoReply> IntoReply for Result<R, Failure> {
    fn into_reply(self) -> Result<Vec<u8>, Failure> {
        self.and_then(IntoReply::into_reply)
    }

    fn message_name() -> Option<String> {
        R::message_name()
    }
}
