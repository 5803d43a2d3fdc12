//! From wire types to domain types: parsed once, at the edge.

use crate::domain::{
    Key, LogEntry, Note, Pair, Place, RoomId, Sequence, Timestamp, Ulid, Username, What,
};

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
        Some(v1::event::Body::MembershipChanged(changed)) => {
            membership_note(changed)?.map_or(What::Unknown, What::Noted)
        }
        Some(v1::event::Body::RoomChanged(changed)) => {
            room_note(changed).map_or(What::Unknown, What::Noted)
        }
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

fn membership_note(changed: &v1::MembershipChanged) -> Result<Option<Note>, Malformed> {
    let who = Username::parse(&changed.uid).map_err(|_| Malformed("person of a membership"))?;
    Ok(match changed.change() {
        v1::MembershipChange::Joined => Some(Note::Joined),
        v1::MembershipChange::Left => Some(Note::Left),
        v1::MembershipChange::Added => Some(Note::Added(who)),
        v1::MembershipChange::Removed => Some(Note::Removed(who)),
        v1::MembershipChange::Invited => Some(Note::Invited(who)),
        v1::MembershipChange::Declined
        | v1::MembershipChange::Muted
        | v1::MembershipChange::Unmuted
        | v1::MembershipChange::Unspecified => None,
    })
}

fn room_note(changed: &v1::RoomChanged) -> Option<Note> {
    let room = changed.room.as_ref()?;
    match changed.change() {
        v1::RoomChange::Renamed => Some(Note::Renamed(room.name.as_str().into())),
        v1::RoomChange::Topic => Some(Note::Topic(room.topic.as_str().into())),
        v1::RoomChange::Archived => Some(Note::Archived),
        v1::RoomChange::Restored => Some(Note::Restored),
        v1::RoomChange::Unspecified => None,
    }
}

/// Where a room's log and feeds are.
///
/// # Errors
/// It has no id, no kind that this version knows, or is between other than two people.
pub fn place_of(room: &v1::Room) -> Result<Place, Malformed> {
    let id = || RoomId::parse(&room.id).map_err(|_| Malformed("id of a room"));
    match room.kind() {
        v1::RoomKind::Open => Ok(Place::Open(id()?)),
        v1::RoomKind::Closed => Ok(Place::Closed(id()?)),
        v1::RoomKind::Direct => {
            let malformed = || Malformed("pair of a room");
            let [one, other] = room.pair.as_slice() else {
                return Err(malformed());
            };
            let one = Username::parse(one).map_err(|_| malformed())?;
            let other = Username::parse(other).map_err(|_| malformed())?;
            Pair::of(&one, &other)
                .map(Place::Direct)
                .ok_or_else(malformed)
        }
        v1::RoomKind::Unspecified => Err(Malformed("kind of a room")),
    }
}

impl v1::Room {
    /// Is it the one that everybody is in, for as long as there is a workspace?
    #[must_use]
    pub fn is_home(&self) -> bool {
        self.made_by == Username::natter().as_str()
    }
}

impl v1::RoomHead {
    /// The sort key of sidebars: joined rooms first, by name regardless of case, and those without a
    /// name last.
    #[must_use]
    pub fn order(&self) -> (bool, bool, String, String) {
        let (name, id) = self
            .room
            .as_ref()
            .map_or(("", ""), |room| (room.name.as_str(), room.id.as_str()));
        (
            !self.joined,
            name.is_empty(),
            name.to_lowercase(),
            id.to_owned(),
        )
    }
}

impl v1::MembershipChange {
    /// Is somebody in a room after this?
    #[must_use]
    pub fn is_in(self) -> bool {
        matches!(
            self,
            Self::Joined | Self::Added | Self::Muted | Self::Unmuted
        )
    }
}
