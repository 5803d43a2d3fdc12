//! Every limit that a person or a client can run into, in one place.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A message's text, in Unicode scalar values.
pub const MESSAGE_CHARS: usize = 4_000;

/// A username, in characters (all ASCII).
pub const USERNAME_CHARS: RangeInclusive<usize> = 2..=32;

/// A display name, in Unicode scalar values.
pub const DISPLAY_NAME_CHARS: usize = 60;

/// A password, in bytes: long enough to be worth guessing, short enough to hash.
pub const PASSWORD_BYTES: RangeInclusive<usize> = 8..=256;

/// A room's name, in Unicode scalar values.
pub const ROOM_NAME_CHARS: usize = 40;

/// A room's topic, in Unicode scalar values.
pub const TOPIC_CHARS: usize = 200;

/// Messages in the first page and in a page of history, at most.
pub const PAGE_MESSAGES: u32 = 50;

/// How many messages to ask for when a page of `limit` was too large to be sent; 0 is a whole page.
#[must_use]
pub const fn smaller_page(limit: u32) -> u32 {
    let asked = if limit == 0 { PAGE_MESSAGES } else { limit };
    let half = asked / 2;
    if half == 0 { 1 } else { half }
}

/// Entries of a room that a client keeps at least, of those that came in: what is further up is
/// fetched when somebody looks there.
pub const LOG_KEPT: usize = 300;

/// An answer over NATS, in bytes: a quarter of what nats-server lets through by default, so that many
/// answers at once need little memory.
pub const ANSWER_BYTES: usize = 256 * 1024;

/// Rows that one answer is made from, which is the largest number of items in one part of a list.
pub const ANSWER_ROWS: usize = 500;

/// The least `max_payload` of a broker that natter runs with, in bytes: a part of a picture needs
/// 128 KiB, and half of it is enough for an answer.
pub const LEAST_PAYLOAD: usize = 256 * 1024;

/// Missed entries of a room that `sync` answers; a client that missed more loads the room again.
pub const SYNC_ENTRIES: u32 = 500;

/// Rooms in one `sync`.
pub const SYNC_ROOMS: usize = 200;

/// People in one `people`.
pub const PEOPLE_ASKED: usize = 200;

/// Live connections of one person through one natter.
pub const CONNECTIONS_PER_PERSON: usize = 20;

/// Connections of one person on all servers of the broker together: through any natter server, and
/// directly to the broker with a session's token or `.creds` files.
pub const CONNECTIONS_IN_ALL: usize = 50;

/// How long a web session lasts without being used anew.
pub const SESSION_LIFE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long somebody may take to sign in at an identity provider, and then again to confirm what
/// becomes of it.
pub const SIGN_IN_ELSEWHERE: Duration = Duration::from_secs(10 * 60);

/// The longest that a broker connection's rights may stand before they are worked out anew.
pub const RIGHTS_LIFE: Duration = Duration::from_secs(3_600);

/// The part of their life by which rights end sooner at most, so that not all end at once.
pub const RIGHTS_JITTER: f64 = 0.14;

/// The part of their life after which a page renews them: well before the first can end.
pub const RIGHTS_RENEWED: f64 = 2.0 / 3.0;

/// Closed rooms that one person is in, and open rooms that a guest is in, at most: each is a right
/// of its own in every connection of theirs.
pub const CLOSED_ROOMS: usize = 500;

/// People whose presence a guest sees, at most: each is a right of its own.
pub const PEOPLE_OF_A_GUEST: usize = 500;

/// People in a group, at most: a room with more of them deserves a name.
pub const GROUP_PEOPLE: usize = 9;

/// How often somebody can leave a room or be removed from it before others can only invite them.
pub const PARTINGS_WITHOUT_CONSENT: u32 = 2;

/// How long somebody who declined an invitation into a room is not invited into it again.
pub const DECLINED_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Invitations into rooms that are shown at once, the latest of them.
pub const INVITATIONS_SHOWN: u32 = 50;

/// A picture as it is uploaded, in bytes: what a telephone's camera makes.
pub const PICTURE_BYTES: usize = 10_000_000;

/// A form with one: where more comes, it is not read to its end.
pub const PICTURE_FORM_BYTES: usize = 40_000_000;

/// A picture as it is uploaded, in pixels: refused by its head, before any is decoded.
pub const PICTURE_PIXELS: u64 = 30_000_000;

/// What a person says of themselves, in Unicode scalar values.
pub const ABOUT_CHARS: usize = 300;

/// Unread messages of a room that are counted; as many or more are told as this many, so that a
/// count costs little after a long absence.
pub const UNREAD_COUNTED: u32 = 1_000;
