//! The subjects of design section 3, each built in one place from parts that fit a token.

use super::{Pair, RoomId, Username};

/// Everything that LOG captures.
pub const LOG_ALL: &str = "natter.log.>";

/// Where the broker sends a copy of each entry of LOG.
pub const EVENT_ALL: &str = "natter.evt.>";

/// The live feed of every open room.
pub const EVENT_OPEN_ROOMS: &str = "natter.evt.open.*";

/// The live feeds of direct messages of one person: the pair is sorted, so they are first or
/// second.
#[must_use]
pub fn event_direct(uid: &Username) -> [String; 2] {
    [
        format!("natter.evt.dm.{uid}.*"),
        format!("natter.evt.dm.*.{uid}"),
    ]
}

/// Every command of everybody.
pub const COMMANDS: &str = "natter.svc.*.*";

/// The directory entry that takes a username.
#[must_use]
pub fn log_person(uid: &Username) -> String {
    format!("natter.log.dir.person.{uid}")
}

/// The directory entry that makes a room.
#[must_use]
pub fn log_room(room: &RoomId) -> String {
    format!("natter.log.dir.room.{room}")
}

/// The directory entry that takes a room's name. `token` stands for the folded name.
#[must_use]
pub fn log_room_name(token: &str) -> String {
    format!("natter.log.dir.room-name.{token}")
}

/// The directory entry that says whether somebody is in a room.
#[must_use]
pub fn log_member(room: &RoomId, uid: &Username) -> String {
    format!("natter.log.dir.member.{room}.{uid}")
}

/// The directory entry that gives two people their room.
#[must_use]
pub fn log_direct(pair: &Pair) -> String {
    format!("natter.log.dir.dm.{pair}")
}

/// The directory entry that says whose an identity of another provider is. `id` stands for issuer
/// and subject there.
#[must_use]
pub fn log_identity(id: &str) -> String {
    format!("natter.log.dir.identity.{id}")
}

/// The directory entry that says who the administrators are.
pub const LOG_ADMINISTRATORS: &str = "natter.log.dir.administrators";

/// The directory entries about what administrators did.
pub const LOG_AUDIT: &str = "natter.log.dir.audit";

/// The directory entries that only carry an expectation of their batch.
pub const LOG_GUARD: &str = "natter.log.dir.guard";

/// The directory entries that begin an epoch: LOG had been put back from a backup.
pub const LOG_EPOCH: &str = "natter.log.dir.epoch";

/// The directory entry of the first account.
pub const LOG_FOUNDED: &str = "natter.log.dir.founded";

/// Is it one of this person's own subjects?
#[must_use]
pub fn is_of(subject: &str, uid: &Username) -> bool {
    subject.split('.').any(|token| token == uid.as_str())
}

/// A command of one person.
#[must_use]
pub fn command(uid: &Username, verb: &str) -> String {
    format!("natter.svc.{uid}.{verb}")
}

/// Under which a person's replies arrive; the reply subject of anything they ask starts with this
/// and a dot (Must hold, 2).
#[must_use]
pub fn inbox_prefix(uid: &Username) -> String {
    format!("_INBOX.{uid}")
}

/// The log of what concerns one person alone.
#[must_use]
pub fn log_user(uid: &Username) -> String {
    format!("natter.log.user.{uid}")
}

/// What concerns one person alone.
#[must_use]
pub fn event_user(uid: &Username) -> String {
    format!("natter.evt.user.{uid}")
}

/// What natter signals to one person alone, without storing it.
#[must_use]
pub fn signal_user(uid: &Username) -> String {
    format!("natter.sig.user.{uid}")
}

/// The echo service, for one person.
#[must_use]
pub fn echo(uid: &Username) -> String {
    format!("{uid}.echo")
}

/// The ping-pong game, for one person: where they serve, and where the ball arrives.
#[must_use]
pub fn ping(uid: &Username) -> String {
    format!("{uid}.ping")
}

/// Where a natter server announces that it is about to relay a message to this person.
#[must_use]
pub fn relay(to: &Username) -> String {
    format!("natter.own.relay.{to}")
}

/// All such subjects.
pub const RELAYS: &str = "natter.own.relay.*";

/// Under which the replies to a service's credentials arrive. No username has capital letters, so
/// it is nobody's inbox.
#[must_use]
pub fn service_inbox_prefix(name: &Username) -> String {
    format!("{SERVICE_INBOXES}.{name}")
}

/// Where the replies to all credentials of services arrive.
pub const SERVICE_INBOXES: &str = "_INBOX.SERVICE";
