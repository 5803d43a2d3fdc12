//! From wire types to domain types: parsed once, at the edge.

use crate::domain::{Key, LogEntry, Sequence, Timestamp, Ulid, Username, What};

use super::v1;

/// A payload that decodes but does not say what it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed {0}")]
pub struct Malformed(&'static str);

/// The key of a thing somebody did.
///
/// # Errors
/// The name or the ULID is not one.
pub fn key_of(key: &v1::Key) -> Result<Key, Malformed> {
    Ok(Key {
        author: Username::of_author(&key.uid).map_err(|_| Malformed("author of a key"))?,
        ulid: Ulid::parse(&key.ulid).map_err(|_| Malformed("ULID of a key"))?,
    })
}

impl From<&Key> for v1::Key {
    fn from(key: &Key) -> Self {
        Self {
            uid: key.author.to_string(),
            ulid: key.ulid.to_string(),
        }
    }
}

/// An entry of a room's log. `None` for an event that a room's log does not show (a later natter
/// may write kinds that this one does not know; the entry still counts as seen).
///
/// # Errors
/// The event has no key, or one that cannot be read.
pub fn log_entry_of(logged: &v1::LoggedEvent) -> Result<LogEntry, Malformed> {
    let event = logged.event.as_ref().ok_or(Malformed("entry"))?;
    let key = key_of(event.key.as_ref().ok_or(Malformed("key of an entry"))?)?;
    let what = match &event.body {
        Some(v1::event::Body::MessagePosted(posted)) => What::Message {
            text: posted.text.as_str().into(),
        },
        Some(v1::event::Body::RoomOpened(_)) => What::Opened,
        _ => What::Unknown,
    };
    Ok(LogEntry {
        sequence: Sequence(logged.sequence),
        previous: Sequence(logged.previous),
        key,
        at: Timestamp(event.at_ms),
        what,
    })
}
