//! The live connection where there is none: on the server, and in a browser with scripts off.

use super::chat::Chat;
use crate::domain::{Key, RoomId};

/// Never made.
#[derive(Clone)]
pub(super) enum Live {}

impl Live {
    pub(super) fn start(_: Chat) -> Option<Self> {
        None
    }

    pub(super) fn send(&self, _: &RoomId, _: String) {
        match *self {}
    }

    pub(super) fn retry(&self, _: &Key) {
        match *self {}
    }

    pub(super) fn load(&self, _: &RoomId) {
        match *self {}
    }

    pub(super) fn load_earlier(&self, _: &RoomId) {
        match *self {}
    }

    pub(super) async fn echo(&self, _: String) -> Result<(String, u64), String> {
        match *self {}
    }
}
