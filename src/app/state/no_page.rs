//! The surroundings of a client where there is none: on the server.

use super::Chat;
use crate::client::{ChatClient, Model};

/// The server stores no posts.
pub(in super::super) async fn count_unsent(_: &str) -> usize {
    0
}

/// There is nothing to forget.
pub(in super::super) async fn forget_unsent(_: &str) {}

/// Never begins one.
pub(super) fn start(_: Chat, _: Model) -> Option<ChatClient> {
    None
}
