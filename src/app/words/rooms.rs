//! Words about rooms and who is in them.

use super::people::name_in;
use crate::domain::{Note, limits};
use crate::wire::v1::{Room, RoomKind};

/// In the sidebar.
pub const DIRECT_MESSAGES: &str = "Direct messages";
/// A link, and its page.
pub const BROWSE_ROOMS: &str = "Browse rooms";
/// There are none.
pub const NO_ROOMS_TO_BROWSE: &str = "There are no open rooms that you can see.";
/// A button.
pub const JOIN: &str = "Join";
/// A button.
pub const JOIN_ROOM: &str = "Join room";
/// A state.
pub const JOINED: &str = "joined";
/// A state.
pub const ARCHIVED: &str = "archived";
/// Beside the kind of a room.
pub const AND_ARCHIVED: &str = " It is archived: nobody writes in it any more.";
/// Where the composer would be.
pub const ROOM_IS_ARCHIVED: &str = "This room is archived: nobody writes in it any more.";
/// Over the button that joins.
pub const LOOKING_IN: &str = "You are looking in. Join to write, and to find it in your sidebar.";
/// Over the rooms that the person is invited into.
pub const INVITATIONS: &str = "Invitations";
/// A button.
pub const DECLINE: &str = "Decline";
/// A room without a name, as shown to people who are not in it.
pub const A_GROUP: &str = "A group";
/// A group with nobody else in it.
pub const NOBODY_ELSE: &str = "Nobody else";
/// A link, and its page.
pub const ROOM_DETAILS: &str = "Room details";
/// A link.
pub const GO_TO_ROOM: &str = "Go to the room";
/// A button.
pub const MUTE: &str = "Mute";
/// A button.
pub const UNMUTE: &str = "Unmute";
/// A button.
pub const LEAVE_ROOM: &str = "Leave room";
/// A button.
pub const SET_TOPIC: &str = "Set topic";
/// A button.
pub const RENAME_ROOM: &str = "Rename room";
/// A button.
pub const ARCHIVE_ROOM: &str = "Archive room";
/// A button.
pub const RESTORE_ROOM: &str = "Open it again";
/// A field.
pub const INVITE_PEOPLE: &str = "Invite people";
/// Beside it.
pub const INVITE_HINT: &str = "Usernames, with spaces or commas between.";
/// A button.
pub const INVITE: &str = "Invite";
/// A button.
pub const REMOVE: &str = "Remove";
/// Under a room that is gone.
pub const WHAT_YOU_TYPED: &str = "What you had typed";
/// A choice when making a room.
pub const WHO_CAN_READ: &str = "Who can read it";
/// A kind of room.
pub const OPEN_ROOM: &str = "Open: everybody here can find and read it";
/// A kind of room.
pub const CLOSED_ROOM: &str = "Closed: only those who are invited know of it";
/// A button.
pub const DISMISS: &str = "Dismiss";
/// A link.
pub const BACK: &str = "Back";

/// What kind of room it is.
#[must_use]
pub fn room_kind(kind: RoomKind) -> &'static str {
    match kind {
        RoomKind::Open => "An open room: everybody here can find and read it.",
        RoomKind::Closed => "A closed room: only its members know of it.",
        RoomKind::Direct => "Direct messages: between you two.",
        RoomKind::Unspecified => "",
    }
}

/// How many are in a room.
#[must_use]
pub fn members(count: u32) -> String {
    match count {
        1 => "1 member".into(),
        _ => format!("{count} members"),
    }
}

/// How many messages are unread, where there is little room. More are not counted.
#[must_use]
pub fn unread_count(count: u32) -> String {
    if count < limits::UNREAD_COUNTED {
        count.to_string()
    } else {
        format!("{}+", limits::UNREAD_COUNTED - 1)
    }
}

/// The same, of a room.
#[must_use]
pub fn unread(count: u32) -> String {
    format!("{} unread", unread_count(count))
}

/// The box for direct messages and groups.
#[must_use]
pub fn message_to_people(names: &str) -> String {
    format!("Message {names}")
}

/// Somebody sent the person away.
#[must_use]
pub fn removed_from(room: &str, by: &str) -> String {
    let (by, room) = (name_in(by), name_in(room));
    format!("{by} removed you from {room}. What you were typing there is kept in this browser.")
}

/// The title of a room, as shown to people who are not in it.
#[must_use]
pub fn title_outside(room: &Room) -> String {
    if room.name.is_empty() {
        A_GROUP.into()
    } else {
        room.name.clone()
    }
}

/// The person is invited into a room.
#[must_use]
pub fn asked_into(room: &str, by: &str) -> String {
    let (by, room) = (name_in(by), name_in(room));
    format!("{by} invites you to join {room}. Join or decline under “{BROWSE_ROOMS}”.")
}

/// Beside a room that the person is invited into.
#[must_use]
pub fn asks_you(by: &str) -> String {
    format!("{} invites you to join", name_in(by))
}

/// In the list of members, for somebody who is invited.
#[must_use]
pub fn is_asked(name: &str) -> String {
    format!("{} is invited and has not answered yet", name_in(name))
}

/// How many invitations there are.
#[must_use]
pub fn invitations(count: usize) -> String {
    match count {
        1 => "1 invitation".into(),
        _ => format!("{count} invitations"),
    }
}

/// Something that happened to a room: who did it, and to whom.
#[must_use]
pub fn happened(name: &str, note: &Note, whom: &str) -> String {
    let (name, whom) = (name_in(name), name_in(whom));
    match note {
        Note::Joined => format!("{name} joined"),
        Note::Left => format!("{name} left"),
        Note::Added(_) => format!("{name} added {whom}"),
        Note::Removed(_) => format!("{name} removed {whom}"),
        Note::Invited(_) => format!("{name} invited {whom}"),
        Note::Renamed(to) => format!("{name} renamed the room to {}", name_in(to)),
        Note::Topic(topic) if topic.is_empty() => format!("{name} took the topic away"),
        Note::Topic(topic) => format!("{name} set the topic: {}", name_in(topic)),
        Note::Archived => format!("{name} archived the room"),
        Note::Restored => format!("{name} opened the room again"),
    }
}
