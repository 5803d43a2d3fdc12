//! The questions that pages and commands ask. Each runs in the transaction it is given, so that
//! several make one consistent picture. `sight` says who may see what, `consent` who is asked to come
//! into a room, `unread` how much of it is new to somebody, `sidebar` which rooms are theirs,
//! `entries` what was said in one, `lists` what is paged beside those. What can be long is read within a [`Budget`](crate::server::Budget).

/// The columns that [`room_of`] reads.
macro_rules! room_columns {
    () => {
        "room.id, room.name, room.kind, room.topic, room.archived, room.pair, room.made_by"
    };
}

/// The columns of a person, and whether another one has a display name that it could be taken for.
macro_rules! person_columns {
    () => {
        "person.uid, display_name, role, suspended, about, time_zone, picture,
         EXISTS (SELECT 1 FROM person_key AS mine JOIN person_key AS theirs ON theirs.key = mine.key
            WHERE mine.uid = person.uid AND theirs.uid <> person.uid)"
    };
}

mod consent;
#[cfg(test)]
mod costs;
mod entries;
mod lists;
mod sidebar;
mod sight;
mod unread;

pub use consent::{Asking, Consent, consent, invitation, invitations, invited_into};
pub use entries::{entry_of, since, view};
pub use lists::{browse, members_part, people_part};
pub use sidebar::{landing, room_heads};
pub use sight::{
    Viewer, is_in, looks_after, may_read, members, membership_place, session_generation, standing,
    viewer, visible_people, visible_room, visible_room_by_id,
};
pub use unread::mark_read;

use std::collections::BTreeSet;

use prost::Message as _;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::ReadError;
use super::apply::signed;
use crate::domain::{Sequence, Timestamp, Username, looked_up};
use crate::server::store::Epoch;
use crate::wire::v1;

/// How far LOG had been applied, and in which of its lives.
///
/// # Errors
/// SQLite failed.
pub fn applied(tables: &Transaction<'_>) -> Result<(Sequence, Epoch), ReadError> {
    let mut meta = tables.prepare_cached("SELECT applied, epoch FROM meta")?;
    let (applied, epoch): (i64, i64) = meta.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((
        Sequence(applied.unsigned_abs()),
        Epoch(epoch.unsigned_abs()),
    ))
}

/// A room with all that its page of details shows.
///
/// # Errors
/// SQLite failed.
pub fn details(
    tables: &Transaction<'_>,
    viewer: &Viewer,
    room: v1::Room,
) -> Result<v1::RoomDetails, ReadError> {
    let me = &viewer.person.uid;
    let muted: Option<bool> = tables
        .prepare_cached("SELECT muted FROM member WHERE uid = ?1 AND room = ?2")?
        .query_row(params![me, room.id], |row| row.get(0))
        .optional()?;
    let joined = is_in(tables, &viewer.person, &room)?;
    Ok(v1::RoomDetails {
        members: members(tables, &room)?,
        joined,
        muted: muted.unwrap_or_default(),
        looks_after: looks_after(tables, viewer, &room)?,
        invited: if joined {
            invited_into(tables, &room)?
        } else {
            Vec::new()
        },
        is_asked: invitation(tables, me, &room.id)?.is_some(),
        with: if room.name.is_empty() {
            sidebar::others(tables, viewer, &room)?
        } else {
            Vec::new()
        },
        room: Some(room),
    })
}

/// The room with this id or, failing that, this name; whether the one who asks may know of it is
/// not asked here, but by [`visible_room`].
fn room(tables: &Transaction<'_>, id_or_name: &str) -> Result<Option<v1::Room>, ReadError> {
    Ok(tables
        .prepare_cached(concat!(
            "SELECT ",
            room_columns!(),
            " FROM room WHERE id = ?1 OR folded = ?2
             ORDER BY id = ?1 DESC, name = ?1 DESC, id LIMIT 1",
        ))?
        .query_row(params![id_or_name, looked_up(id_or_name)], room_of)
        .optional()?)
}

/// Has a room other than `except` a name with one of these keys?
///
/// # Errors
/// SQLite failed.
pub fn is_name_taken(
    tables: &Transaction<'_>,
    keys: &BTreeSet<String>,
    except: &str,
) -> Result<bool, ReadError> {
    let mut rows = tables.prepare_cached("SELECT 1 FROM room_key WHERE key = ?1 AND room <> ?2")?;
    for key in keys {
        if rows.exists([key.as_str(), except])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The room with this id, alike.
fn room_by_id(tables: &Transaction<'_>, id: &str) -> Result<Option<v1::Room>, ReadError> {
    Ok(tables
        .prepare_cached(concat!(
            "SELECT ",
            room_columns!(),
            " FROM room WHERE id = ?1",
        ))?
        .query_row([id], room_of)
        .optional()?)
}

/// The group (a closed room without a name) of exactly these people.
///
/// # Errors
/// SQLite failed.
pub fn group_of(
    tables: &Transaction<'_>,
    uids: &BTreeSet<String>,
) -> Result<Option<v1::Room>, ReadError> {
    let Some(one) = uids.first() else {
        return Ok(None);
    };
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        room_columns!(),
        " FROM room JOIN member ON member.room = room.id
         WHERE member.uid = ?1 AND room.kind = ?2 AND room.folded IS NULL
            AND room.archived = 0 AND
            (SELECT count(*) FROM member WHERE member.room = room.id) = ?3
         ORDER BY room.id",
    ))?;
    let mut everyone = tables.prepare_cached("SELECT uid FROM member WHERE room = ?1")?;
    let closed: i32 = v1::RoomKind::Closed.into();
    let count = i64::try_from(uids.len()).unwrap_or(i64::MAX);
    let rooms = rows.query_map(params![one, closed, count], room_of)?;
    for room in rooms {
        let room = room?;
        let found: BTreeSet<String> = everyone
            .query_map([&room.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        if found == *uids {
            return Ok(Some(room));
        }
    }
    Ok(None)
}

/// How many closed rooms somebody is in.
///
/// # Errors
/// SQLite failed.
pub fn closed_rooms(tables: &Transaction<'_>, uid: &Username) -> Result<usize, ReadError> {
    Ok(sight::rooms_of(tables, uid, v1::RoomKind::Closed)?.len())
}

/// Everybody, by display name.
///
/// # Errors
/// SQLite failed.
pub fn everybody(tables: &Transaction<'_>) -> Result<Vec<v1::Person>, ReadError> {
    let mut rows = tables.prepare_cached(concat!(
        "SELECT ",
        person_columns!(),
        " FROM person ORDER BY lower(display_name), uid",
    ))?;
    let people = rows.query_map([], person_of)?;
    Ok(people.collect::<Result<_, _>>()?)
}

/// Everybody whom somebody may see and who is not suspended, by display name. Only a guest's are looked at
/// one by one.
///
/// # Errors
/// SQLite failed.
pub fn everybody_visible(
    tables: &Transaction<'_>,
    viewer: &Viewer,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut people = everybody(tables)?;
    people.retain(|person| !person.suspended);
    if viewer.is_guest() {
        return visible_people(tables, viewer, people.into_iter().map(|person| person.uid));
    }
    Ok(people)
}

/// What administrators did, the latest first.
///
/// # Errors
/// SQLite failed, or an entry cannot be read.
pub fn audit(tables: &Transaction<'_>, limit: u32) -> Result<Vec<v1::Event>, ReadError> {
    let mut rows =
        tables.prepare_cached("SELECT event FROM audit ORDER BY sequence DESC LIMIT ?1")?;
    let events = rows.query_map([limit], |row| row.get::<_, Vec<u8>>(0))?;
    events
        .map(|event| v1::Event::decode(event?.as_slice()).map_err(|_| ReadError::Corrupt))
        .collect()
}

/// A right that somebody has no longer: connections that were judged by the entry `came` and not by
/// `gone` may have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// Whose it was.
    pub uid: Username,
    /// The entry of LOG that gave it; 0 where they had it from the beginning.
    pub came: Sequence,
    /// The entry that took it.
    pub gone: Sequence,
}

/// What people may do no longer, by entries after `after` and not before `since`.
///
/// # Errors
/// SQLite failed, or a name in it is none.
pub fn losses(
    tables: &Transaction<'_>,
    after: Sequence,
    since: Timestamp,
) -> Result<Vec<Loss>, ReadError> {
    let mut rows = tables.prepare_cached(
        "SELECT uid, came, sequence FROM cut WHERE sequence > ?1 AND at_ms >= ?2",
    )?;
    let losses = rows.query_map(params![signed(after), since.0], |row| {
        let (came, gone): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, String>(0)?, came, gone))
    })?;
    losses
        .map(|loss| {
            let (uid, came, gone) = loss?;
            Ok(Loss {
                uid: Username::parse(&uid).map_err(|_| ReadError::Corrupt)?,
                came: Sequence(came.unsigned_abs()),
                gone: Sequence(gone.unsigned_abs()),
            })
        })
        .collect()
}

/// Those of the asked for that exist.
///
/// # Errors
/// SQLite failed.
pub fn people(
    tables: &Transaction<'_>,
    uids: impl IntoIterator<Item = String>,
) -> Result<Vec<v1::Person>, ReadError> {
    let mut people = Vec::new();
    for uid in uids {
        people.extend(person(tables, &uid)?);
    }
    Ok(people)
}

/// Who has this username.
fn person(tables: &Transaction<'_>, uid: &str) -> Result<Option<v1::Person>, ReadError> {
    let mut row = tables.prepare_cached(concat!(
        "SELECT ",
        person_columns!(),
        " FROM person WHERE uid = ?1"
    ))?;
    Ok(row.query_row([uid], person_of).optional()?)
}

fn person_of(row: &Row<'_>) -> rusqlite::Result<v1::Person> {
    Ok(v1::Person {
        uid: row.get(0)?,
        display_name: row.get(1)?,
        role: row.get(2)?,
        suspended: row.get(3)?,
        about: row.get(4)?,
        time_zone: row.get(5)?,
        picture: row.get(6)?,
        alike: row.get(7)?,
    })
}

fn room_of(row: &Row<'_>) -> rusqlite::Result<v1::Room> {
    let pair: Option<String> = row.get(5)?;
    Ok(v1::Room {
        id: row.get(0)?,
        name: row.get(1)?,
        kind: row.get(2)?,
        topic: row.get(3)?,
        archived: row.get(4)?,
        pair: pair
            .map(|pair| pair.split('.').map(str::to_owned).collect())
            .unwrap_or_default(),
        made_by: row.get(6)?,
    })
}
